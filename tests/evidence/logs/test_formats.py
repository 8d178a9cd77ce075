"""Each format, as its maker documents it: found out from the beginning of the file, and read into the same rows."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fairlead.evidence.logs import FORMATS, Log, Unreadable, ledger
from fairlead.evidence.logs.form import EPOCH
from fairlead.evidence.logs.row import UNKNOWN_DAY, Row
from fairlead.store.export import COLUMNS

OPENAI_USAGE = """\
start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,service_tier,input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens
1761523200,1761609600,2025-10-27T00:00:00+00:00,2025-10-28T00:00:00+00:00,proj_a,12,,key_a,gpt-4o-mini-2024-07-18,False,default,5000,1000,4000,1000
1761609600,1761696000,2025-10-28T00:00:00+00:00,2025-10-29T00:00:00+00:00,,,,,,,,,,,
1761609600,1761696000,2025-10-28T00:00:00+00:00,2025-10-29T00:00:00+00:00,proj_a,1,,key_a,gpt-4o,True,default,100,10,0,100
"""
OPENAI_COSTS = """\
start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id
1761523200,1761609600,2025-10-27T00:00:00+00:00,2025-10-28T00:00:00+00:00,0.8958740000000000,usd,"gpt-4o-2024-08-06, input",proj_a
1761609600,1761696000,2025-10-28T00:00:00+00:00,2025-10-29T00:00:00+00:00,,,,
"""
ANTHROPIC_USAGE = """\
usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,web_search_count,inference_geo,speed
2026-03-22,claude-sonnet-4-20250514,the-key,Default,standard,\u2264 200k,100000,2000,3000,40000,50000,0,global,
"""
ANTHROPIC_COSTS = """\
usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type,inference_geo,speed
2026-03-15,Claude Opus 4.5,Default,the-key,message,\u2264 200k,input_no_cache,1.50,1.50,token,global,
"""
OPENROUTER_ACTIVITY = """\
generation_id,created_at,cost_total,cost_web_search,cost_cache,cost_file_processing,byok_usage_inference,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,model_permaslug,provider_name,variant,cancelled,streamed,user,finish_reason_raw,finish_reason_normalized,generation_time_ms,time_to_first_token_ms,api_key_name,app_name
gen-1,2026-03-28 10:00:00.123,0.0025,0,0,0,0.0005,1200,300,100,200,openai/gpt-4o,OpenAI,standard,false,true,,stop,stop,1500,300,main,shop
"""
LITELLM: dict[str, Any] = {
    "request_id": "chatcmpl-1", "call_type": "acompletion", "api_key": "88dc28", "spend": 0.0125, "total_tokens": 1500,
    "prompt_tokens": 1200, "completion_tokens": 300, "startTime": "2026-01-05T23:59:58.500Z",
    "endTime": "2026-01-06T00:00:00.750Z", "completionStartTime": None, "model": "azure/gpt-4o",
    "custom_llm_provider": "azure", "user": "", "metadata": {"usage_object": {"prompt_tokens": 1200,
    "completion_tokens": 300, "prompt_tokens_details": {"cached_tokens": 700}}}, "cache_hit": "None", "team_id": "team-a",
    "end_user": "", "messages": [{"role": "user", "content": "hello"}], "response": {}, "status": "success",
}  # fmt: skip
LEDGER: dict[str, Any] = {
    "request": "r1", "attempt": "r1.1", "number": 1, "started_ms": 1767657598500, "tenant": "acme", "key": "dev",
    "task": "translation", "purpose": "answer", "model": "claude-haiku-4.5", "provider": "anthropic", "outcome": "ok",
    "total_ms": 900, "input": 1000, "cached_input": 400, "cache_write": 100, "cache_write_1h": 50, "output": 200,
    "reasoning": 20, "estimated": False, "price_row": "anthropic/claude-haiku-4.5@2025-10-15", "currency": "USD",
    "cost": "0.0017", "cost_usd": "0.0017",
}  # fmt: skip


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal() - EPOCH


def rows(path: Path) -> tuple[str, list[Row], list[str]]:
    wrong: list[str] = []
    log = Log(path, lambda file, line, reason: wrong.append(f"{Path(file).name}:{line}: {reason}"))
    found = list(log.rows())
    return log.format.name, found, wrong


def of(tmp_path: Path, text: str) -> tuple[str, list[Row], list[str]]:
    file = tmp_path / "log"
    file.write_text(text)
    return rows(file)


def facts(row: Row) -> dict[str, Any]:
    """What differs from an empty row."""
    empty = Row("")
    return {name: value for name in row.__struct_fields__ if (value := getattr(row, name)) != getattr(empty, name)}


def test_an_export_of_openai_usage_is_read_otherwise_than_it_says(tmp_path: Path) -> None:  # M6.7
    name, found, wrong = of(tmp_path, OPENAI_USAGE)
    assert (name, wrong) == ("OpenAI usage (CSV)", [])
    assert [facts(row) for row in found] == [
        {"model": "gpt-4o-mini-2024-07-18", "day": day("2025-10-27"), "input": 5000, "output": 1000, "cached": 4000,
         "requests": 12, "tenant": "proj_a", "key": "key_a", "via": "openai"},
        {"model": "gpt-4o", "day": day("2025-10-28"), "input": 100, "output": 10, "tenant": "proj_a", "key": "key_a",
         "via": "openai", "batch": True},
    ]  # fmt: skip


def test_an_answer_of_openais_usage_api_is_read_otherwise_than_it_says(tmp_path: Path) -> None:  # M6.7
    result = {"object": "organization.usage.completions.result", "input_tokens": 1000, "output_tokens": 500,
              "input_cached_tokens": 800, "num_model_requests": 5, "model": "gpt-4o", "batch": None}  # fmt: skip
    cost = {"object": "organization.costs.result", "amount": {"value": 0.06, "currency": "usd"}, "line_item": None}
    bucket = {"object": "bucket", "start_time": 1730419200, "end_time": 1730505600, "results": [result, cost]}
    page = {"object": "page", "data": [bucket], "has_more": False, "next_page": None}
    expected = [
        {"model": "gpt-4o", "day": day("2024-11-01"), "input": 1000, "output": 500, "cached": 800, "requests": 5,
         "via": "openai"},
        {"day": day("2024-11-01"), "cost": 60_000_000, "requests": 0, "via": "openai", "bill": True},
    ]  # fmt: skip
    for text in (json.dumps(page), json.dumps(page, indent=2), json.dumps([page, {**page, "data": []}])):
        name, found, wrong = of(tmp_path, text)
        assert (name, wrong) == ("OpenAI usage or costs (API)", [])
        assert [facts(row) for row in found] == expected
    assert len(of(tmp_path, f"{json.dumps(page)}\n{json.dumps(page)}\n")[1]) == 4


def test_usage_without_a_model_is_taken_for_something(tmp_path: Path) -> None:
    bucket = {"start_time": 1730419200, "end_time": 1730505600, "results": [{"input_tokens": 5, "output_tokens": 1}]}
    _, found, wrong = of(tmp_path, json.dumps({"data": [bucket]}, indent=1))
    assert found == []
    assert wrong == ["log:3: the row names no model: ask for the usage with group_by=model"]


def test_openais_costs_are_read_otherwise_than_they_say(tmp_path: Path) -> None:
    name, found, wrong = of(tmp_path, OPENAI_COSTS)
    assert (name, wrong) == ("OpenAI costs (CSV)", [])
    assert [facts(row) for row in found] == [
        {"model": "gpt-4o-2024-08-06", "day": day("2025-10-27"), "cost": 895_874_000, "requests": 0, "via": "openai",
         "bill": True},
    ]  # fmt: skip


def test_an_export_of_anthropic_usage_is_read_otherwise_than_it_says(tmp_path: Path) -> None:  # M6.7
    name, found, wrong = of(tmp_path, ANTHROPIC_USAGE)
    assert (name, wrong) == ("Anthropic usage (CSV)", [])
    assert [facts(row) for row in found] == [
        {"model": "claude-sonnet-4-20250514", "day": day("2026-03-22"), "input": 145_000, "output": 50_000,
         "cached": 40_000, "cache_write": 2000, "cache_write_1h": 3000, "requests": 0, "tenant": "Default",
         "key": "the-key", "via": "anthropic"},
    ]  # fmt: skip
    name, found, wrong = of(tmp_path, ANTHROPIC_COSTS)
    assert (name, wrong) == ("Anthropic costs (CSV)", [])
    assert (found[0].cost, found[0].bill, found[0].model) == (1_500_000_000, True, "Claude Opus 4.5")


def test_an_answer_of_anthropics_reports_is_read_otherwise_than_it_says(tmp_path: Path) -> None:  # M6.7
    used = {"uncached_input_tokens": 1500, "cache_creation": {"ephemeral_1h_input_tokens": 1000,
            "ephemeral_5m_input_tokens": 500}, "cache_read_input_tokens": 200, "output_tokens": 500,
            "server_tool_use": {"web_search_requests": 10}, "api_key_id": "apikey_1", "workspace_id": None,
            "model": "claude-opus-4-5-20251101", "service_tier": "batch", "context_window": "0-200k"}  # fmt: skip
    paid = {"amount": "123.45", "currency": "USD", "description": None, "model": None, "token_type": None}
    bucket = {"starting_at": "2025-08-01T00:00:00Z", "ending_at": "2025-08-02T00:00:00Z", "results": [used, paid]}
    name, found, wrong = of(tmp_path, json.dumps({"data": [bucket], "has_more": False, "next_page": None}))
    assert (name, wrong) == ("Anthropic usage or costs (API)", [])
    assert [facts(row) for row in found] == [
        {"model": "claude-opus-4-5-20251101", "day": day("2025-08-01"), "input": 3200, "output": 500, "cached": 200,
         "cache_write": 500, "cache_write_1h": 1000, "requests": 0, "key": "apikey_1", "via": "anthropic",
         "batch": True},
        {"day": day("2025-08-01"), "cost": 1_234_500_000, "requests": 0, "via": "anthropic", "bill": True},
    ]  # fmt: skip


def test_litellms_spend_logs_are_read_otherwise_than_they_say(tmp_path: Path) -> None:  # M6.7
    expected = {
        "model": "azure/gpt-4o", "day": day("2026-01-05"), "input": 1200, "output": 300, "cached": 700,
        "cost": 12_500_000, "latency_ms": 2250, "tenant": "team-a", "key": "88dc28", "via": "azure",
    }  # fmt: skip
    header = ",".join(LITELLM)
    cells = [value if isinstance(value, str) else json.dumps(value) for value in LITELLM.values()]
    line = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    for text in (json.dumps(LITELLM), json.dumps([LITELLM], indent=2), json.dumps({"data": [LITELLM], "total": 1}),
                 f"{header}\n{line}\n"):  # fmt: skip
        name, found, wrong = of(tmp_path, text)
        assert (name, wrong) == ("LiteLLM spend logs", [])
        told = facts(found[0])
        assert json.loads(told.pop("said")) == LITELLM["messages"]
        assert told == expected


def test_what_litellm_answered_from_its_cache_has_a_price(tmp_path: Path) -> None:
    hit = {**LITELLM, "cache_hit": "True", "spend": 0.5}
    failed = {**LITELLM, "status": "failure", "model": "", "model_group": "gpt-4o", "messages": {}, "metadata": None}
    _, found, wrong = of(tmp_path, f"{json.dumps(hit)}\n{json.dumps(failed)}\n")
    assert wrong == []
    assert found[0].cost == 0
    assert (found[1].failed, found[1].model, found[1].said) == (1, "gpt-4o", None)


def test_openrouters_activity_is_read_otherwise_than_it_says(tmp_path: Path) -> None:  # M6.7
    name, found, wrong = of(tmp_path, OPENROUTER_ACTIVITY)
    assert (name, wrong) == ("OpenRouter activity (CSV)", [])
    assert facts(found[0]) == {
        "model": "openai/gpt-4o", "day": day("2026-03-28"), "input": 1200, "output": 300, "cached": 200,
        "reasoning": 100, "cost": 3_000_000, "latency_ms": 1500, "tenant": "shop", "key": "main", "via": "openrouter",
    }  # fmt: skip
    item = {"date": "2025-08-24", "model": "openai/gpt-4.1", "model_permaslug": "openai/gpt-4.1-2025-04-14",
            "endpoint_id": "x", "provider_name": "OpenAI", "usage": 0.015, "byok_usage_inference": 0.012, "requests": 5,
            "prompt_tokens": 50, "completion_tokens": 125, "reasoning_tokens": 25}  # fmt: skip
    name, found, wrong = of(tmp_path, json.dumps({"data": [item]}))
    assert (name, wrong) == ("OpenRouter activity (API)", [])
    assert facts(found[0]) == {
        "model": "openai/gpt-4.1", "day": day("2025-08-24"), "input": 50, "output": 125, "reasoning": 25,
        "cost": 27_000_000, "requests": 5, "via": "openrouter",
    }  # fmt: skip
    one = {"id": "gen-1", "created_at": "2026-02-24T21:19:33.705Z", "model": "openai/gpt-4o", "total_cost": 0.001,
           "tokens_prompt": 65, "tokens_completion": 116, "native_tokens_prompt": 64, "native_tokens_completion": 98,
           "native_tokens_reasoning": 0, "latency": 1016, "generation_time": 2940}  # fmt: skip
    name, found, wrong = of(tmp_path, json.dumps({"data": one}))
    assert (name, wrong) == ("OpenRouter generations (API)", [])
    assert (found[0].input, found[0].output, found[0].latency_ms, found[0].cost) == (64, 98, 3956, 1_000_000)


def test_an_export_of_the_ledger_is_read_otherwise_than_it_says(tmp_path: Path) -> None:  # M6.7
    expected = {
        "model": "claude-haiku-4.5", "day": day("2026-01-05"), "input": 1000, "output": 200, "cached": 400,
        "cache_write": 100, "cache_write_1h": 50, "reasoning": 20, "cost": 1_700_000, "latency_ms": 900,
        "task": "translation", "tenant": "acme", "key": "dev", "via": "anthropic",
    }  # fmt: skip
    cells = (
        "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for value in LEDGER.values()
    )
    for text in (json.dumps(LEDGER), f"{','.join(LEDGER)}\n{','.join(cells)}\n"):
        name, found, wrong = of(tmp_path, text)
        assert (name, wrong) == ("fairlead's ledger", [])
        assert facts(found[0]) == expected
    lost = {**LEDGER, "outcome": "lost", "price_row": "", "purpose": "judge"}
    row = of(tmp_path, json.dumps(lost))[1][0]
    assert (row.failed, row.cost, row.task) == (1, None, "judge")


def test_the_ledger_is_written_in_other_columns_than_are_read() -> None:
    written = {column.name for column in COLUMNS}
    assert written >= ledger.MARKS
    read = {*ledger._Attempt.__struct_fields__, *ledger._TEXTS, *ledger._COUNTS}
    assert read <= written


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            {"prompt": "hello", "response": "hi", "model": "gpt-4o", "timestamp": "2026-05-01T23:00:00-08:00"},
            {"model": "gpt-4o", "day": day("2026-05-02"), "input": 6, "output": 2, "said": "hello", "estimated": True},
        ),
        (
            {"messages": [{"role": "user", "content": "hello"}], "usage": {"prompt_tokens": 9, "completion_tokens": 4}},
            {"input": 9, "output": 4, "said": b'[{"role": "user", "content": "hello"}]'},
        ),
        (
            {"request": {"model": "claude-opus-4-5", "messages": []}, "created": 1767657598,
             "response": {"usage": {"input_tokens": 5, "cache_read_input_tokens": 20, "output_tokens": 7}}},
            {"model": "claude-opus-4-5", "day": day("2026-01-05"), "input": 25, "cached": 20, "output": 7, "said": b"[]"},
        ),
        (
            {"text": "a", "input_tokens": "12", "output_tokens": 3, "cost_usd": "0.5", "status": 500, "task": "chat"},
            {"input": 12, "output": 3, "cost": 500_000_000, "failed": 1, "said": "a", "task": "chat"},
        ),
        (
            {"question": "a", "error": "timeout", "latency_ms": 120.7, "user": "ann", "key": "k"},
            {"input": 5, "output": 400, "failed": 1, "latency_ms": 120, "said": "a", "tenant": "ann", "key": "k",
             "estimated": True},
        ),
    ],
)  # fmt: skip
def test_a_plain_log_is_read_otherwise_than_it_says(
    line: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:  # M6.7
    name, found, wrong = of(tmp_path, json.dumps(line) + "\n")
    assert (name, wrong) == ("prompts and answers", [])
    assert facts(found[0]) == expected


def test_a_table_of_prompts_is_none(tmp_path: Path) -> None:
    text = 'Prompt;Response;Model;Cost\n"Why;\nwhy?";because;gpt-4o;$0.25\n'
    name, found, wrong = of(tmp_path, text)
    assert (name, wrong) == ("prompts and answers", [])
    assert (found[0].said, found[0].model, found[0].cost) == ("Why;\nwhy?", "gpt-4o", 250_000_000)


def test_a_packed_file_or_a_byte_order_mark_stands_in_the_way(tmp_path: Path) -> None:
    plain, packed, marked = tmp_path / "plain", tmp_path / "packed", tmp_path / "marked"
    plain.write_text(OPENAI_USAGE)
    packed.write_bytes(gzip.compress(OPENAI_USAGE.encode()))
    marked.write_bytes(b"\xef\xbb\xbf" + OPENAI_USAGE.encode())
    assert rows(plain) == rows(packed) == rows(marked)
    lines = json.dumps({"prompt": "x"}).encode() + b"\n"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + lines * 3))
    assert len(rows(packed)[1]) == 3


def test_a_wrong_line_ends_the_reading_or_is_not_told_where(tmp_path: Path) -> None:  # M6.7
    lines = [
        json.dumps({"prompt": "one"}),
        "{broken",
        "",
        json.dumps({"nothing": 1}),
        json.dumps({"prompt": "two", "prompt_tokens": -5}),
        json.dumps({"prompt": "three", "timestamp": "yesterday"}),
        json.dumps([1, 2]),
        "\x00\xff",
        json.dumps({"prompt": "four"}),
    ]
    _, found, wrong = of(tmp_path, "\n".join(lines))
    assert [row.said for row in found] == ["one", "four"]
    assert [each.split(": ")[0] for each in wrong] == ["log:2", "log:4", "log:5", "log:6", "log:7", "log:8"]
    assert "this is not JSON" in wrong[0]
    broken = OPENAI_USAGE.replace(",100,10,0,100", ",a lot,10,0,100") + "1,2\n"
    _, found, wrong = of(tmp_path, broken)
    assert len(found) == 1
    assert wrong == ["log:4: 'a lot' is no count", "log:5: the line has too few columns"]


def test_an_archive_that_is_cut_off_takes_what_was_read_with_it(tmp_path: Path) -> None:
    file = tmp_path / "cut.gz"
    lines = b"".join(json.dumps({"prompt": f"{at} {at * 7919 % 1009}"}).encode() + b"\n" for at in range(200_000))
    packed = gzip.compress(lines)
    file.write_bytes(packed[: len(packed) // 2])
    _, found, wrong = rows(file)
    assert len(found) > 1000
    assert len(wrong) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "hello\nthere",
        "a,b,c\n1,2,3\n",
        '{"colour": "red"}\n',
        "[]",
        "[1, 2]",
        "{",
        '"colour"',
        "\x1f\x8bnot",
    ],
)
def test_what_is_no_log_is_taken_for_one(text: str, tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises((Unreadable, OSError, EOFError)):
        Log(file, lambda *_: None)


def test_a_format_is_the_one_before_it_too() -> None:
    """What marks a format is not among what marks a later one: the order of the table decides nothing else."""
    assert len({each.name for each in FORMATS}) == len(FORMATS)
    assert FORMATS[-1].marks == frozenset()


def test_a_day_is_another_one_in_another_spelling() -> None:
    from fairlead.evidence.logs.form import day as read

    expected = day("2026-01-05")
    for spelled in ("2026-01-05", "2026-01-05T23:59:59Z", "2026-01-05 10:00:00", "2026-01-05 10:00:00 UTC", 1767657598,
                    "1767657598", 1767657598500, 1767657598.5, "2026-01-06T02:00:00+05:00"):  # fmt: skip
        assert read(spelled) == expected, spelled
    assert read(None) == read("") == UNKNOWN_DAY
    # Digits that could be read as a year, a month and a day.
    assert read("1762041600") == read("20251102") == day("2025-11-02")
    for wrong in ("soon", "2026-13-45", -1, float("nan"), 1e30, "1e30", 0, "1762-04-16", "9999-01-01"):
        with pytest.raises(ValueError, match="no time"):
            read(wrong)
