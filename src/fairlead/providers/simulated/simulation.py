"""The simulated provider itself: models, script and log, and one `Turn` for every request that comes in.

Transports drive a turn: wait `performance.wait`, `start()`, then for each beat wait and `deliver(beat)`; a client
that leaves is reported with `leave()`. The turn keeps the log, so that all transports tell the same story.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from fairlead.providers.simulated import embedding, render
from fairlead.providers.simulated.answer import seed_for
from fairlead.providers.simulated.ask import Ask, Refusal, read
from fairlead.providers.simulated.behaviour import Behaviour, SimulatedModel
from fairlead.providers.simulated.lineup import EMBEDDER
from fairlead.providers.simulated.log import Ending, Entry, Log
from fairlead.providers.simulated.performance import Beat, Performance, draw, embedded, perform, whole
from fairlead.providers.simulated.render import Stamp
from fairlead.providers.simulated.script import NORMAL, Script

_REMEMBERED = 10_000


class Turn:
    """One request being answered."""

    def __init__(self, performance: Performance, entry: Entry, log: Log, timer: Callable[[], float]) -> None:
        self.performance = performance
        self.entry = entry
        self.headers = (*performance.headers, (b"x-sim-call", str(entry.serial).encode()))
        self._log = log
        self._timer = timer
        self.beat: Beat | None = next(performance.beats, None)
        """The next piece to deliver; None when the rest is only the end."""

    def start(self) -> None:
        """The head has been delivered."""
        self.entry.status = self.performance.status
        self._settle()

    def deliver(self, beat: Beat) -> None:
        self.entry.tokens += beat.tokens
        self.entry.usage_reported = self.entry.usage_reported or beat.usage
        self.beat = next(self.performance.beats, None)
        self._settle()

    def leave(self) -> None:
        """The client went away. Harmless after the end."""
        self._log.end(self.entry, "closed", self._timer())

    def refuse(self) -> None:
        self._log.end(self.entry, "refused", self._timer())

    def _settle(self) -> None:
        if self.beat is None:
            proper: Ending = "ok" if self.entry.status < 400 else "error"
            self._log.end(self.entry, "cut" if self.performance.broken else proper, self._timer())


class Simulation:
    def __init__(
        self,
        models: Iterable[SimulatedModel],
        *,
        any_model: Behaviour | None = None,
        keep: int = 1000,
        bodies: bool = False,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.models = {model.name: model for model in models}
        self.any_model = any_model
        """How models with other names behave; None answers them with 404."""
        self.script = Script()
        self.log = Log(keep, bodies)
        self._clock = clock
        self._timer = timer
        self._seen: dict[int, int] = {}

    def reset(self) -> None:
        """As if newly made: no script, no log, and the same draws as the first time."""
        self.script.clear()
        self.log.clear()
        self._seen.clear()

    def turn(self, method: str, path: str, headers: Mapping[bytes, bytes], body: bytes, request_id: str = "") -> Turn:
        entry = self.log.begin(request_id, path, headers, body, self._timer())
        try:
            performance = self._route(method, path.partition("?")[0], headers, body, entry)
        except Refusal as refusal:
            performance = whole(refusal.status, refusal.body)
        return Turn(performance, entry, self.log, self._timer)

    def _route(self, method: str, path: str, headers: Mapping[bytes, bytes], body: bytes, entry: Entry) -> Performance:
        if path.endswith("/chat/completions"):
            _require(method, "POST", path)
            return self._chat(headers, body, entry)
        if path.endswith("/embeddings"):
            _require(method, "POST", path)
            return self._embed(body, entry)
        if path.endswith("/models"):
            _require(method, "GET", path)
            return whole(200, render.models(list(self.models), int(self._clock())))
        listed, _, name = path.rpartition("/models/")
        if listed and name:
            _require(method, "GET", path)
            model = self._model(name)
            row = {"id": model.name, "object": "model", "created": int(self._clock()), "owned_by": "simulated"}
            return whole(200, msgspec.json.encode(row))
        raise Refusal(404, f"Unknown request URL: {method} {path}.", code="unknown_url")

    def _chat(self, headers: Mapping[bytes, bytes], body: bytes, entry: Entry) -> Performance:
        ask = read(body, headers)
        model = self._model(ask.body.model)
        if model.behaviour.embeds:
            raise Refusal(400, f"{model.name} makes embeddings; it does not answer.", "model")
        entry.model, entry.stream, entry.task = model.name, ask.stream, ask.task
        entry.prompt_tokens = ask.prompt_tokens
        _check_context(ask, model)
        turn = self._count(seed_for(model.name, ask.digest))
        fault = self.script.take(model.name) or draw(ask, model, turn)
        entry.fault = fault.kind
        tag = seed_for(model.seed, model.name, ask.digest, turn, "id")
        stamp = Stamp(f"chatcmpl-sim{tag:016x}", int(self._clock()))
        performance = perform(ask, model, fault, stamp, turn)
        if performance.answer is not None:
            answer = performance.answer
            entry.correct = answer.correct
            entry.cached_tokens = answer.cached_tokens
            entry.reasoning_tokens = answer.reasoning_tokens
            entry.planned_tokens = answer.visible_tokens
        return performance

    def _embed(self, body: bytes, entry: Entry) -> Performance:
        asked = embedding.read(body)
        model = self._model(asked.model)
        if not model.behaviour.embeds:
            if model.name in self.models:
                raise Refusal(400, f"{model.name} makes no embeddings.", "model")
            model = SimulatedModel(model.name, EMBEDDER)
        entry.model = model.name
        entry.prompt_tokens = sum(asked.tokens)
        if 0 < model.context < max(asked.tokens):
            raise Refusal(400, f"An input is longer than the {model.context} tokens that {model.name} takes.", "input")
        fault = self.script.take(model.name) or NORMAL
        entry.fault = fault.kind
        return embedded(embedding.answer(asked, model), model, fault)

    def _model(self, name: str) -> SimulatedModel:
        model = self.models.get(name)
        if model is None and self.any_model is not None:
            model = SimulatedModel(name, self.any_model)
        if model is None:
            raise Refusal(404, f"The model {name!r} does not exist.", "model", "model_not_found")
        return model

    def _count(self, key: int) -> int:
        """How often this request was seen before; the oldest are forgotten."""
        seen = self._seen.pop(key, 0)
        self._seen[key] = seen + 1
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return seen


def _require(method: str, wanted: str, path: str) -> None:
    if method != wanted:
        raise Refusal(405, f"{path} takes {wanted}, not {method}.", code="method_not_allowed")


def _check_context(ask: Ask, model: SimulatedModel) -> None:
    needed = ask.prompt_tokens + (ask.limit or 0)
    if model.context and needed > model.context:
        raise Refusal(
            400,
            f"This model's maximum context length is {model.context} tokens. You asked for {needed} tokens "
            f"({ask.prompt_tokens} in the messages, {ask.limit or 0} for the answer).",
            "messages",
            "context_length_exceeded",
        )
