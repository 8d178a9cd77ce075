"""A history that no provider would take is put in order, without losing what was said."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given

from fairlead.dialects.neutral import Block, Image, Text, ToolCall, ToolResult, Turn
from fairlead.dialects.repair import NO_RESULT, merged, repaired
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest
from tests.dialects.conversations import disorderly, orderly


def ask(*blocks: Block) -> Turn:
    return Turn("user", blocks)


def say(*blocks: Block) -> Turn:
    return Turn("assistant", blocks)


def call(name: str, tool: str = "t") -> ToolCall:
    return ToolCall(name, tool, "{}")


def result(name: str, text: str = "r", tool: str = "t") -> ToolResult:
    return ToolResult(name, (Text(text),), tool)


def put_right(*turns: Turn) -> tuple[tuple[Turn, ...], dict[str, str]]:
    losses = Losses("x")
    return repaired(turns, losses), dict(losses.found)


HI = Text("hi")


def test_a_history_in_order_stays_as_it_is() -> None:
    turns = (ask(HI), say(Text("so"), call("a"), call("b")), ask(result("a"), result("b"), HI), say(HI), ask(HI))
    assert put_right(*turns) == (turns, {})


def test_results_come_right_behind_their_calls_in_the_calls_order() -> None:
    turns, lost = put_right(
        ask(HI), say(call("a"), call("b")), Turn("system", (Text("s"),)), ask(HI, result("b")), ask(result("a"))
    )
    assert turns == (
        ask(HI), say(call("a"), call("b")), ask(result("a"), result("b")), Turn("system", (Text("s"),)), ask(HI),
    )  # fmt: skip
    assert lost == {}


def test_calls_in_two_turns_with_their_results_behind_both_become_one_turn() -> None:
    turns, lost = put_right(say(Text("1"), call("a")), say(Text("2"), call("b")), ask(result("a"), result("b")))
    assert turns == (say(Text("1"), call("a"), Text("2"), call("b")), ask(result("a"), result("b")))
    assert lost == {}


def test_a_call_without_a_result_is_given_one_that_says_so() -> None:
    turns, lost = put_right(say(call("a"), call("b")), ask(result("b"), HI))
    assert turns[1] == ask(ToolResult("a", (Text(NO_RESULT),), "t"), result("b"), HI)
    assert lost == {"missing_tool_result.t": "approximated"}
    turns, _ = put_right(ask(HI), say(call("a")))
    assert turns[2] == ask(ToolResult("a", (Text(NO_RESULT),), "t"))
    turns, _ = put_right(say(call("a")), say(Text("done")), ask(HI))
    assert [turn.role for turn in turns] == ["assistant", "user", "assistant", "user"]


def test_a_result_without_a_call_becomes_the_users_text() -> None:
    picture = Image(media_type="image/png", data="AA==")
    turns, lost = put_right(ask(ToolResult("z", (Text("42"), picture), "sum"), HI))
    assert turns == (ask(Text("Result of the tool sum: 42"), picture, HI),)
    assert lost == {"orphan_tool_result.sum": "approximated"}
    turns, _ = put_right(say(call("a")), ask(result("a")), say(HI), ask(result("a", "late")))
    assert turns[-1] == ask(Text("Result of the tool t: late"))


def test_a_second_result_of_a_call_is_dropped() -> None:
    turns, lost = put_right(say(call("a")), ask(result("a", "one"), result("a", "two")))
    assert turns == (say(call("a")), ask(result("a", "one")))
    assert lost == {"duplicate_tool_result.t": "dropped"}


def test_ids_that_stand_twice_are_told_apart_with_their_results() -> None:
    turns, lost = put_right(
        say(call("a", "x"), call("a", "y")), ask(result("a", "1", "x"), result("a", "2", "y")),
        say(call("a", "z")), ask(result("a", "3", "z")),
    )  # fmt: skip
    assert turns == (
        say(call("a", "x"), call("a_2", "y")), ask(result("a", "1", "x"), result("a_2", "2", "y")),
        say(call("a_3", "z")), ask(result("a_3", "3", "z")),
    )  # fmt: skip
    assert lost == {}


def test_results_without_an_id_find_their_call_by_name_then_by_order() -> None:
    turns, _ = put_right(
        say(call("", "x"), call("", "y"), call("", "x")),
        ask(result("", "y1", "y"), result("", "x1", "x"), result("", "x2", "")),
    )
    results = [block for block in turns[1].blocks if isinstance(block, ToolResult)]
    assert [(one.name, one.content[0]) for one in results] == [
        ("x", Text("x1")), ("y", Text("y1")), ("x", Text("x2")),
    ]  # fmt: skip
    assert len({one.id for one in results}) == 3


def test_a_result_learns_its_tools_name() -> None:
    turns, _ = put_right(say(call("a", "sum")), ask(ToolResult("a", (Text("1"),))))
    assert turns[1].blocks[0] == result("a", "1", "sum")


def test_empty_turns_are_dropped() -> None:
    turns, lost = put_right(ask(HI), say(), say(Text("")), ask(Text(""), HI))
    assert turns == (ask(HI), ask(HI))
    assert lost == {"empty_turn": "dropped"}


def test_a_strict_caller_is_told_instead() -> None:
    with pytest.raises(BadRequest) as caught:
        repaired([ask(result("z"))], Losses("x", strict=True))
    assert caught.value.code == "not_translatable"


def test_neighbours_of_a_role_are_merged_with_results_in_front() -> None:
    assert merged([ask(HI), ask(result("a"), Text("x")), ask(result("b")), say(HI), say(call("c"))]) == (
        ask(result("a"), result("b"), HI, Text("x")),
        say(HI, call("c")),
    )


def texts(turns: tuple[Turn, ...]) -> list[str]:
    """Every word said, wherever it stands."""
    found = []
    for turn in turns:
        for block in turn.blocks:
            if isinstance(block, Text) and block.text:
                found.append(block.text)
            elif isinstance(block, ToolResult):
                found += [part.text for part in block.content if isinstance(part, Text)]
    return sorted(found)


@given(disorderly())
def test_whatever_came_is_in_order_afterwards(turns: tuple[Turn, ...]) -> None:
    losses = Losses("x")
    found = repaired(turns, losses)
    ids = [block.id for turn in found for block in turn.blocks if isinstance(block, ToolCall)]
    assert len(set(ids)) == len(ids)
    assert "" not in ids
    expected = 0
    for number, turn in enumerate(found):
        assert turn.blocks
        calls = [block.id for block in turn.blocks if isinstance(block, ToolCall)]
        if not calls:
            continue
        expected += len(calls)
        following = found[number + 1]
        assert following.role == "user"
        assert [getattr(block, "id", "") for block in following.blocks[: len(calls)]] == calls
    assert expected == sum(isinstance(block, ToolResult) for turn in found for block in turn.blocks)
    again = Losses("x")
    assert repaired(found, again) == found
    assert again.found == {}


@given(disorderly())
def test_nothing_said_is_lost_but_second_results(turns: tuple[Turn, ...]) -> None:
    losses = Losses("x")
    found = repaired(turns, losses)
    if not any(name.startswith("duplicate") for name in losses.found):
        after = "\n".join(texts(found))
        assert all(text in after for text in texts(turns))
    calls = [(block.name, block.arguments) for turn in turns for block in turn.blocks if isinstance(block, ToolCall)]
    kept = [(block.name, block.arguments) for turn in found for block in turn.blocks if isinstance(block, ToolCall)]
    assert kept == calls


@given(orderly())
def test_what_an_agent_sends_is_left_alone(turns: tuple[Turn, ...]) -> None:
    losses = Losses("x")
    found = repaired(turns, losses)
    assert losses.found == {}
    assert [turn.role for turn in found] == [turn.role for turn in turns]
    assert texts(found) == texts(turns)


@given(disorderly())
def test_merging_twice_is_merging_once(turns: tuple[Turn, ...]) -> None:
    once = merged(turns)
    assert merged(once) == once
    assert all(one.role != other.role for one, other in pairwise(once))
