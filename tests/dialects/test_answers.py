"""What stands beside the words of an answer: sources and probabilities cross dialects, the rest is named. # M1.5"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from fairlead.dialects import citations, neutral, sse
from fairlead.dialects.dialect import Asked
from fairlead.dialects.neutral import (
    Answer,
    Begin,
    Citation,
    Cite,
    Close,
    Delta,
    End,
    Finish,
    Foreign,
    Image,
    Open,
    Text,
)
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import RULES, Losses
from fairlead.dialects.translating import Translating

SPOKEN = ("openai_chat", "openai_responses", "anthropic_messages", "gemini")
REQUESTS = {
    "openai_chat": b'{"model":"m","messages":[{"role":"user","content":"x"}]}',
    "openai_responses": b'{"model":"m","input":"x"}',
    "anthropic_messages": b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}',
    "gemini": b'{"contents":[{"role":"user","parts":[{"text":"x"}]}]}',
}
SAID = "Zürich lies on a lake. Bern does not."
URL, OTHER = "https://example.org/lake", "https://example.org/bern"
CITED = (Citation(URL, "Lake", "", 0, 22), Citation(OTHER, "Bern", "", 23, 37))
SURE = [
    {"token": "Z", "logprob": -0.5, "bytes": [90], "top_logprobs": [{"token": "Z", "logprob": -0.5, "bytes": [90]}]},
    {"token": "ü", "logprob": -0.25, "bytes": [195, 188], "top_logprobs": []},
]


def asked(dialect: str) -> Asked:
    view = DIALECTS[dialect].read_request(REQUESTS[dialect], "m", False)
    return Asked("req_1", "m", view, 1)


def written(answer: Answer, dialect: str) -> bytes:
    return DIALECTS[dialect].write_answer(answer, asked(dialect))


def answer(*blocks: neutral.Block, **fields: Any) -> Answer:
    return Answer(id="a", model="m", blocks=blocks, stop="end", **fields)


def pages(found: Answer) -> list[tuple[str, str, str]]:
    """(address, title, what rests on it)."""
    said = "".join(block.text for block in found.blocks if isinstance(block, Text))
    return [(one.url, one.title, said[start:end]) for one, start, end in citations.placed(found.blocks)]


@pytest.mark.parametrize(("one", "other"), list(itertools.product(SPOKEN, SPOKEN)))
def test_a_page_is_lost_or_moved_between_two_dialects(one: str, other: str) -> None:
    first = DIALECTS[one].read_answer(
        written(
            answer(
                Text(SAID[:23], citations=CITED[:1]), Text(SAID[23:], citations=(Citation(OTHER, "Bern", "", 0, 14),))
            ),
            one,
        )
    )
    assert {url for url, _, _ in pages(first)} == {URL, OTHER}
    second = DIALECTS[other].read_answer(written(first, other))
    assert [(url, title) for url, title, _ in pages(second)] == [(URL, "Lake"), (OTHER, "Bern")]
    rests = {url: text.strip() for url, _, text in pages(second)}
    assert rests == {URL: "Zürich lies on a lake.", OTHER: "Bern does not."}
    assert not list(citations.untold(second, other))


@pytest.mark.parametrize(
    ("one", "other"), list(itertools.product(("openai_chat", "openai_responses", "gemini"), repeat=2))
)
def test_probabilities_are_lost_between_two_dialects(one: str, other: str) -> None:
    first = DIALECTS[one].read_answer(written(answer(Text("Zü"), logprobs=json.dumps(SURE).encode()), one))
    second = DIALECTS[other].read_answer(written(first, other))
    found = json.loads(second.logprobs)
    assert [(token["token"], token["logprob"], token["bytes"]) for token in found] == [
        ("Z", -0.5, [90]),
        ("ü", -0.25, [195, 188]),
    ]
    assert found[0]["top_logprobs"][0]["token"] == "Z"
    assert list(citations.untold(second, "anthropic_messages")) == ["answer_logprobs"]


def test_what_stands_in_the_anthropic_form_is_not_what_its_sdk_wants() -> None:
    anthropic_types = pytest.importorskip("anthropic.types")
    body = written(answer(Text(SAID, citations=CITED)), "anthropic_messages")
    message = anthropic_types.Message.model_validate_json(body)
    assert "".join(block.text for block in message.content) == SAID
    [first], [second] = (block.citations for block in message.content if block.citations)
    assert (first.type, first.url, first.title, first.cited_text) == (
        "web_search_result_location", URL, "Lake", "Zürich lies on a lake.",
    )  # fmt: skip
    assert second.url == OTHER
    assert "citations" not in json.loads(written(answer(Text(SAID)), "anthropic_messages"))["content"][0]


def test_anthropic_is_sent_sources_that_it_did_not_find() -> None:
    """It would refuse them: they are its own to look up."""
    from fairlead.dialects.anthropic_messages import native

    shown = json.loads(written(answer(Text(SAID, citations=CITED)), "anthropic_messages"))["content"]
    own = {"type": "text", "text": "x", "citations": [{"type": "web_search_result_location", "encrypted_index": "E"}]}
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "assistant", "content": [*shown, own]}]}
    [back] = json.loads(native.own(json.dumps(body, ensure_ascii=False).encode()))["messages"]
    assert "".join(block["text"] for block in back["content"][:-1]) == SAID
    assert not any("citations" in block for block in back["content"][:-1])
    assert back["content"][-1] == own


ANSWERED: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "files of Responses": (
        "openai_responses",
        {
            "status": "completed",
            "output": [
                {"type": "file_search_call", "id": "fs_1", "queries": []},
                {"type": "message", "role": "assistant", "content": [
                    {"type": "output_text", "text": "x", "annotations": [{"type": "file_citation", "file_id": "f"}]},
                ]},
            ],
        },
        ["citations.file_citation", "server_tool.file_search_call"],
    ),
    "documents of Anthropic": (
        "anthropic_messages",
        {
            "content": [
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
                {"type": "text", "text": "x", "citations": [{"type": "page_location", "document_index": 0}]},
            ],
            "stop_reason": "end_turn",
        },
        ["citations.page_location", "server_tool.server_tool_use", "server_tool.web_search_tool_result"],
    ),
    "searches of Gemini": (
        "gemini",
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": "x"}, {"executableCode": {"code": "1"}}]},
                    "finishReason": "STOP",
                    "groundingMetadata": {"webSearchQueries": ["q"], "searchEntryPoint": {"renderedContent": "<b>"}},
                }
            ]
        },
        ["grounding.webSearchQueries", "grounding.searchEntryPoint", "server_tool.executableCode"],
    ),
    "sound of Chat Completions": (
        "openai_chat",
        {
            "choices": [
                {
                    "message": {"role": "assistant", "content": "x", "audio": {"id": "a"}, "annotations": [{"type": "file"}]},
                    "finish_reason": "stop",
                }
            ]
        },
        ["answer_media.audio", "citations.file"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERED)
@pytest.mark.parametrize("target", SPOKEN)
def test_something_of_an_answer_is_lost_in_silence(name: str, target: str) -> None:
    dialect, body, names = ANSWERED[name]
    if target == dialect:
        return
    losses = Losses(dialect, strict=True)
    found = DIALECTS[dialect].read_answer(json.dumps(body).encode())
    losses.answered(citations.untold(found, target))
    assert sorted(losses.found) == sorted(names)
    assert all(f"dropped:{name}" in losses.header() for name in names)
    assert b"x" in written(found, target)


@pytest.mark.parametrize("target", SPOKEN)
def test_media_of_an_answer_are_lost_in_silence(target: str) -> None:
    found = answer(Text("x"), Image("image/png", "AAAA"), Foreign("elsewhere", "video", b"{}"))
    told = list(citations.untold(found, target))
    assert told == (["server_tool.video"] if target == "gemini" else ["answer_media.image", "server_tool.video"])
    assert {name.partition(".")[0] for name in told} <= RULES.keys()


ODD = (b"7", b"[]", b"{}", b'"x"', b"[7]", b'[{"type":7}]', b'{"groundingChunks":7}', b"null")


@pytest.mark.parametrize("odd", ODD)
def test_odd_sources_spoil_an_answer(odd: bytes) -> None:
    chat = b'{"choices":[{"message":{"content":"x","annotations": %b},"logprobs": %b,"finish_reason":"stop"}]}'
    gemini = (
        b'{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP","groundingMetadata":%b,'
        b'"citationMetadata":%b,"logprobsResult":%b}]}'
    )
    responses = (
        b'{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"x",'
        b'"annotations": %b,"logprobs": [{"logprob":%b}]}]}]}'
    )
    anthropic = b'{"content":[{"type":"text","text":"x","citations": %b}],"stop_reason":"end_turn"}'
    for dialect, body in (
        ("openai_chat", chat % (odd, odd)),
        ("gemini", gemini % (odd, odd, odd)),
        ("openai_responses", responses % (odd, odd)),
        ("anthropic_messages", anthropic % odd),
    ):
        found = DIALECTS[dialect].read_answer(body)
        assert [block.text for block in found.blocks if isinstance(block, Text)] == ["x"]
        for target in SPOKEN:
            written(found, target)


STREAMS: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    "anthropic": (
        "anthropic_messages",
        [
            {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "id": "s", "name": "n"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {"type": "char_location"}}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "x"}},
            {"type": "content_block_stop", "index": 1},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
        ],
        "dropped:server_tool.server_tool_use, dropped:citations.char_location",
    ),
    "chat": (
        "openai_chat",
        [
            {"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": {"content": [{"token": 7}]}}]},
            {"id": "c", "choices": [{"index": 0, "delta": {"annotations": [{"type": "file"}]}}]},
            {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ],
        "dropped:answer_logprobs, dropped:citations.file",
    ),
    "gemini": (
        "gemini",
        [
            {"candidates": [{"content": {"parts": [{"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": ""}}]}}]},
            {"candidates": [{"content": {"parts": []}, "finishReason": "STOP", "groundingMetadata": {"webSearchQueries": ["q"]}}]},
        ],
        "dropped:answer_media.inlineData, dropped:grounding.webSearchQueries",
    ),
    "responses": (
        "openai_responses",
        [
            {"type": "response.created", "response": {"id": "r", "model": "m"}},
            {"type": "response.output_item.added", "output_index": 0, "item": {"type": "web_search_call", "id": "w"}},
            {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "x"},
            {"type": "response.output_text.annotation.added", "output_index": 1, "annotation": {"type": "file_citation"}},
            {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}},
        ],
        "dropped:server_tool.web_search_call, dropped:citations.file_citation",
    ),
}  # fmt: skip


def streamed(dialect: str, events: list[dict[str, Any]]) -> bytes:
    stream = b"".join(
        (f"event: {event['type']}\n" if "type" in event else "").encode() + b"data: %b\n\n" % json.dumps(event).encode()
        for event in events
    )
    return stream + (b"data: [DONE]\n\n" if dialect == "openai_chat" else b"")


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("target", SPOKEN)
def test_something_of_a_stream_is_lost_in_silence(name: str, target: str) -> None:
    dialect, events, told = STREAMS[name]
    stream = streamed(dialect, events)
    for comments in (True, False):
        reader = Translating(DIALECTS[dialect].interpreter(), DIALECTS[target].writer(asked(target)), comments)
        out = reader.feed(stream) + reader.end()
        assert reader.ended
        assert not reader.error
        assert out.count(f": x-fairlead-lossy: {told}\n\n".encode()) == (1 if comments else 0)
        assert comments or target != "gemini" or f'"finishMessage":"x-fairlead-lossy: {told}"'.encode() in out


TOLD: tuple[neutral.Event, ...] = (
    Begin("a", "m", 1),
    Open(0, "text"),
    Delta(0, "text", b'"Z\\u00fc"', json.dumps(SURE).encode()),
    Delta(0, "text", json.dumps(SAID[2:]).encode()),
    Cite(0, CITED[0]),
    Cite(0, CITED[1]),
    Close(0),
    Finish("end"),
    End(),
)


def read_as_stream(dialect: str, stream: bytes) -> tuple[Answer, list[str]]:
    """(the answer that a stream told, what of it has no place)."""
    reader = DIALECTS[dialect].interpreter()
    said: dict[int, str] = {}
    cited: dict[int, list[Citation]] = {}
    sure: list[Any] = []
    for event in [found for one in sse.split(stream) for found in reader.read(one)]:
        if isinstance(event, Delta):
            said[event.index] = said.get(event.index, "") + json.loads(event.data)
            sure += json.loads(event.logprobs or b"[]")
        elif isinstance(event, Cite):
            assert event.index in said
            cited.setdefault(event.index, []).append(event.citation)
    blocks = [Text(text, citations=tuple(cited.get(index, ()))) for index, text in said.items()]
    return answer(*blocks, logprobs=json.dumps(sure).encode()), list(reader.unread)


def told(dialect: str) -> bytes:
    writer = DIALECTS[dialect].writer(asked(dialect))
    return b"".join(writer.write(event) for event in TOLD)


@pytest.mark.parametrize(("one", "other"), list(itertools.product(SPOKEN, SPOKEN)))
def test_a_page_of_a_stream_is_lost_or_moved_between_two_dialects(one: str, other: str) -> None:
    reader = Translating(DIALECTS[one].interpreter(), DIALECTS[other].writer(asked(other)))
    found, unread = read_as_stream(other, reader.feed(told(one)) + reader.end())
    # A block of a stream in Anthropic's words is cited as a whole.
    whole = "anthropic_messages" in (one, other)
    assert [(url, title) for url, title, _ in pages(found)] == [(URL, "Lake"), (OTHER, "Bern")]
    rests = [text.strip() for _, _, text in pages(found)]
    assert rests == ([SAID, SAID] if whole else ["Zürich lies on a lake.", "Bern does not."])
    assert not [rule for rule in unread if rule.startswith("citations")]


@pytest.mark.parametrize(("one", "other"), list(itertools.product(SPOKEN, SPOKEN)))
def test_the_makers_own_library_cannot_read_the_sources_of_a_stream(one: str, other: str) -> None:
    clients = pytest.importorskip("tests.replay.clients").CLIENTS
    reader = Translating(DIALECTS[one].interpreter(), DIALECTS[other].writer(asked(other)))
    assert clients[other].read(reader.feed(told(one)) + reader.end(), True).text == SAID


@pytest.mark.parametrize("one", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize("other", SPOKEN)
def test_probabilities_of_a_stream_are_lost_between_two_dialects(one: str, other: str) -> None:
    reader = Translating(DIALECTS[one].interpreter(), DIALECTS[other].writer(asked(other)))
    out = reader.feed(told(one)) + reader.end()
    lost = b": x-fairlead-lossy: dropped:answer_logprobs\n\n" in out
    assert lost == (other == "anthropic_messages")
    if other == "gemini":
        [sure] = [piece for piece in out.split(b"\r\n\r\n") if b"logprobsResult" in piece]
        chosen = json.loads(sure[6:])["candidates"][0]["logprobsResult"]["chosenCandidates"]
        assert chosen == [{"token": "Z", "logProbability": -0.5}, {"token": "ü", "logProbability": -0.25}]
    elif not lost:
        assert json.loads(read_as_stream(other, out)[0].logprobs) == SURE


def test_a_client_of_text_completions_is_not_told_what_it_lost() -> None:
    view = DIALECTS["completions"].read_request(b'{"model":"m","prompt":"x","stream":true}', "", False)
    writer = DIALECTS["completions"].writer(Asked("r", "m", view, 1))
    reader = Translating(DIALECTS["openai_chat"].interpreter(), writer)
    out = reader.feed(told("openai_chat")) + reader.end()
    assert b": x-fairlead-lossy: dropped:answer_logprobs, dropped:citations\n\n" in out
    whole = answer(Text(SAID, citations=CITED), logprobs=b"[]")
    assert list(citations.untold(whole, "completions")) == ["answer_logprobs", "citations"]


def test_addresses_beside_the_choices_of_a_stream_are_lost() -> None:
    chunks: list[dict[str, Any]] = [
        {"id": "c", "choices": [{"index": 0, "delta": {"content": SAID}}], "citations": [URL]},
        {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "citations": [URL, OTHER, "no"]},
    ]
    found, unread = read_as_stream("openai_chat", streamed("openai_chat", chunks))
    assert [(url, text) for url, _, text in pages(found)] == [(URL, SAID), (OTHER, SAID)]
    assert not unread


def test_sources_told_with_the_whole_message_only_are_lost() -> None:
    sources = [{"type": "url_citation", "url": URL, "title": "Lake", "start_index": 0, "end_index": 22}]
    part = {"type": "output_text", "text": SAID, "annotations": sources}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "r", "model": "m"}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": SAID},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": [part]}},
        {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}},
    ]
    for told_ in (events, [events[0], *events[2:]]):
        found, unread = read_as_stream("openai_responses", streamed("openai_responses", told_))
        assert pages(found) == [(URL, "Lake", "Zürich lies on a lake.")]
        assert not unread


@pytest.mark.parametrize("odd", ODD)
def test_odd_sources_spoil_a_stream(odd: bytes) -> None:
    value = json.loads(odd)
    chat: list[dict[str, Any]] = [
        {"id": "c", "citations": value, "choices": [
            {"index": 0, "delta": {"content": "x", "annotations": value}, "logprobs": value, "finish_reason": "stop"},
        ]},
    ]  # fmt: skip
    gemini: list[dict[str, Any]] = [
        {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP", "groundingMetadata": value,
                         "citationMetadata": value, "logprobsResult": value}]},
    ]  # fmt: skip
    responses: list[dict[str, Any]] = [
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "x", "logprobs": value},
        {"type": "response.output_text.annotation.added", "output_index": 0, "annotation": value},
        {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}},
    ]
    anthropic: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "model": "m"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "", "citations": value}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": value}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
    streams = {
        "openai_chat": chat, "gemini": gemini, "openai_responses": responses, "anthropic_messages": anthropic,
    }  # fmt: skip
    for dialect, events in streams.items():
        for target in SPOKEN:
            reader = Translating(DIALECTS[dialect].interpreter(), DIALECTS[target].writer(asked(target)))
            out = reader.feed(streamed(dialect, events)) + reader.end()
            assert (reader.error, reader.done) == ("", True)
            found, _ = read_as_stream(target, out)
            assert [block.text for block in found.blocks if isinstance(block, Text)] == ["x"]


@pytest.mark.parametrize("target", SPOKEN)
def test_a_source_of_what_is_no_text_breaks_a_stream(target: str) -> None:
    page = {"type": "url_citation", "url": URL}
    responses: list[dict[str, Any]] = [
        {"type": "response.refusal.delta", "output_index": 0, "content_index": 0, "delta": "x"},
        {"type": "response.output_text.annotation.added", "output_index": 0, "annotation": page},
        {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}},
    ]
    anthropic: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "model": "m"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "x"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {"url": URL}}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    chat: list[dict[str, Any]] = [
        {"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}}]},
        {"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]},
        {"id": "c", "choices": [{"index": 0, "delta": {"annotations": [page]}, "finish_reason": "tool_calls"}]},
    ]
    gemini: list[dict[str, Any]] = [
        {"candidates": [{"content": {"parts": [{"text": "x"}, {"functionCall": {"name": "f"}}]}, "finishReason": "STOP",
                         "groundingMetadata": {"groundingChunks": [{"web": {"uri": URL}}]}}]},
    ]  # fmt: skip
    for dialect, events in (
        ("openai_responses", responses), ("anthropic_messages", anthropic), ("openai_chat", chat), ("gemini", gemini),
    ):  # fmt: skip
        reader = Translating(DIALECTS[dialect].interpreter(), DIALECTS[target].writer(asked(target)))
        out = reader.feed(streamed(dialect, events)) + reader.end()
        assert (reader.error, reader.done) == ("", True)
        assert b": x-fairlead-lossy: dropped:citations\n\n" in out
