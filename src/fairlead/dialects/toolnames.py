"""Names of tools in the alphabet of the dialect they are sent in, and back again in its answers.

A name that fits stays. Another is spelled with what there is, with a short hash of itself so that no two become one.
The same name is spelled the same wherever it stands: declared, chosen, called, answered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from msgspec import Struct, structs

from fairlead.dialects import neutral
from fairlead.dialects.dialect import Interpreter

SUM = 8


class Alphabet(Struct, frozen=True):
    fits: re.Pattern[str]
    others: re.Pattern[str]
    """What may not stand anywhere in a name."""
    longest: int


OPENAI = Alphabet(re.compile(r"[a-zA-Z0-9_-]{1,64}"), re.compile(r"[^a-zA-Z0-9_-]"), 64)
ALPHABETS = {
    "openai_chat": OPENAI,
    "openai_responses": OPENAI,
    "anthropic_messages": Alphabet(re.compile(r"[a-zA-Z0-9_-]{1,128}"), OPENAI.others, 128),
    "gemini": Alphabet(re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}"), re.compile(r"[^a-zA-Z0-9_.:-]"), 64),
}


def spelled(name: str, dialect: str) -> str:
    alphabet = ALPHABETS[dialect]
    if alphabet.fits.fullmatch(name):
        return name
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:SUM]
    said = alphabet.others.sub("_", name)
    if not alphabet.fits.match(said):
        said = f"_{said}"
    return f"{said[: alphabet.longest - SUM - 1]}_{mark}"


def written(request: neutral.Request, dialect: str) -> neutral.Request:
    """The request with every name spelled for a provider of this dialect."""
    if not any(spelled(name, dialect) != name for name in _names(request)):
        return request
    return structs.replace(
        request,
        tools=tuple(structs.replace(tool, name=spelled(tool.name, dialect)) for tool in request.tools),
        tool_name=spelled(request.tool_name, dialect) if request.tool_name else "",
        turns=tuple(
            neutral.Turn(turn.role, tuple(_block(block, dialect) for block in turn.blocks)) for turn in request.turns
        ),
    )


def _names(request: neutral.Request) -> Iterable[str]:
    if request.tool_name:
        yield request.tool_name
    for tool in request.tools:
        yield tool.name
    for turn in request.turns:
        for block in turn.blocks:
            if isinstance(block, neutral.ToolCall) or (isinstance(block, neutral.ToolResult) and block.name):
                yield block.name


def _block(block: neutral.Block, dialect: str) -> neutral.Block:
    if isinstance(block, neutral.ToolCall) or (isinstance(block, neutral.ToolResult) and block.name):
        return structs.replace(block, name=spelled(block.name, dialect))
    return block


def own(request: neutral.Request, dialect: str) -> dict[str, str]:
    """The caller's names of the tools that a provider of this dialect knows by others."""
    return {there: tool.name for tool in request.tools if (there := spelled(tool.name, dialect)) != tool.name}


def restored(answer: neutral.Answer, names: Mapping[str, str]) -> neutral.Answer:
    """The answer with its calls under the caller's names."""
    if not names:
        return answer
    blocks = tuple(
        structs.replace(block, name=names.get(block.name, block.name)) if isinstance(block, neutral.ToolCall) else block
        for block in answer.blocks
    )
    return structs.replace(answer, blocks=blocks)


class Restoring:
    """A stream's interpreter that gives calls under the caller's names."""

    __slots__ = ("_interpreter", "_names")

    def __init__(self, interpreter: Interpreter, names: Mapping[str, str]) -> None:
        self._interpreter = interpreter
        self._names = names

    @property
    def unread(self) -> Iterable[str]:
        return self._interpreter.unread

    def read(self, event: bytes) -> list[neutral.Event]:
        return self._restored(self._interpreter.read(event))

    def run(self, block: bytes, at: int) -> tuple[neutral.Run | None, int]:
        return self._interpreter.run(block, at)

    def end(self) -> list[neutral.Event]:
        return self._restored(self._interpreter.end())

    def _restored(self, events: list[neutral.Event]) -> list[neutral.Event]:
        names = self._names
        return [
            structs.replace(event, name=names[event.name])
            if isinstance(event, neutral.Open) and event.name in names
            else event
            for event in events
        ]
