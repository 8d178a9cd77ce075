"""What a simulated model says to a request: text, tool call or JSON, cut to the limits, and what it counts.

Pure: the same request to the same model gives the same answer, streamed or not, however often it is asked.
"""

from __future__ import annotations

import base64
import hashlib
import random

import msgspec

from fairlead.providers.simulated import prose, schema
from fairlead.providers.simulated.ask import Ask, Function, Refusal, ToolChoice, speaks_of_a_tool
from fairlead.providers.simulated.behaviour import Behaviour, SimulatedModel

REASONING_TOKENS = {"none": 0, "minimal": 16, "low": 64, "medium": 192, "high": 512, "xhigh": 1024, "max": 2048}

BUDGET_SHARE = 64
"""Of a budget for thinking one in so many tokens is used."""


class ToolCall(msgspec.Struct, frozen=True):
    id: str
    name: str
    pieces: tuple[str, ...]
    """The tokens of its arguments."""


class Thought(msgspec.Struct, frozen=True):
    """What is thought aloud, with the signature that its maker wants back."""

    sentences: tuple[str, ...]
    signature: str

    @property
    def text(self) -> str:
        return "".join(self.sentences)


class Choice(msgspec.Struct, frozen=True):
    index: int
    pieces: tuple[str, ...]
    """The tokens of the text, in order."""
    finish: str
    tokens: int
    """All that counts as visible output: the text, and the names and arguments of called functions."""
    calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[float, ...] | None = None
    refused: bool = False
    """The text says why there is no answer."""

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Answer(msgspec.Struct, frozen=True):
    model: str
    fingerprint: str
    choices: tuple[Choice, ...]
    prompt_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    task: str
    correct: bool
    thought: Thought | None = None

    @property
    def visible_tokens(self) -> int:
        return sum(choice.tokens for choice in self.choices)

    @property
    def completion_tokens(self) -> int:
        return self.reasoning_tokens + self.visible_tokens


def seed_for(*parts: bytes | str | int) -> int:
    """A seed from whatever an outcome is to depend on."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    return int.from_bytes(digest.digest(), "big")


def compose(ask: Ask, model: SimulatedModel, empty: bool = False, refusal: str = "") -> Answer:
    """`refusal`: the words to refuse with."""
    seed = seed_for(model.seed, model.name, ask.digest)
    rng = random.Random(seed)
    behaviour = model.behaviour
    correct = rng.random() < behaviour.quality_for(ask.task)
    reasoning = _reasoning(ask)
    room = None if ask.limit is None else max(0, ask.limit - reasoning)
    choices = tuple(
        _refusal(refusal, index, room)
        if refusal
        else _choice(ask, model, index, random.Random(seed_for(seed, index)), room, correct, empty)
        for index in range(ask.body.n or 1)
    )
    return Answer(
        model=model.name,
        fingerprint=f"fp_sim_{model.seed:04x}",
        choices=choices,
        prompt_tokens=ask.prompt_tokens,
        cached_tokens=int(ask.prompt_tokens * behaviour.cached_share),
        reasoning_tokens=reasoning,
        task=ask.task,
        correct=correct and not empty and not refusal,
        thought=_thought(ask, model, reasoning, seed) if behaviour.thinks and ask.shows_thoughts else None,
    )


def _choice(
    ask: Ask, model: SimulatedModel, index: int, rng: random.Random, room: int | None, correct: bool, empty: bool
) -> Choice:
    function = None if empty else _called(ask, model.behaviour)
    if function is not None:
        return _calls(ask, function, index, rng, room)
    text = "" if empty else _content(ask, model, rng)
    finish = "stop"
    found = [place for place in (text.find(stop) for stop in ask.stops) if place >= 0]
    if found:
        text = text[: min(found)]
    pieces = tuple(prose.tokens(text))
    if room is not None and len(pieces) > room:
        pieces, finish = pieces[:room], "length"
    logprobs = None
    if ask.body.logprobs:
        sureness = 8.0 if correct else 2.0
        logprobs = tuple(-round(rng.expovariate(sureness), 6) for _ in pieces)
    return Choice(index, pieces, finish, len(pieces), logprobs=logprobs)


def _refusal(text: str, index: int, room: int | None) -> Choice:
    pieces = tuple(prose.tokens(text))[:room]
    return Choice(index, pieces, "stop", len(pieces), refused=True)


def _calls(ask: Ask, first: Function, index: int, rng: random.Random, room: int | None) -> Choice:
    """Several calls are of the declared functions in turn, beginning with the one to be called."""
    functions = [first]
    if ask.calls > 1:
        declared = [tool.function for tool in ask.body.tools or () if tool.function is not None]
        start = declared.index(first)
        functions = [declared[(start + number) % len(declared)] for number in range(ask.calls)]
    calls: list[ToolCall] = []
    tokens, finish = 0, "tool_calls"
    for function in functions:
        name_tokens, pieces = prose.count(function.name), _arguments(function)
        left = None if room is None else max(0, room - tokens)
        if left is not None and name_tokens + len(pieces) > left:
            finish = "length"
            if calls and left <= name_tokens:
                break
            pieces = pieces[: max(0, left - name_tokens)]
            name_tokens = min(name_tokens, left)
        calls.append(ToolCall(f"call_sim{rng.getrandbits(64):016x}", function.name, pieces))
        tokens += name_tokens + len(pieces)
        if finish == "length":
            break
    return Choice(index, (), finish, tokens, tuple(calls))


def _arguments(function: Function) -> tuple[str, ...]:
    try:
        arguments = schema.instance(function.parameters or {"type": "object"})
    except schema.Unsatisfiable as error:
        raise Refusal(400, f"Invalid schema for function {function.name!r}: {error}", "tools") from error
    return tuple(prose.tokens(msgspec.json.encode(arguments).decode()))


def _called(ask: Ask, behaviour: Behaviour) -> Function | None:
    if ask.tool is None or ask.body.tool_choice == "none":
        return None
    if isinstance(ask.body.tool_choice, ToolChoice) or ask.body.tool_choice == "required":
        return ask.tool
    if behaviour.tool_call == "never" or ask.last.role == "tool":
        return None
    return ask.tool if behaviour.tool_call == "always" or speaks_of_a_tool(ask) else None


def _content(ask: Ask, model: SimulatedModel, rng: random.Random) -> str:
    behaviour = model.behaviour
    if behaviour.reply is not None:
        return behaviour.reply
    length = ask.length if ask.length is not None else round(behaviour.output_tokens * rng.uniform(0.6, 1.4))
    wanted = ask.body.response_format
    if wanted is None or wanted.type == "text":
        return prose.prose(rng, model.name, ask.tongue, length)
    if wanted.type == "json_schema" and wanted.json_schema is not None and wanted.json_schema.schema is not None:
        try:
            made = schema.instance(wanted.json_schema.schema)
        except schema.Unsatisfiable as error:
            where = "response_format.json_schema.schema"
            raise Refusal(400, f"Invalid schema for response_format: {error}", where) from error
        return msgspec.json.encode(made).decode()
    text = prose.prose(rng, model.name, ask.tongue, max(8, length - 8))
    return msgspec.json.encode({"simulated": True, "answer": text}).decode()


def _reasoning(ask: Ask) -> int:
    effort = ask.effort
    if not effort:
        return 0
    wanted = REASONING_TOKENS.get(effort)
    if wanted is None:
        known = ", ".join(REASONING_TOKENS)
        raise Refusal(400, f"Invalid reasoning_effort {effort!r}: use one of {known}.", "reasoning_effort")
    if ask.budget is not None:
        wanted = ask.budget // BUDGET_SHARE
    return wanted if ask.limit is None else min(wanted, ask.limit)


def _thought(ask: Ask, model: SimulatedModel, tokens: int, seed: int) -> Thought | None:
    """As many tokens as are counted, sentence by sentence."""
    if not tokens:
        return None
    said = prose.thought(random.Random(seed_for(seed, "thought")), ask.tongue, tokens)
    digest = hashlib.blake2b(f"{model.name}:{seed}".encode(), digest_size=24).digest()
    return Thought(said, f"sim+{base64.b64encode(digest).decode()}")
