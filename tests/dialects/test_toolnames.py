"""Names of tools that a target cannot spell go there spelled otherwise, and come back as the caller's."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.dialects import neutral, toolnames
from fairlead.dialects.dialect import Target
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.dialects.translating import Translating
from tests.replay.mutations import ASKED

RULES = {
    "openai_chat": r"[a-zA-Z0-9_-]{1,64}",
    "openai_responses": r"[a-zA-Z0-9_-]{1,64}",
    "anthropic_messages": r"[a-zA-Z0-9_-]{1,128}",
    "gemini": r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
}
KINDS = {"openai_chat": "openai", "openai_responses": "openai", "anthropic_messages": "anthropic", "gemini": "gemini"}
each_dialect = pytest.mark.parametrize("dialect", RULES)


@each_dialect
@given(st.text(max_size=150), st.text(max_size=150))
def test_every_name_becomes_one_of_the_alphabet_and_no_two_the_same(dialect: str, one: str, other: str) -> None:
    spelled = toolnames.spelled(one, dialect)
    assert re.fullmatch(RULES[dialect], spelled)
    assert toolnames.spelled(spelled, dialect) == spelled
    if one != other and not re.fullmatch(RULES[dialect], one):
        assert toolnames.spelled(other, dialect) != spelled or other == spelled


def request(name: str) -> neutral.Request:
    return neutral.Request(
        model="m",
        turns=(
            neutral.Turn("user", (neutral.Text("x"),)),
            neutral.Turn("assistant", (neutral.ToolCall("call_1", name, "{}"),)),
            neutral.Turn("user", (neutral.ToolResult("call_1", (neutral.Text("sunny"),), name),)),
        ),
        tools=(neutral.Tool(name, "d", b'{"type":"object","properties":{}}'),),
        tool_choice="tool",
        tool_name=name,
        max_output=100,
    )


@each_dialect
@pytest.mark.parametrize("name", ["2nd.tool/with spaces", "wetter_münchen", "x" * 200])
def test_a_tool_is_called_the_same_wherever_it_stands(dialect: str, name: str) -> None:
    asked = request(name)
    body = DIALECTS[dialect].write_request(asked, Target("up", KINDS[dialect], 4096), Losses(dialect))
    spelled = toolnames.spelled(name, dialect)
    assert name not in json.dumps(json.loads(body), ensure_ascii=False)
    assert body.count(b'"%b"' % spelled.encode()) >= 3  # declared, chosen, called
    assert toolnames.own(asked, dialect) == {spelled: name}


@each_dialect
def test_a_name_that_fits_is_left_alone(dialect: str) -> None:
    asked = request("get_weather")
    assert toolnames.written(asked, dialect) is asked
    assert toolnames.own(asked, dialect) == {}


def test_calls_come_back_under_the_callers_names() -> None:
    answer = neutral.Answer(id="a", model="m", blocks=(neutral.ToolCall("c", "_2nd_1", "{}"),), stop="tool_use")
    (block,) = toolnames.restored(answer, {"_2nd_1": "2nd"}).blocks
    assert isinstance(block, neutral.ToolCall)
    assert block.name == "2nd"


def test_streamed_calls_come_back_under_the_callers_names() -> None:
    called = b'data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"_2nd_1","args":{}}}]},"finishReason":"STOP"}]}\n\n'
    reader = Translating(
        toolnames.Restoring(DIALECTS["gemini"].interpreter(), {"_2nd_1": "2nd"}),
        DIALECTS["openai_chat"].writer(ASKED["openai_chat", True]),
    )
    out = reader.feed(called) + reader.end()
    assert b'"name":"2nd"' in out
    assert b"_2nd_1" not in out
