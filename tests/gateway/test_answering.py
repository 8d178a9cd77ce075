"""Answers on their way back through the gateway: what the caller is not told is named in the header. # M1.5"""

from __future__ import annotations

import json

import pytest

from fairlead.core.call import Call, Caller, Facts, Wishes
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.gateway.answering import own_headers, whole

SEARCHED = {
    "content": [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "text", "text": "x", "citations": [{"type": "char_location", "document_index": 0}]},
    ],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def call(dialect: str, body: bytes) -> Call:
    view = DIALECTS[dialect].read_request(body, "m", False)
    return Call("req_1", "generate", dialect, "m", False, body, view, Caller("a"), Wishes(strict=True), Facts(1))


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai_chat", b'{"model":"m","messages":[{"role":"user","content":"x"}]}'),
        ("openai_responses", b'{"model":"m","input":"x"}'),
        ("gemini", b'{"contents":[{"role":"user","parts":[{"text":"x"}]}]}'),
    ],
)
def test_a_caller_is_told_less_without_a_word(dialect: str, body: bytes) -> None:
    asked = call(dialect, body)
    losses = Losses("anthropic_messages", strict=True)
    found = whole(asked, "anthropic_messages", json.dumps(SEARCHED).encode(), "m", losses)
    assert found.error == ""
    assert found.usage is not None
    assert b'"x"' in found.body
    header = b"x-fairlead-lossy: dropped:citations.char_location, dropped:server_tool.server_tool_use\r\n"
    assert header in own_headers(asked, 0, None, 1, 0.0, losses)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0, b"0.00"), (0.000_412_3, b"0.41"), (0.000_018, b"0.02"), (0.009_994, b"9.99"), (0.009_996, b"10.00"), (1.5, b"1500.00"), (-0.5, b"-500.00")],
)  # fmt: skip
def test_our_own_time_is_told_in_hundredths_of_a_millisecond(seconds: float, told: bytes) -> None:
    asked = call("gemini", b'{"contents":[{"role":"user","parts":[{"text":"x"}]}]}')
    assert b"x-fairlead-overhead-ms: %b\r\n" % told in own_headers(asked, 0, None, 1, seconds, None)


def test_an_answer_that_passes_is_said_to_have_lost_something() -> None:
    body = b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}]}'
    losses = Losses("anthropic_messages")
    given = json.dumps(SEARCHED).encode()
    assert whole(call("anthropic_messages", body), "anthropic_messages", given, "m", losses).body == given
    assert losses.header() == ""
