"""What a gate sees, and what it says.

A confidence is the share of answers like this one that are fit to be given to who asked, as far as this gate can see: it
is set from labelled answers, not felt. A gate that has nothing to look at, or finds nothing amiss, says nothing (None);
what is then believed is `FIT`. A gate looks at no more than a bounded part of an answer, in time linear in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import msgspec

FIT: Final = 0.95
"""What is believed of an answer in which no gate found anything."""
MOST_TEXT: Final = 200_000
"""Characters of an answer that are looked at: what is longer is looked at from both its ends."""
MOST_CONTEXT: Final = 400_000
"""Characters of what was supplied."""

Form = Literal["", "json", "schema"]
End = Literal["end", "length", "tool_use", "refused", "blocked", "pause"]


class Tool(msgspec.Struct, frozen=True):
    name: str
    parameters: bytes = b""
    """Its JSON schema; empty where none was given."""


class Called(msgspec.Struct, frozen=True):
    name: str
    arguments: str
    """JSON text, as the model wrote it."""


class Asked(msgspec.Struct, frozen=True):
    """What was asked for."""

    task: str = ""
    system: str = ""
    """Everything the system says."""
    context: tuple[str, ...] = ()
    """Everything else that was supplied, up to the last turn: documents, results of tools, what was said before."""
    sourced: bool = False
    """Whether documents or results of tools are among it: what it is to be answered from."""
    said: str = ""
    """What the user said last."""
    form: Form = ""
    schema: bytes = b""
    tools: tuple[Tool, ...] = ()
    must_call: bool = False
    """Whether a tool has to be called."""
    tool: str = ""
    """The one that has to be."""
    foreign_tools: bool = False
    """Whether tools are declared that the provider itself runs: calls of others than `tools` are no mistake."""
    max_output: int = 0
    """Tokens the caller allows; 0 where nothing is said."""


class Given(msgspec.Struct, frozen=True):
    """An answer as a whole."""

    text: str = ""
    calls: tuple[Called, ...] = ()
    end: End = "end"
    logprobs: tuple[float, ...] = ()
    """Of its tokens, natural logarithms, where the provider told them."""
    margins: tuple[float, ...] = ()
    """How far each token's logprob is above the next likely one's, where told."""


class Verdict(msgspec.Struct, frozen=True):
    gate: str
    confidence: float
    why: str
    """Without a word of the question or the answer: it is written down."""
    cost: int = 0
    """Nano-units of USD."""
    detail: str = ""
    """The place in question, in the answer's own words: never written down."""


class Judgement(msgspec.Struct, frozen=True):
    """What all gates say together. `verdicts` are of those that said something, in order."""

    confidence: float = FIT
    why: str = ""
    """The weightiest reason; empty where there is none."""
    verdicts: tuple[Verdict, ...] = ()
    cost: int = 0
    """What the checks cost, in nano-units of USD."""


Gate = Callable[[Asked, Given], Verdict | None]
