"""An answer as it will be played: head, pieces with their pauses, and the fault that spoils it.

Pure: pauses are figures, not sleeps, so that the in-process upstream and the HTTP server play the same thing.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from fairlead.providers.simulated import render
from fairlead.providers.simulated.answer import Answer, compose, seed_for
from fairlead.providers.simulated.ask import Ask, error_body
from fairlead.providers.simulated.behaviour import Behaviour, SimulatedModel
from fairlead.providers.simulated.render import Event, Stamp
from fairlead.providers.simulated.script import NORMAL, Fault

Broken = Literal["", "refused", "fin", "rst"]

JSON_TYPE = b"application/json"
STREAM_TYPE = b"text/event-stream; charset=utf-8"
GARBAGE = "<html><body><h1>It works!</h1></body></html>"
REFUSAL = "This simulated model cannot help with that."
FLOOD_PIECE = b" " * 65536


class Beat(msgspec.Struct, frozen=True):
    """One piece of the body. `wait` is the pause before it in seconds; None means it never comes."""

    data: bytes
    wait: float | None = 0.0
    tokens: int = 0
    usage: bool = False
    closing: bool = False


class Performance(msgspec.Struct, frozen=True):
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    wait: float | None
    """The pause before the head."""
    beats: Iterator[Beat]
    broken: Broken = ""
    """How the connection ends after the beats; empty for a proper end."""
    answer: Answer | None = None


def whole(status: int, body: bytes, wait: float | None = 0.0, extra: Iterable[tuple[str, str]] = ()) -> Performance:
    """An unstreamed body."""
    return Performance(status, _head(JSON_TYPE, extra, len(body)), wait, iter((Beat(body),)))


def draw(ask: Ask, model: SimulatedModel, turn: int) -> Fault:
    """What the model's own behaviour does to the `turn`-th request with the same content."""
    behaviour = model.behaviour
    rng = random.Random(seed_for(model.seed, model.name, ask.digest, turn))
    if rng.random() < behaviour.error_rate:
        return Fault("status", status=behaviour.error_status, retry_after=behaviour.retry_after)
    if rng.random() < behaviour.empty_rate:
        return Fault("empty")
    if behaviour.cut_after_tokens is not None:
        return Fault("cut", after_tokens=behaviour.cut_after_tokens)
    if rng.random() < behaviour.stall_rate:
        return Fault("stall", after_tokens=rng.randint(0, behaviour.output_tokens // 2), ms=behaviour.stall_ms)
    return NORMAL


def perform(ask: Ask, model: SimulatedModel, fault: Fault, stamp: Stamp, turn: int = 0) -> Performance:
    """Raises `Refusal` when the model cannot satisfy what is asked."""
    if fault.kind in ("status", "refuse", "hang", "garbage", "flood"):
        return _without_answer(fault)
    refusal = (fault.text or REFUSAL) if fault.kind == "refusal" else ""
    answer = compose(ask, model, empty=fault.kind == "empty", refusal=refusal)
    tempo = _Tempo(model, seed_for(model.seed, ask.digest, turn, "tempo"))
    play = _streamed if ask.stream else _unstreamed
    return play(ask, answer, model, fault, stamp, tempo)


def embedded(body: bytes, model: SimulatedModel, fault: Fault) -> Performance:
    """Vectors; a fault that spoils the words of an answer leaves them as they are."""
    if fault.kind in ("status", "refuse", "hang", "garbage", "flood"):
        return _without_answer(fault)
    return whole(200, body, _Tempo(model, model.seed).head(fault, 0))


class _Tempo:
    """The pauses of one answer, with its share of jitter."""

    def __init__(self, model: SimulatedModel, seed: int) -> None:
        behaviour: Behaviour = model.behaviour
        factor = 1.0 + behaviour.jitter * random.Random(seed).uniform(-1.0, 1.0)
        self._first = behaviour.latency_ms / 1000.0 * factor
        self.token = factor / behaviour.tokens_per_second if behaviour.tokens_per_second > 0 else 0.0

    def head(self, fault: Fault, tokens: int) -> float | None:
        """Until the head comes, `tokens` having been made before it."""
        late = 0.0
        if fault.kind == "slow":
            if fault.ms is None:
                return None
            late = fault.ms / 1000.0
        return self._first + late + tokens * self.token


def _without_answer(fault: Fault) -> Performance:
    if fault.kind == "refuse":
        return Performance(0, (), 0.0, iter(()), "refused")
    if fault.kind == "hang":
        return Performance(0, (), None, iter(()))
    if fault.kind == "status":
        extra = list(fault.headers)
        if fault.retry_after:
            extra.append(("retry-after", fault.retry_after))
        kind = "rate_limit_error" if fault.status == 429 else "server_error" if fault.status >= 500 else "api_error"
        words = fault.text or f"This is a simulated error {fault.status}."
        return whole(fault.status, error_body(words, kind), extra=extra)
    if fault.kind == "garbage":
        body = (fault.text or GARBAGE).encode()
        return Performance(200, _head(b"text/html", fault.headers, len(body)), 0.0, iter((Beat(body),)))
    return Performance(200, _head(JSON_TYPE, fault.headers), 0.0, _flood(fault.size))


def _unstreamed(
    ask: Ask, answer: Answer, model: SimulatedModel, fault: Fault, stamp: Stamp, tempo: _Tempo
) -> Performance:
    mode = fault.usage if fault.kind == "usage" else model.behaviour.usage
    if fault.kind == "error_event":
        body, tokens, counted = _error(fault), 0, False
    else:
        body = render.completion(ask, answer, stamp, mode)
        tokens, counted = answer.visible_tokens, mode != "absent"
    beat = Beat(body, _pause(fault) if fault.kind == "stall" else 0.0, tokens, counted)
    broken: Broken = "fin" if fault.kind == "cut" else "rst" if fault.kind == "reset" else ""
    if broken or fault.kind == "truncate":
        beat = Beat(body[: len(body) // 2])
    beats: Iterator[Beat] = iter((beat,))
    if fault.kind == "split":
        beats = _split(beats, fault.size)
    length = None if fault.kind == "truncate" else len(body)
    head = _head(JSON_TYPE, fault.headers, length)
    return Performance(200, head, tempo.head(fault, answer.completion_tokens), beats, broken, answer)


def _streamed(
    ask: Ask, answer: Answer, model: SimulatedModel, fault: Fault, stamp: Stamp, tempo: _Tempo
) -> Performance:
    mode = fault.usage if fault.kind == "usage" else model.behaviour.usage
    beats = _spoiled(render.events(ask, answer, stamp, mode), fault, tempo.token)
    broken: Broken = "fin" if fault.kind == "cut" else "rst" if fault.kind == "reset" else ""
    wait = tempo.head(fault, answer.reasoning_tokens)
    return Performance(200, _head(STREAM_TYPE, fault.headers), wait, beats, broken, answer)


def _spoiled(events: Iterator[Event], fault: Fault, pace: float) -> Iterator[Beat]:
    beats = _paced(events, pace)
    if fault.kind in ("cut", "reset", "truncate"):
        return _until(beats, fault.after_tokens)
    if fault.kind == "error_event":
        return _followed(_until(beats, fault.after_tokens), Beat(b"data: " + _error(fault) + b"\n\n"))
    if fault.kind == "bad_event":
        bad = fault.text.encode() or b'data: {"id":"broken","choices":[{"del\n\n'
        return _inserted(beats, fault.after_tokens, Beat(bad))
    if fault.kind == "stall":
        return _stalled(beats, fault)
    if fault.kind == "split":
        return _split(beats, fault.size)
    return beats


def _paced(events: Iterator[Event], pace: float) -> Iterator[Beat]:
    begun = False
    for event in events:
        wait = event.tokens * pace if begun else 0.0
        begun = begun or event.tokens > 0
        yield Beat(event.data, wait, event.tokens, event.usage, event.closing)


def _until(beats: Iterator[Beat], limit: int) -> Iterator[Beat]:
    """All that comes before token number `limit` + 1; with too few tokens, all but how a stream ends."""
    done = 0
    for beat in beats:
        if beat.closing or (beat.tokens and done + beat.tokens > limit):
            return
        done += beat.tokens
        yield beat


def _followed(beats: Iterator[Beat], last: Beat) -> Iterator[Beat]:
    yield from beats
    yield last


def _inserted(beats: Iterator[Beat], after: int, bad: Beat) -> Iterator[Beat]:
    done, waiting = 0, True
    for beat in beats:
        yield beat
        done += beat.tokens
        if waiting and done >= after:
            waiting = False
            yield bad


def _stalled(beats: Iterator[Beat], fault: Fault) -> Iterator[Beat]:
    done, waiting = 0, True
    for number, beat in enumerate(beats):
        if waiting and number and done >= fault.after_tokens:
            waiting = False
            pause = _pause(fault)
            beat = msgspec.structs.replace(beat, wait=None if pause is None else pause + (beat.wait or 0.0))
        yield beat
        done += beat.tokens


def _split(beats: Iterator[Beat], size: int) -> Iterator[Beat]:
    """The same bytes in pieces of `size`. What an event delivers counts with its last byte."""
    step = max(1, size)
    held = b""
    wait = 0.0
    marks: deque[tuple[int, Beat]] = deque()
    made = sent = 0

    def piece(data: bytes) -> Beat:
        nonlocal sent, wait
        sent += len(data)
        tokens, usage = 0, False
        while marks and marks[0][0] <= sent:
            whole_beat = marks.popleft()[1]
            tokens, usage = tokens + whole_beat.tokens, usage or whole_beat.usage
        pause, wait = wait, 0.0
        return Beat(data, pause, tokens, usage)

    for beat in beats:
        held += beat.data
        made += len(beat.data)
        wait += beat.wait or 0.0
        marks.append((made, beat))
        full = len(held) - len(held) % step
        for start in range(0, full, step):
            yield piece(held[start : start + step])
        held = held[full:]
    if held:
        yield piece(held)


def _flood(size: int) -> Iterator[Beat]:
    for start in range(0, size, len(FLOOD_PIECE)):
        yield Beat(FLOOD_PIECE[: size - start])


def _pause(fault: Fault) -> float | None:
    return None if fault.ms is None else fault.ms / 1000.0


def _error(fault: Fault) -> bytes:
    return error_body(fault.text or "This is a simulated error within an answer.", "server_error", code="overloaded")


def _head(kind: bytes, extra: Iterable[tuple[str, str]], length: int | None = None) -> tuple[tuple[bytes, bytes], ...]:
    head = [(b"content-type", kind)]
    if length is not None:
        head.append((b"content-length", str(length).encode()))
    head.extend((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in extra)
    return tuple(head)
