"""What a request is about, as far as the choice hangs on it.

A model that was named needs no more than its size. A rule that holds by structure, keyword or the caller's word alone
is not kept waiting for the words to be read.
"""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache

from fairlead import classify
from fairlead.classify import keywords, tokens
from fairlead.classify.sensitivity import pieces, strings
from fairlead.core import traits
from fairlead.core.call import Signal, Wishes
from fairlead.core.choice import Choice
from fairlead.core.coding import model_for
from fairlead.core.policy import Policy
from fairlead.core.table import OPEN, lookup
from fairlead.dialects.dialect import View
from fairlead.dialects.openai_chat.native import ChatView
from fairlead.gateway.request import Incoming
from fairlead.gateway.world import World

SEARCHES = re.compile(rb'"type"\s*:\s*"web_search|"google_?[sS]earch"|"web_search_options"')
"""How the dialects ask for a search of the web."""
ELSEWHERE = (b'url"', b'ri"', b"file_id")
"""What stands in every way in which the dialects refer to pictures and documents that are not in the body, and so not in
its size: `image_url`, `fileUri`..."""
PARTS = b'"type"'
"""What stands in each part of a message, in most dialects: where there are none, there is nothing but text."""
IN_PARTS = frozenset(("openai_chat", "openai_responses", "anthropic_messages"))
AT_ONCE = 65_536
"""Bytes of a body that are searched without a pause."""
CLOSE_TO_CONTEXT = 0.5
"""Above this share of a model's context the size of the body is no longer estimate enough."""
ANY = (1 << 30) - 1
"""Tokens that no body holds."""
OF_A_KEYWORD = 0.9
"""How sure a task is that one of its keywords tells."""


def turn(world: World, asked: str, incoming: Incoming, view: View) -> tuple[str, tuple[Signal, ...]]:
    """What a coding agent's turn asks for instead of the name it wrote, where such names are routed."""
    coding = world.coding
    if coding is None or not coding.routes(asked):
        return asked, ()
    size = tokens.input_tokens(view.shape())
    kind, instead = model_for(coding, asked, view.shape(), size, SEARCHES.search(incoming.body) is not None)
    return instead, (Signal("coding", "turn", kind),)


async def sensitivities(world: World, body: bytes) -> tuple[Signal, ...]:
    """What the configuration looks for, in all that the body says. Long bodies let others go on in between."""
    detector = world.detector
    if detector is None:
        return ()
    if len(body) <= AT_ONCE:
        return detector.check(strings(body))
    found: dict[str, float] = {}
    for piece in pieces(strings(body)):
        detector.read(piece, found)
        await asyncio.sleep(0)
    return detector.verdict(found)


def enough(choice: Choice, wish: Wishes, by_agent: bool) -> int:
    """Tokens up to which it is enough to know how large a request is: any number where its model is named, as long as that
    has room to spare; none where somebody else may be chosen by what it is about."""
    policy, model = choice.policy, choice.model
    named = model is not None or (policy.strategy == "pinned" and not policy.rules and not by_agent)
    if not named or policy.fallbacks or wish.models:
        return 0
    return int(CLOSE_TO_CONTEXT * model.context) if model is not None and model.context else ANY


def sizes(
    view: View, incoming: Incoming, size: int, enough: int, sensitivities: tuple[Signal, ...]
) -> tuple[Signal, ...]:
    """How large the request is, `size` by its body or more where that refers to what is not in it, and how large the answer
    may be; nothing where that is not enough."""
    if (type(view) is not ChatView or not view.wordy) and _points_elsewhere(incoming):
        size = max(size, tokens.input_tokens(view.shape()))
    if size > enough:
        return ()
    usual, room = _answer(view.max_output, view.answers)
    found = (Signal("tokens", "input", size, 0.5), usual, room)
    return sensitivities + found if sensitivities else found


def _points_elsewhere(incoming: Incoming) -> bool:
    """Whether the body may refer to what is not in it."""
    find = incoming.body.find
    if find(PARTS) < 0 and incoming.dialect in IN_PARTS:
        return False
    for mark in ELSEWHERE:  # noqa: SIM110 - of nearly every request: a generator costs more than the search
        if find(mark) >= 0:
            return True
    return False


@lru_cache(1_024)
def _answer(limit: int | None, answers: int) -> tuple[Signal, Signal]:
    """How large the answer is likely to be, and may be."""
    usual = min(limit or tokens.TYPICAL_OUTPUT, tokens.TYPICAL_OUTPUT) * answers
    return Signal("tokens", "output", usual, 0.3), Signal("tokens", "output_room", limit or 0)


def signals(
    world: World, view: View, incoming: Incoming, choice: Choice, wish: Wishes, sensitivities: tuple[Signal, ...]
) -> tuple[Signal, ...]:
    """What its structure and its words say, as far as the choice hangs on them."""
    shape = view.shape()
    found = sensitivities + classify.signals(shape)
    if choice.model is not None or incoming.operation != "generate":
        return found
    if world.keywords is not None:
        found += keywords.find(world.keywords, view.texts())
    if not settled(world, choice.policy, found, wish):
        found += classify.read(shape, view.texts())
        found += named_tasks(world, found)
    return found


def settled(world: World, policy: Policy, found: tuple[Signal, ...], wish: Wishes) -> bool:
    """Whether the table already says who answers."""
    if not policy.rules:
        return False
    known = traits.read(found, wish)
    if world.routes and lookup(known, world.routes) is not None:
        return False
    return lookup(known, policy.rules) not in (OPEN, None)


def named_tasks(world: World, found: tuple[Signal, ...]) -> tuple[Signal, ...]:
    """A declared task whose keyword stands in the request, where the request is of the kind that the task is."""
    if not world.told_by:
        return ()
    task = next((signal.name for signal in found if signal.kind == "task"), "")
    for signal in found:
        if signal.kind == "keyword":
            for name, like in world.told_by.get(signal.name, ()):
                if not like or like == task:
                    return (Signal("task", name, True, OF_A_KEYWORD),)
    return ()
