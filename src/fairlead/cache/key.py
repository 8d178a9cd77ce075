"""The name of a request in the exact cache: SHA-256 over all that decides what it is answered with.

    who asks        the tenant, and what the key allows
    what decides    the policy in force with its bounds, the model that was named or chosen for it, every knob but `tags`
                    and `cache`, which change no answer
    what is asked   dialect, operation, path, the headers a provider may see, and the whole body: fields nobody here knows
                    of too

The body is taken in canonical form: the order of fields, white space and the way letters are escaped make no difference;
numbers do as soon as they are told apart. How the answer is to be told (`stream`, `stream_options`) is left out: the name
is that of an answer, and its forms have names behind it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec
import orjson

from fairlead.core.call import Call, Caller, Wishes
from fairlead.core.choice import Choice

TELLING: dict[str, tuple[str, ...]] = {
    "openai_chat": ("stream", "stream_options"),
    "openai_responses": ("stream", "stream_options"),
    "completions": ("stream", "stream_options"),
    "anthropic_messages": ("stream",),
}
"""By dialect: fields that say how an answer is told, not what it is."""
OWN = ("model", "fairlead")
"""Fields that count as what they come to."""
WHOLE, STREAM = b"whole", b"stream"
SHAPES = bytes(
    ord("0" if char in "0123456789." else "e" if char in "eE" else "," if char in "[:, \t\r\n-" else "x")
    for char in map(chr, range(256))
)
"""Byte -> what it may be in a number, or in front of one."""
LONG = b"0" * 16
FIGURE = re.compile(rb",0+e|,0{16}")
"""In these shapes: a number that a double may not hold exactly, by how it begins."""

_pack = msgspec.msgpack.Encoder(order="sorted").encode
STREAM_WITH_USAGE = STREAM + sha256(_pack({"include_usage": True})).digest()[:8]
_PLAIN = Wishes()


class Named(msgspec.Struct, frozen=True):
    answer: bytes
    """The answer's name."""
    form: bytes
    """That of the form it is wanted in."""

    @property
    def told(self) -> bytes:
        """The form alone."""
        return self.form[len(self.answer) :]

    @property
    def forms(self) -> tuple[bytes, ...]:
        """Under which it may be found, the wanted one first."""
        others = [self.answer + form for form in (WHOLE, STREAM, STREAM_WITH_USAGE)]
        return (self.form, *(form for form in others if form != self.form))


def named(call: Call, choice: Choice, said: Mapping[str, Any]) -> Named:
    """`said` is the call's body, decoded."""
    telling = TELLING.get(call.dialect, ())
    own = OWN if "model" not in said or call.model == said["model"] else OWN[1:]
    digest = sha256(scope(call, choice))
    digest.update(_canonical(call.body, said, (*own, *telling)))
    answer = digest.digest()
    if not call.stream:
        return Named(answer, answer + WHOLE)
    options = said.get("stream_options") if "stream_options" in telling else None
    return Named(answer, answer + streamed(options))


def streamed(options: object) -> bytes:
    """The form of a stream told with these options."""
    return STREAM if not options else STREAM + sha256(_pack(options)).digest()[:8]


def scope(call: Call, choice: Choice) -> bytes:
    """All but the body."""
    wishes = call.wishes
    if wishes.tags or wishes.cache:
        wishes = msgspec.structs.replace(wishes, tags=(), cache="")
    model = choice.model
    return _pack(
        (
            call.caller.tenant,
            _bounds(call.caller),
            call.dialect,
            call.operation,
            call.path,
            call.forward,
            call.model.partition("?")[0],
            None if model is None else model.name,
            choice.channel,
            choice.policy.name,
            choice.policy.hash,
            None if wishes == _PLAIN else wishes,
        )
    )


def _bounds(caller: Caller) -> tuple[object, ...]:
    """What a key allows, as far as it decides who answers."""
    return (
        caller.policy,
        caller.sensitive,
        caller.max_cost,
        *(
            None if names is None else sorted(names)
            for names in (caller.models, caller.providers, caller.regions, caller.channels, caller.policies)
        ),
    )


def _canonical(body: bytes, said: Mapping[str, Any], without: tuple[str, ...]) -> bytes:
    exact = _has_fine_figures(body)
    if exact:
        said = json.loads(body, parse_int=_figure, parse_float=_figure)
    kept = {name: value for name, value in said.items() if name not in without}
    if exact:
        return b"!" + _pack(kept)
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)


def _has_fine_figures(body: bytes) -> bool:
    shapes = body.translate(SHAPES)
    return (b"0e" in shapes or LONG in shapes) and FIGURE.search(shapes) is not None


def _figure(text: str) -> msgspec.msgpack.Ext:
    """A number as it was written."""
    return msgspec.msgpack.Ext(1, text.encode())
