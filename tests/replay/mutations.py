"""Recorded streams, answers, errors and requests, damaged at random, through everything that reads them.

Whatever comes, it is understood or refused in words: no other exception, no endless work, no stream taken for whole
that was not, and no text lost on the way. `python -m tests.replay.mutations` runs a million; each has a number, so that
one that was found is run again with `--only NUMBER`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random
from types import FrameType
from typing import Any

import msgspec
import orjson

from fairlead.dialects.dialect import Asked, Dialect, Target, View
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.dialects.translating import Translating
from fairlead.errors import BadRequest
from fairlead.gateway.failures import said
from tests.replay import told
from tests.replay.clients import CLIENTS
from tests.replay.damage import cut, damaged_body, damaged_stream, disordered
from tests.replay.exchanges import CAPTURED, RECORDED

SPOKEN = tuple(CLIENTS)
KINDS = {"openai_chat": "openai", "openai_responses": "openai", "anthropic_messages": "anthropic", "gemini": "gemini"}
MARKS = {
    "openai_chat": (b"finish_reason", b"[DONE]"),
    "openai_responses": (b"response.completed", b"response.incomplete"),
    "anthropic_messages": (b"message_stop", b"stop_reason"),
    "gemini": (b"finishReason", b"blockReason"),
}
"""Without one of these nothing says that an answer is whole."""
CPU_SECONDS = 3.0
"""What one mutation may take at most; they take less than a thousandth of it."""
GROWTH, HEAD = 1000, 100_000
"""An answer comes to at most so many bytes for each byte that the provider sent, and so many beside."""


MOST_BYTES = 20_000
"""Longer requests of real clients take too long, and hold no more kinds of things."""


SYNTAX = msgspec.json.Decoder(msgspec.Raw)
"""Numbers beyond all bounds are JSON too, and go on as they came."""


class Endless(BaseException):
    """One mutation took too long."""


STREAMS = [(one.dialect, one.sse) for one in RECORDED.values() if one.streams and one.dialect in SPOKEN]
UNBOUND = [(dialect, stream) for dialect, stream in STREAMS if dialect in ("openai_chat", "gemini")]
"""Streams whose events say what they say wherever they stand."""
ANSWERS = [
    (one.dialect, one.body)
    for one in RECORDED.values()
    if not one.streams and one.status == 200 and one.operation == "generate"
]
ERRORS = [one.body for one in RECORDED.values() if one.status != 200]
REQUESTS = [
    (one.dialect, json.dumps(one.request).encode())
    for one in RECORDED.values()
    if isinstance(one.request, dict) and one.operation == "generate"
] + [(dialect, body) for dialect, body in CAPTURED if len(body) <= MOST_BYTES]


def asked(dialect: str, stream: bool) -> Asked:
    body = json.dumps(CLIENTS[dialect].asks("m", stream)).encode()
    return Asked("req_1", "m", DIALECTS[dialect].read_request(body, "m", stream), 0)


ASKED = {(dialect, stream): asked(dialect, stream) for dialect in SPOKEN for stream in (False, True)}


@contextmanager
def bounded() -> Iterator[None]:
    """By the processor's time, so that a busy machine changes nothing."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _too_long(number: int, frame: FrameType | None) -> None:
    raise Endless


# ---- streams


def pieces(stream: bytes, random: Random) -> list[bytes]:
    places = sorted(random.randrange(len(stream) + 1) for _ in range(random.choice((0, 1, 2, 8))))
    return [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]


def translate(dialect: str, target: str, stream: bytes, random: Random) -> tuple[Translating, bytes]:
    reader = Translating(DIALECTS[dialect].interpreter(), DIALECTS[target].writer(ASKED[target, True]))
    out = b"".join(reader.feed(piece) for piece in pieces(stream, random)) + reader.end()
    reader.end()
    assert reader.estimate >= 0
    assert len(out) <= HEAD + GROWTH * len(stream)
    if reader.done and not reader.error:
        assert any(mark in stream for mark in MARKS[dialect]), "taken for whole without a mark"
    return reader, out


def stream_is_read(random: Random) -> str:
    dialect, recorded = random.choice(STREAMS)
    target = random.choice(SPOKEN)
    stream = damaged_stream(recorded, random)
    if target == dialect:
        return passes(dialect, stream, random)
    reader, out = translate(dialect, target, stream, random)
    if reader.done and not reader.error:
        whole = CLIENTS[target].read(out, True)
        assert whole.usage is None or min(whole.usage.input, whole.usage.output) >= 0
        return "understood"
    return "refused"


def passes(dialect: str, stream: bytes, random: Random) -> str:
    reader = DIALECTS[dialect].passing(ASKED[dialect, True].view, False)
    out = b"".join(reader.feed(piece) for piece in pieces(stream, random)) + reader.end()
    assert reader.estimate >= 0
    assert stream.startswith(out), "changed on its way"
    if reader.committed and not reader.error:
        assert out == stream, "lost on its way"
    if reader.done and not reader.error:
        assert any(mark in stream for mark in MARKS[dialect]), "taken for whole without a mark"
        return "understood"
    return "refused"


def cut_is_noticed(random: Random) -> str:
    """A stream that ends before its end: what came of it arrives, and it is whole only where its finish had come."""
    dialect, recorded = random.choice(STREAMS)
    target = random.choice([one for one in SPOKEN if one != dialect])
    stream, kept = cut(recorded, random)
    reader, out = translate(dialect, target, stream, random)
    if reader.error:
        return "refused"
    text = told.STREAM[target](out).text
    possible = [told.STREAM[dialect](kept).text]
    if kept != stream:
        # Half an event may be one that only its blank line is missing from.
        with suppress(ValueError):
            possible.append(told.STREAM[dialect](stream + b"\n\n").text)
    assert text in possible, "lost on its way"
    return "understood"


def disorder_loses_nothing(random: Random) -> str:
    """Events that are missing, doubled or exchanged: what those that came say arrives, in their order."""
    dialect, recorded = random.choice(UNBOUND)
    target = random.choice([one for one in SPOKEN if one != dialect])
    stream = disordered(recorded, random)
    reader, out = translate(dialect, target, stream, random)
    if reader.error or not reader.done:
        return "refused"
    assert told.STREAM[target](out).text == told.STREAM[dialect](stream).text, "lost on its way"
    return "understood"


# ---- bodies


def answer_is_read(random: Random) -> str:
    name, recorded = random.choice(ANSWERS)
    dialect = DIALECTS[name]
    body = damaged_body(recorded, random)
    dialect.account(body)
    if name not in SPOKEN:
        return "understood"
    try:
        answer = dialect.read_answer(body)
    except ValueError:
        return "refused"
    target = random.choice([one for one in SPOKEN if one != name])
    out = DIALECTS[target].write_answer(answer, ASKED[target, False])
    CLIENTS[target].read(out, False)
    return "understood"


def error_is_read(random: Random) -> str:
    body = damaged_body(random.choice(ERRORS), random)
    message, code = said(body)
    error = BadRequest(message or "none", code=code or "none")
    for name in SPOKEN:
        orjson.loads(DIALECTS[name].error_body(error, "req_1"))
        orjson.loads(told.events(DIALECTS[name].error_event(error, "req_1"))[0])
    return "understood" if message else "refused"


def request_is_read(random: Random) -> str:
    name, recorded = random.choice(REQUESTS)
    body = damaged_body(recorded, random)
    try:
        view = read(DIALECTS[name], body)
        request = view.neutral()
    except BadRequest:
        return "refused"
    target = random.choice(SPOKEN)
    try:
        limit = random.choice((0, 4096))
        out = DIALECTS[target].write_request(request, Target("up", KINDS[target], limit), Losses(target))
    except BadRequest:
        return "refused"
    SYNTAX.decode(out)
    return "understood"


def read(dialect: Dialect, body: bytes) -> View:
    view = dialect.read_request(body, "m", False)
    view.shape()
    for _ in view.texts():
        pass
    assert view.max_output is None or view.max_output >= 0
    return view


WAYS = (
    stream_is_read,
    stream_is_read,
    cut_is_noticed,
    disorder_loses_nothing,
    answer_is_read,
    request_is_read,
    error_is_read,
)


def mutate(seed: int, number: int) -> tuple[str, str]:
    """(what was read, what became of it). The same again for the same numbers."""
    random = Random(seed * 1_000_003 + number)
    way = random.choice(WAYS)
    with bounded():
        return way.__name__, way(random)


class Found:
    """What came of many mutations."""

    def __init__(self) -> None:
        self.told: Counter[tuple[str, str]] = Counter()
        self.wrong: dict[str, list[int]] = {}

    def run(self, seed: int, numbers: range, every: int = 0) -> None:
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGVTALRM, _too_long)
        began = time.monotonic()
        for number in numbers:
            try:
                self.told[mutate(seed, number)] += 1
            except (Exception, Endless) as error:  # noqa: BLE001 - whatever gets out is the finding
                self.wrong.setdefault(place(error), []).append(number)
            if every and (number + 1) % every == 0:
                rate = (number + 1 - numbers.start) / (time.monotonic() - began)
                print(f"{number + 1:,} of {numbers.stop:,}, {rate:,.0f} a second, {self.count:,} wrong", flush=True)

    @property
    def count(self) -> int:
        return sum(map(len, self.wrong.values()))

    def lines(self) -> Iterator[str]:
        for (way, outcome), count in sorted(self.told.items()):
            yield f"{way:22} {outcome:10} {count:10,}"
        for where, numbers in self.wrong.items():
            yield f"{len(numbers):8,} x {where}; for example --only {numbers[0]}"


def place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    inside = next((frame for frame in reversed(frames) if "fairlead" in frame.filename), last)
    words = f": {error}" if isinstance(error, AssertionError) else ""
    return (
        f"{type(error).__name__} in {inside.name} ({inside.filename.rpartition('/')[2]}:{inside.lineno}){words[:100]}"
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.replay.mutations", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, default=-1, help="one mutation, with its traceback")
    options: Any = parser.parse_args(arguments)
    if not RECORDED:
        print("there are no recorded exchanges beside the checkout")
        return 2
    if options.only >= 0:
        print(*mutate(options.seed, options.only))
        return 0
    found = Found()
    found.run(options.seed, range(options.count), every=50_000)
    print(*found.lines(), sep="\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
