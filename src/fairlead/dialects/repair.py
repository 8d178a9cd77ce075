"""Conversations put in order before they are written for a provider, which refuses what does not fit together.

Clients shorten histories, change them and mix those of several makers: a tool's result stands alone, a call never got
its result, an id stands twice, a turn is empty. Afterwards each assistant's turn with tool calls is followed by a
user's turn that begins with their results, in the calls' order. What is in order already stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from fairlead.dialects.neutral import Block, Document, Image, Text, ToolCall, ToolResult, Turn
from fairlead.dialects.translate import Losses

NO_RESULT = "no result was given"


def repaired(turns: Iterable[Turn], losses: Losses) -> tuple[Turn, ...]:
    """The turns, with every tool call and result in its place. What had to be made up or dropped is in `losses`."""
    filled = _without_empty(turns, losses)
    out: list[Turn] = []
    taken: set[str] = set()
    at = 0
    while at < len(filled):
        if filled[at].role != "assistant":
            out += _plain(filled[at], losses)
            at += 1
            continue
        run = _reach(filled, at, ("assistant", "system"))
        while filled[run - 1].role == "system":
            run -= 1
        end = _reach(filled, run, ("user", "system"))
        out += _exchange(filled[at:run], filled[run:end], taken, losses)
        at = end
    return tuple(out)


def merged(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Neighbours of the same role in one turn; tool results come first in a user's turn."""
    out: list[Turn] = []
    for turn in turns:
        if out and out[-1].role == turn.role:
            out[-1] = Turn(turn.role, out[-1].blocks + turn.blocks)
        else:
            out.append(turn)
    return tuple(_results_first(turn) if turn.role == "user" else turn for turn in out)


def _results_first(turn: Turn) -> Turn:
    results = tuple(block for block in turn.blocks if isinstance(block, ToolResult))
    if not results or turn.blocks[: len(results)] == results:
        return turn
    return Turn(turn.role, results + tuple(block for block in turn.blocks if not isinstance(block, ToolResult)))


def _reach(turns: list[Turn], at: int, roles: tuple[str, ...]) -> int:
    while at < len(turns) and turns[at].role in roles:
        at += 1
    return at


def _without_empty(turns: Iterable[Turn], losses: Losses) -> list[Turn]:
    kept = []
    for turn in turns:
        blocks = tuple(block for block in turn.blocks if not (isinstance(block, Text) and not block.text))
        if not blocks:
            losses.add("empty_turn")
        else:
            kept.append(turn if len(blocks) == len(turn.blocks) else Turn(turn.role, blocks))
    return kept


def _plain(turn: Turn, losses: Losses) -> tuple[Turn, ...]:
    """A turn that answers no call: results in it are orphans."""
    if not _has_results(turn):
        return (turn,)
    blocks: list[Block] = []
    for block in turn.blocks:
        if isinstance(block, ToolResult):
            blocks += _orphan(block, losses)
        else:
            blocks.append(block)
    return (Turn(turn.role, tuple(blocks)),)


def _has_results(turn: Turn) -> bool:
    return any(isinstance(block, ToolResult) for block in turn.blocks)


def _orphan(result: ToolResult, losses: Losses) -> tuple[Block, ...]:
    losses.add("orphan_tool_result", result.name or result.id)
    said = "\n".join(part.text for part in result.content if isinstance(part, Text))
    media: tuple[Image | Document, ...] = tuple(part for part in result.content if not isinstance(part, Text))
    head = f"Result of the tool {result.name}" if result.name else "Result of a tool"
    return (Text(f"{head}: {said}" if said else f"{head}."), *media)


def _exchange(run: list[Turn], answers: list[Turn], taken: set[str], losses: Losses) -> list[Turn]:
    """Neighbouring assistant's turns, and what follows up to the next one: written with the results in their place."""
    answered = {block.id for turn in answers for block in turn.blocks if isinstance(block, ToolResult)}
    out: list[Turn] = []
    waiting: list[Turn] = []
    blocks: tuple[Block, ...] = ()
    last = len(run) - 1
    for number, turn in enumerate(run):
        if turn.role == "system":
            (waiting if blocks else out).append(turn)
            continue
        blocks += turn.blocks
        calls = [block for block in blocks if isinstance(block, ToolCall)]
        if number == last:
            break
        if calls and any(call.id in answered for call in calls):
            # Its results come behind the next turn, which therefore becomes a part of it.
            continue
        out += _answered(blocks, [], taken, losses)
        out += waiting
        waiting, blocks = [], ()
    return [*out, *_answered(blocks, [*waiting, *answers], taken, losses)]


def _answered(blocks: tuple[Block, ...], answers: list[Turn], taken: set[str], losses: Losses) -> list[Turn]:
    """One assistant's turn, its results, and the rest of what followed."""
    calls = [block for block in blocks if isinstance(block, ToolCall)]
    if not calls:
        return [Turn("assistant", blocks), *(turn for answer in answers for turn in _plain(answer, losses))]
    found, spare = _matched(calls, answers)
    named = _named(calls, taken)
    results: list[ToolResult] = []
    for number, call in enumerate(named):
        result = found.get(number)
        if result is None:
            losses.add("missing_tool_result", call.name)
            result = ToolResult(call.id, (Text(NO_RESULT),), call.name)
        elif result.id != call.id or not result.name:
            result = structs.replace(result, id=call.id, name=result.name or call.name)
        results.append(result)
    names = iter(named)
    out = [Turn("assistant", tuple(next(names) if isinstance(block, ToolCall) else block for block in blocks))]
    known = {call.id for call in calls}
    rest: list[Turn] = []
    joined = False
    for turn in answers:
        kept: list[Block] = []
        for block in turn.blocks:
            if not isinstance(block, ToolResult):
                kept.append(block)
            elif any(block is other for other in spare):
                if block.id in known:
                    losses.add("duplicate_tool_result", block.name or block.id)
                else:
                    kept += _orphan(block, losses)
        if kept:
            # What stood in one turn with the results stays in it.
            joined = joined or (not rest and turn.role == "user" and _has_results(turn))
            rest.append(Turn(turn.role, tuple(kept)))
    if joined:
        return [*out, Turn("user", (*results, *rest[0].blocks)), *rest[1:]]
    return [*out, Turn("user", tuple(results)), *rest]


def _matched(calls: list[ToolCall], answers: list[Turn]) -> tuple[dict[int, ToolResult], list[ToolResult]]:
    """Results by the number of their call, and those that found none: by id, those without one by name, then in order."""
    found: dict[int, ToolResult] = {}
    spare: list[ToolResult] = []
    results = [block for turn in answers for block in turn.blocks if isinstance(block, ToolResult)]
    unnamed = []
    for result in results:
        if not result.id:
            unnamed.append(result)
            continue
        for number, call in enumerate(calls):
            if call.id == result.id and number not in found:
                found[number] = result
                break
        else:
            spare.append(result)
    for result in unnamed:
        free = [number for number in range(len(calls)) if number not in found]
        same = [number for number in free if not result.name or calls[number].name == result.name]
        if same:
            found[same[0]] = result
        else:
            spare.append(result)
    return found, spare


def _named(calls: list[ToolCall], taken: set[str]) -> list[ToolCall]:
    """The calls, each with an id of its own in the whole conversation."""
    named = []
    for call in calls:
        wanted = call.id or f"call_{len(taken) + 1}"
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        taken.add(name)
        named.append(call if name == call.id else structs.replace(call, id=name))
    return named
