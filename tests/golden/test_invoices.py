"""Golden invoices: what a provider says it used, and what that comes to, line by line, by figures worked out by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from fairlead.core.cost import cost_lines, in_usd, total, usage_cost
from fairlead.core.model import Fee, Price, Rates
from fairlead.core.record import Usage
from fairlead.dialects.table import DIALECTS
from tests.dialects.recordings import BESIDE

M = 1_000_000
CLAUDE = Price("claude", Rates(3_000 * M, 15_000 * M, 300 * M, 3_750 * M, 6_000 * M))
TIERED = Price(
    "gemini", Rates(1_250 * M, 10_000 * M, 125 * M), tiers=((200_000, Rates(2_500 * M, 15_000 * M, 250 * M)),)
)
SPOKEN = Price("audio", Rates(2_500 * M, 10_000 * M, audio_input=40_000 * M, audio_output=80_000 * M))
DRAWN = Price("image", Rates(5_000 * M, 0, image_input=10_000 * M, image_output=40_000 * M))
THOUGHT = Price("thought", Rates(100 * M, 400 * M, reasoning=1_200 * M), per_request=5_000_000)
YUAN = Price("yuan", Rates(2_000 * M, 8_000 * M, 500 * M), "CNY", exchange=140_000_000)

CENT = 10_000_000
SEARCHING = Price(
    "searching",
    Rates(2_000 * M, 8_000 * M),
    fees=(
        Fee("web_search", CENT),
        Fee("web_search_preview", 25_000_000),
        Fee("file_search", 2_500_000),
        Fee("code_interpreter", 3 * CENT),
    ),
)
GROUNDED = Price("per query", Rates(2_000 * M, 12_000 * M), fees=(Fee("web_search", 14_000_000),))
GROUNDED_ONCE = Price(
    "per prompt",
    Rates(1_250 * M, 10_000 * M),
    fees=(Fee("web_search", 35_000_000, "request"), Fee("maps", 25_000_000, "request")),
)
SEARCHED = {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "a"}}
OPENED = {"type": "web_search_call", "status": "completed", "action": {"type": "open_page", "url": "https://a.example"}}
RAN = {"type": "code_interpreter_call", "status": "completed", "container_id": "cntr_1"}

OPENAI = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
RESPONSES = {"status": "completed", "output": [{"type": "message", "role": "assistant", "content": []}]}
CLAUDES = {"type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn"}
GEMINIS = {"candidates": [{"content": {"parts": [{"text": "hi"}]}}]}

INVOICES: dict[str, tuple[str, Price, dict[str, Any], dict[str, tuple[int, str]]]] = {
    "openai, cached": (
        "openai_chat",
        Price("gpt", Rates(1_250 * M, 10_000 * M, 125 * M)),
        {**OPENAI, "usage": {"prompt_tokens": 2_006, "completion_tokens": 300, "total_tokens": 2_306, "prompt_tokens_details": {"cached_tokens": 1_920}}},
        {"cached_input": (1_920, "0.00024"), "input": (86, "0.0001075"), "output": (300, "0.003")},
    ),
    "openai, reasoning as output": (
        "openai_chat",
        Price("o", Rates(1_100 * M, 4_400 * M)),
        {**OPENAI, "usage": {"prompt_tokens": 10, "completion_tokens": 520, "completion_tokens_details": {"reasoning_tokens": 512}}},
        {"input": (10, "0.000011"), "output": (520, "0.002288")},
    ),
    "reasoning beside the completion, priced apart, with a fee": (
        "openai_chat",
        THOUGHT,
        {**OPENAI, "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 170}},
        {"reasoning": (50, "0.00006"), "input": (100, "0.00001"), "output": (20, "0.000008"), "request": (1, "0.005")},
    ),
    "openai, audio both ways": (
        "openai_chat",
        SPOKEN,
        {**OPENAI, "usage": {"prompt_tokens": 120, "completion_tokens": 260, "prompt_tokens_details": {"audio_tokens": 100}, "completion_tokens_details": {"audio_tokens": 200}}},
        {"audio_input": (100, "0.004"), "input": (20, "0.00005"), "audio_output": (200, "0.016"), "output": (60, "0.0006")},
    ),
    "openai, an image made of another": (
        "opaque",
        DRAWN,
        {"data": [], "usage": {"input_tokens": 350, "output_tokens": 4_160, "input_tokens_details": {"text_tokens": 50, "image_tokens": 300}, "output_tokens_details": {"image_tokens": 4_160}}},
        {"image_input": (300, "0.003"), "input": (50, "0.00025"), "image_output": (4_160, "0.1664")},
    ),
    "openai responses, cached and written": (
        "openai_responses",
        Price("gpt", Rates(2_000 * M, 8_000 * M, 500 * M, 2_500 * M)),
        {**RESPONSES, "usage": {"input_tokens": 3_000, "output_tokens": 10, "input_tokens_details": {"cached_tokens": 1_000, "cache_write_tokens": 1_500}, "output_tokens_details": {"reasoning_tokens": 4}}},
        {"cached_input": (1_000, "0.0005"), "cache_write": (1_500, "0.00375"), "input": (500, "0.001"), "output": (10, "0.00008")},
    ),
    "anthropic, five minutes and one hour": (
        "anthropic_messages",
        CLAUDE,
        {**CLAUDES, "usage": {"input_tokens": 11, "output_tokens": 503, "cache_read_input_tokens": 1_800, "cache_creation_input_tokens": 700, "cache_creation": {"ephemeral_5m_input_tokens": 248, "ephemeral_1h_input_tokens": 452}}},
        {
            "cached_input": (1_800, "0.00054"),
            "cache_write": (248, "0.00093"),
            "cache_write_1h": (452, "0.002712"),
            "input": (11, "0.000033"),
            "output": (503, "0.007545"),
        },
    ),
    "anthropic, written and nobody says for how long": (
        "anthropic_messages",
        CLAUDE,
        {**CLAUDES, "usage": {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 100}},
        {"cache_write": (100, "0.000375"), "input": (1, "0.000003"), "output": (2, "0.00003")},
    ),
    "gemini, at the threshold": (
        "gemini",
        TIERED,
        {**GEMINIS, "usageMetadata": {"promptTokenCount": 200_000, "candidatesTokenCount": 100, "thoughtsTokenCount": 50}},
        {"input": (200_000, "0.25"), "output": (150, "0.0015")},
    ),
    "gemini, above it, cached and with tools": (
        "gemini",
        TIERED,
        {**GEMINIS, "usageMetadata": {"promptTokenCount": 199_000, "toolUsePromptTokenCount": 2_000, "cachedContentTokenCount": 150_000, "candidatesTokenCount": 1}},
        {"cached_input": (150_000, "0.0375"), "input": (51_000, "0.1275"), "output": (1, "0.000015")},
    ),
    "gemini, audio of which some was cached": (
        "gemini",
        Price("flash", Rates(300 * M, 2_500 * M, 30 * M, audio_input=1_000 * M, image_output=30_000 * M)),
        {
            **GEMINIS,
            "usageMetadata": {
                "promptTokenCount": 1_000,
                "cachedContentTokenCount": 400,
                "candidatesTokenCount": 1_300,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 300}, {"modality": "AUDIO", "tokenCount": 700}],
                "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 400}],
                "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1_290}],
            },
        },
        {"cached_input": (400, "0.000012"), "audio_input": (300, "0.0003"), "input": (300, "0.00009"), "image_output": (1_290, "0.0387"), "output": (10, "0.000025")},
    ),
    "deepseek, in yuan": (
        "openai_chat",
        YUAN,
        {**OPENAI, "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "prompt_cache_hit_tokens": 640, "prompt_cache_miss_tokens": 360}},
        {"cached_input": (640, "0.00032"), "input": (360, "0.00072"), "output": (100, "0.0008")},
    ),
    "mistral, cached by another name": (
        "openai_chat",
        Price("mistral", Rates(400 * M, 2_000 * M, 40 * M)),
        {**OPENAI, "usage": {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 55, "num_cached_tokens": 48}},
        {"cached_input": (48, "0.00000192"), "input": (2, "0.0000008"), "output": (5, "0.00001")},
    ),
    "embeddings": (
        "embeddings",
        Price("small", Rates(20 * M, 0)),
        {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}], "usage": {"prompt_tokens": 8, "total_tokens": 8}},
        {"input": (8, "0.00000016")},
    ),
    "responses, two searches, pages opened in between, one that failed": (
        "openai_responses",
        SEARCHING,
        {
            **RESPONSES,
            "output": [SEARCHED, OPENED, SEARCHED, {**SEARCHED, "status": "failed"}, *RESPONSES["output"]],
            "usage": {"input_tokens": 1_000, "output_tokens": 100},
        },
        {"input": (1_000, "0.002"), "output": (100, "0.0008"), "web_search": (2, "0.02")},
    ),
    "responses, a search by the tool that costs otherwise": (
        "openai_responses",
        SEARCHING,
        {
            **RESPONSES,
            "output": [{**SEARCHED, "action": None}, *RESPONSES["output"]],
            "tools": [{"type": "web_search_preview"}],
            "usage": {"input_tokens": 1_000, "output_tokens": 100},
        },
        {"input": (1_000, "0.002"), "output": (100, "0.0008"), "web_search_preview": (1, "0.025")},
    ),
    "responses, code run three times in two containers, and files searched": (
        "openai_responses",
        SEARCHING,
        {
            **RESPONSES,
            "output": [RAN, RAN, {**RAN, "container_id": "cntr_2"}, {"type": "file_search_call", "status": "completed"}],
            "usage": {"input_tokens": 1_000, "output_tokens": 100},
        },
        {"input": (1_000, "0.002"), "output": (100, "0.0008"), "code_interpreter": (2, "0.06"), "file_search": (1, "0.0025")},
    ),
    "responses, functions of the caller's own": (
        "openai_responses",
        SEARCHING,
        {
            **RESPONSES,
            "output": [{"type": "function_call", "name": "web_search_call", "arguments": '{"type": "web_search_call"}', "call_id": "c"}],
            "usage": {"input_tokens": 1_000, "output_tokens": 100},
        },
        {"input": (1_000, "0.002"), "output": (100, "0.0008")},
    ),
    "responses, told in the usage": (
        "openai_responses",
        SEARCHING,
        {
            **RESPONSES,
            "output": [SEARCHED],
            "usage": {"input_tokens": 1_000, "output_tokens": 100, "server_side_tool_usage_details": {"web_search_calls": 3, "x_search_calls": 0}},
        },
        {"input": (1_000, "0.002"), "output": (100, "0.0008"), "web_search": (3, "0.03")},
    ),
    "anthropic, searches and pages": (
        "anthropic_messages",
        Price("claude", Rates(3_000 * M, 15_000 * M), fees=(Fee("web_search", CENT), Fee("web_fetch", 0))),
        {
            **CLAUDES,
            "container": {"id": "container_1"},
            "usage": {"input_tokens": 1_000, "output_tokens": 100, "server_tool_use": {"web_search_requests": 4, "web_fetch_requests": 2}},
        },
        {"input": (1_000, "0.003"), "output": (100, "0.0015"), "web_fetch": (2, "0"), "web_search": (4, "0.04")},
    ),
    "anthropic, code": (
        "anthropic_messages",
        Price("claude", Rates(3_000 * M, 15_000 * M), fees=(Fee("code_execution", 5_000_000),)),
        {
            **CLAUDES,
            "container": {"id": "container_1"},
            "usage": {"input_tokens": 1_000, "output_tokens": 100, "server_tool_use": {"web_search_requests": 0}},
        },
        {"input": (1_000, "0.003"), "output": (100, "0.0015"), "code_execution": (1, "0.005")},
    ),
    "gemini, charged by the query": (
        "gemini",
        GROUNDED,
        {
            "candidates": [{**GEMINIS["candidates"][0], "groundingMetadata": {"webSearchQueries": ["a", "b", ""], "groundingChunks": []}}],
            "usageMetadata": {"promptTokenCount": 1_000, "candidatesTokenCount": 100},
        },
        {"input": (1_000, "0.002"), "output": (100, "0.0012"), "web_search": (2, "0.028")},
    ),
    "gemini, charged by the prompt, and a map": (
        "gemini",
        GROUNDED_ONCE,
        {
            "candidates": [
                {**GEMINIS["candidates"][0], "groundingMetadata": {"webSearchQueries": ["a", "b"], "groundingChunks": [{"maps": {"uri": "https://a.example"}}]}}
            ],
            "usageMetadata": {"promptTokenCount": 1_000, "candidatesTokenCount": 100},
        },
        {"input": (1_000, "0.00125"), "output": (100, "0.001"), "maps": (1, "0.025"), "web_search": (1, "0.035")},
    ),
    "openrouter, a search": (
        "openai_chat",
        SEARCHING,
        {**OPENAI, "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "server_tool_use_details": {"web_search_requests": 2}}},
        {"input": (1_000, "0.002"), "output": (100, "0.0008"), "web_search": (2, "0.02")},
    ),
    "groq, a search of the browser's": (
        "openai_chat",
        SEARCHING,
        {
            "choices": [{**OPENAI["choices"][0], "message": {"role": "assistant", "content": "hi", "executed_tools": [{"type": "browser_search"}, {"type": "browser.open"}]}}],
            "usage": {"prompt_tokens": 1_000, "completion_tokens": 100},
            "x_groq": {"id": "req_1"},
        },
        {"input": (1_000, "0.002"), "output": (100, "0.0008"), "web_search": (1, "0.01")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INVOICES)
def test_an_invoice_is_not_the_golden_one(name: str) -> None:  # M6.1 FAULTS 47
    dialect, price, answer, golden = INVOICES[name]
    usage, wrong = DIALECTS[dialect].account(json.dumps(answer).encode())
    assert wrong == ""
    assert usage is not None
    lines = cost_lines(price, usage)
    assert {line.kind: (line.quantity, Decimal(line.amount).scaleb(-9)) for line in lines} == {
        kind: (quantity, Decimal(amount)) for kind, (quantity, amount) in golden.items()
    }
    assert all((line.price_row, line.currency) == (price.id, price.currency) for line in lines)
    assert usage_cost(price, usage) == in_usd(total(lines), price)


@pytest.mark.parametrize("odd", [-1, "2", 10**9, None, [1], 2.5], ids=repr)
def test_a_provider_that_miscounts_its_tools_is_believed_or_loses_its_tokens(odd: object) -> None:  # FAULTS 47
    told = {
        **CLAUDES,
        "usage": {"input_tokens": 10, "output_tokens": 5, "server_tool_use": {"web_search_requests": odd}},
    }
    usage, wrong = DIALECTS["anthropic_messages"].account(json.dumps(told).encode())
    assert (wrong, usage is not None) == ("", True)
    assert usage is not None
    assert (usage.input, usage.output) == (10, 5)
    assert usage.calls == ((("web_search", 1_000_000),) if odd == 10**9 else ())


def test_a_tool_without_a_fee_is_free_or_left_out() -> None:  # M6.2
    usage = Usage(1_000, 100, calls=(("image_generation", 2), ("web_search", 1)))
    lines = cost_lines(SEARCHING, usage)
    assert [(line.kind, line.quantity, line.unit, line.price_row, line.amount) for line in lines[-2:]] == [
        ("image_generation", 2, "call", "", 0),
        ("web_search", 1, "call", "searching", CENT),
    ]
    assert usage_cost(SEARCHING, usage) == 2_000_000 + 800_000 + CENT


# ---- recorded answers

PRICE = Price(
    "recorded",
    Rates(3_000 * M, 15_000 * M, 300 * M, 3_750 * M, 6_000 * M),
    fees=(Fee("web_search", CENT), Fee("code_interpreter", 3 * CENT)),
)
DIALECT_OF = (
    ("/chat/completions", "openai_chat"),
    ("/responses", "openai_responses"),
    ("/v1/messages", "anthropic_messages"),
    (":generateContent", "gemini"),
    ("/v1/embeddings", "embeddings"),
)


def recorded() -> dict[str, tuple[str, dict[str, Any]]]:
    found = {}
    for file in sorted((BESIDE / "fixtures").glob("*/json-*.json")):
        one = json.loads(file.read_text())
        url, answer = one["request"]["url"].split("?")[0], one["response"].get("json")
        dialect = next((name for end, name in DIALECT_OF if url.endswith(end)), None)
        if dialect is not None and one["response"]["status"] == 200 and isinstance(answer, dict):
            told = answer.get("usage") or answer.get("usageMetadata") or {}
            if not answer.get("error") and {"prompt_tokens", "input_tokens", "promptTokenCount"} & told.keys():
                found[f"{file.parent.name}/{file.stem}"] = dialect, answer
    return found


RECORDED = recorded()


def by_hand(dialect: str, answer: dict[str, Any]) -> Decimal:
    """What an accountant makes of it, who knows nothing of our types."""
    used = answer.get("usage") or answer.get("usageMetadata") or {}
    some = {name: value or 0 for name, value in used.items()}
    if dialect == "anthropic_messages":
        kinds = some.get("cache_creation") or {}
        hour = kinds.get("ephemeral_1h_input_tokens", 0)
        written = some.get("cache_creation_input_tokens", 0)
        parts = (
            some["input_tokens"],
            some.get("cache_read_input_tokens", 0),
            written - hour,
            hour,
            some["output_tokens"],
        )
    elif dialect == "gemini":
        read = some.get("promptTokenCount", 0) + some.get("toolUsePromptTokenCount", 0)
        cached = some.get("cachedContentTokenCount", 0)
        parts = (read - cached, cached, 0, 0, some.get("candidatesTokenCount", 0) + some.get("thoughtsTokenCount", 0))
    else:
        read = some.get("prompt_tokens", some.get("input_tokens", 0))
        written = some.get("completion_tokens", some.get("output_tokens", 0))
        details = some.get("prompt_tokens_details") or some.get("input_tokens_details") or {}
        names = ("cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens")
        cached = details.get("cached_tokens") or next((some[name] for name in names if some.get(name)), 0)
        stored = details.get("cache_write_tokens") or 0
        beside = max(some.get("total_tokens", 0) - read - written, 0) if dialect == "openai_chat" else 0
        parts = (read - cached - stored, cached, stored, 0, written + beside)
    rates = ("3", "0.3", "3.75", "6", "15")
    searches: int = (some.get("server_tool_use") or some.get("server_tool_use_details") or {}).get(
        "web_search_requests", 0
    )
    for candidate in answer.get("candidates", ()):
        searches += len((candidate.get("groundingMetadata") or {}).get("webSearchQueries", ()))
    items = answer.get("output") if dialect == "openai_responses" else ()
    searches += sum(
        1 for item in items or () if item["type"] == "web_search_call" and item["action"]["type"] == "search"
    )
    containers = {item["container_id"] for item in items or () if item["type"] == "code_interpreter_call"}
    fees = Decimal("0.01") * searches + Decimal("0.03") * len(containers)
    tokens = sum((Decimal(n) * Decimal(rate) for n, rate in zip(parts, rates, strict=True)), Decimal(0)) / 10**6
    return fees + tokens


@pytest.mark.skipif(not RECORDED, reason="no recordings beside the checkout")
@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_answer_comes_to_another_sum(name: str) -> None:  # FAULTS 47
    dialect, answer = RECORDED[name]
    usage, wrong = DIALECTS[dialect].account(json.dumps(answer).encode())
    assert (wrong, usage is not None) == ("", True)
    assert usage is not None
    assert Decimal(total(cost_lines(PRICE, usage))).scaleb(-9) == by_hand(dialect, answer)


@pytest.mark.skipif(not RECORDED, reason="no recordings beside the checkout")
def test_a_provider_was_not_looked_at() -> None:
    assert len(RECORDED) > 60
    assert {dialect for dialect, _ in RECORDED.values()} == {name for _, name in DIALECT_OF}
    used = [DIALECTS[dialect].account(json.dumps(answer).encode())[0] for dialect, answer in RECORDED.values()]
    tools = {tool for usage in used if usage is not None for tool, _ in usage.calls}
    assert tools == {"code_execution", "code_interpreter", "web_search"}
