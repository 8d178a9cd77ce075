"""fairlead inside a program: the same pipeline without the HTTP listener.

    async with Gateway.from_config("fairlead.yaml") as gw:
        answer = await gw.chat([{"role": "user", "content": "Hello"}])
        print(answer.text, answer.model, answer.cost)

Nothing happens on import, nothing is global: a process may hold several gateways. Without a configuration file the
environment decides, as for `fairlead serve`. Without a `state_dir` of its own the books are kept in memory.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import msgspec
import orjson

from fairlead.core.call import Caller
from fairlead.dialects import sse
from fairlead.errors import FairleadError, RequestError, UpstreamFailed
from fairlead.gateway import pipeline
from fairlead.gateway.request import Headers, Incoming

if TYPE_CHECKING:
    from fairlead.config.schema import Config
    from fairlead.core.record import Record
    from fairlead.gateway.runtime import Runtime

Messages = Sequence[Mapping[str, object]]
T = TypeVar("T")
QUEUED = 64
"""Pieces of a stream that may wait for their reader."""


class Answer(msgspec.Struct, frozen=True):
    """A complete answer."""

    text: str
    model: str
    """The model that answered."""
    cost: Decimal | None
    """USD; None where the price is unknown."""
    request_id: str
    headers: dict[str, str]
    body: dict[str, object]
    """The provider's whole answer."""


class Event(msgspec.Struct, frozen=True):
    """One piece of a stream."""

    text: str
    """The new text; empty for events that carry none."""
    data: dict[str, object]
    """The event as the provider sent it."""


class CallFailed(FairleadError):
    """A call that got no answer: what an HTTP client would have been told."""

    def __init__(self, status: int, body: dict[str, object]) -> None:
        error = body.get("error")
        detail = error if isinstance(error, dict) else {}
        super().__init__(str(detail.get("message", f"HTTP {status}")))
        self.status = status
        self.code = str(detail.get("code", ""))
        self.body = body


class Collector:
    """An outlet that keeps the answer for the program that asked."""

    def __init__(self) -> None:
        self.started = False
        self.ended = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.head: asyncio.Event = asyncio.Event()
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED)

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        self.start(status, headers)
        self.body = body
        self.end()

    def start(self, status: int, headers: bytes) -> None:
        self.started = True
        self.status = status
        for line in headers.decode("latin-1").splitlines():
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
        self.head.set()

    async def write(self, piece: bytes) -> None:
        if piece:
            await self.pieces.put(piece)

    def end(self, last: bytes = b"") -> None:
        if last:
            self.pieces.put_nowait(last)
        self.ended = True
        self._close()

    def abandoned(self, _: object) -> None:
        """Whoever wrote the answer is gone; its reader must not wait for more."""
        if not self.ended:
            self._close()

    def _close(self) -> None:
        try:
            self.pieces.put_nowait(None)
        except asyncio.QueueFull:
            self._closing = asyncio.ensure_future(self.pieces.put(None))


class Gateway:
    """An open gateway; use it as an async context manager."""

    def __init__(self, config: Config, *, speed: float = 1.0, caller: Caller | None = None) -> None:
        self._config = config
        self._speed = speed
        self._caller = caller or Caller("library")
        self._runtime: Runtime | None = None
        self._running: set[asyncio.Future[Any]] = set()

    @classmethod
    def from_config(
        cls, config: str | os.PathLike[str] | Config | None = None, *, speed: float = 1.0, caller: Caller | None = None
    ) -> Gateway:
        """From a file, a loaded configuration, or (with None) the environment. `speed` hastens simulated models."""
        from fairlead.config.load import load
        from fairlead.config.schema import Config as Loaded
        from fairlead.gateway.nearby import configured

        if config is None:
            return cls(configured(os.environ), speed=speed, caller=caller)
        return cls(config if isinstance(config, Loaded) else load(config), speed=speed, caller=caller)

    async def __aenter__(self) -> Gateway:
        from fairlead.gateway.runtime import Runtime
        from fairlead.gateway.simulation import simulated_upstream
        from fairlead.gateway.world import build
        from fairlead.registry.catalogue import load as load_catalogue
        from fairlead.store.contract import Ledger
        from fairlead.store.ledger import EmbeddedLedger
        from fairlead.store.memory import MemoryLedger

        world = build(self._config, load_catalogue(), b"")
        chosen = "state_dir" in self._config.server.model_fields_set
        folder = Path(self._config.server.state_dir) if chosen else None
        ledger: Ledger = (
            MemoryLedger()
            if folder is None
            else EmbeddedLedger(folder, decisions_days=self._config.server.decisions_days)
        )
        self._runtime = Runtime(world, ledger, simulated_upstream(self._config, self._speed), folder=folder)
        await self._runtime.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is None:
            return
        for running in self._running:
            running.cancel()
        if self._running:
            await asyncio.wait(self._running)
        await runtime.close()

    @overload
    async def chat(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        stream: Literal[False] = False,
        params: Mapping[str, object] | None = None,
        fairlead: Mapping[str, object] | None = None,
    ) -> Answer: ...

    @overload
    async def chat(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        stream: Literal[True],
        params: Mapping[str, object] | None = None,
        fairlead: Mapping[str, object] | None = None,
    ) -> AsyncIterator[Event]: ...

    async def chat(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        stream: bool = False,
        params: Mapping[str, object] | None = None,
        fairlead: Mapping[str, object] | None = None,
    ) -> Answer | AsyncIterator[Event]:
        """`params` are further fields of the request; `fairlead` are wishes such as {"quality_floor": 0.8}."""
        incoming = self._incoming(messages, model, stream, params, fairlead)
        collector = Collector()
        running = asyncio.ensure_future(pipeline.answer(self._open(), incoming, collector))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        if stream:
            running.add_done_callback(collector.abandoned)
            return await _events(running, collector)
        try:
            await running
        except asyncio.CancelledError:
            running.cancel()
            raise
        return _answer(collector)

    def route(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        params: Mapping[str, object] | None = None,
        fairlead: Mapping[str, object] | None = None,
    ) -> dict[str, object]:
        """What would be done with the request, and why; nothing is sent."""
        from fairlead.gateway.explanation import described

        return described(pipeline.explain(self._open(), self._incoming(messages, model, False, params, fairlead)))

    async def decision(self, request_id: str) -> Record | None:
        """The record of a finished request: attempts, tokens, exact cost."""
        return await self._open().ledger.decision(request_id, None)

    def _open(self) -> Runtime:
        if self._runtime is None:
            raise FairleadError("the gateway is not open; use it as `async with Gateway.from_config(...) as gw:`")
        return self._runtime

    def _incoming(
        self,
        messages: Messages,
        model: str,
        stream: bool,
        params: Mapping[str, object] | None,
        fairlead: Mapping[str, object] | None,
    ) -> Incoming:
        body: dict[str, object] = {"model": model, "messages": list(messages), **(params or {})}
        if stream:
            body["stream"] = True
        if fairlead:
            body["fairlead"] = dict(fairlead)
        return Incoming("generate", self._caller, Headers(), orjson.dumps(body), monotonic())


def _answer(collector: Collector) -> Answer:
    if collector.status != 200:
        raise CallFailed(collector.status, _object(collector.body))
    body = _object(collector.body)
    headers = collector.headers
    cost = headers.get("x-fairlead-cost", "unknown")
    return Answer(
        text=_text(body, "message"),
        model=headers.get("x-fairlead-model", ""),
        cost=None if cost == "unknown" else Decimal(cost),
        request_id=headers.get("x-fairlead-request-id", ""),
        headers=headers,
        body=body,
    )


async def _events(running: asyncio.Future[Any], collector: Collector) -> AsyncIterator[Event]:
    """Waits for the head, so that a call that cannot be answered fails here and not in the middle of a loop."""
    head = asyncio.ensure_future(collector.head.wait())
    try:
        await asyncio.wait((running, head), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        running.cancel()
        raise
    finally:
        head.cancel()
    if collector.status != 200:
        await running
        raise CallFailed(collector.status, _object(collector.body))
    return _stream(running, collector)


async def _stream(running: asyncio.Future[Any], collector: Collector) -> AsyncIterator[Event]:
    splitter = sse.Splitter()
    try:
        while (piece := await collector.pieces.get()) is not None:
            for event in splitter.feed(piece):
                data = sse.data(event)
                if data is None or data.strip() == b"[DONE]":
                    continue
                body = _object(data)
                if "error" in body:
                    raise CallFailed(collector.status, body)
                yield Event(_text(body, "delta"), body)
        await running
        if not collector.ended:
            raise UpstreamFailed("the answer broke off; what came before is not whole", code="stream_broken")
    finally:
        running.cancel()


def _object(data: bytes) -> dict[str, object]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UpstreamFailed("the provider's answer is not the JSON it should be") from None
    return value if isinstance(value, dict) else {"value": value}


def _text(body: Mapping[str, object], part: str) -> str:
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    message = first.get(part) if isinstance(first, dict) else {}
    content = message.get("content") if isinstance(message, dict) else ""
    return content if isinstance(content, str) else ""


class SyncGateway:
    """The same for programs without asyncio. It owns one thread and its loop, so it also works inside a running loop."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @classmethod
    def from_config(
        cls, config: str | os.PathLike[str] | Config | None = None, *, speed: float = 1.0, caller: Caller | None = None
    ) -> SyncGateway:
        return cls(Gateway.from_config(config, speed=speed, caller=caller))

    def __enter__(self) -> SyncGateway:
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="fairlead", daemon=True)
        self._thread.start()
        try:
            self._do(self._gateway.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._do(self._gateway.__aexit__(kind, value, trace))
        finally:
            self._stop()

    def chat(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        params: Mapping[str, object] | None = None,
        fairlead: Mapping[str, object] | None = None,
    ) -> Answer:
        return self._do(self._gateway.chat(messages, model=model, params=params, fairlead=fairlead))

    def stream(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        params: Mapping[str, object] | None = None,
        fairlead: Mapping[str, object] | None = None,
    ) -> Iterator[Event]:
        events = self._do(self._gateway.chat(messages, model=model, stream=True, params=params, fairlead=fairlead))
        try:
            while True:
                try:
                    yield self._do(_following(events))
                except StopAsyncIteration:
                    return
        finally:
            close = getattr(events, "aclose", None)
            if close is not None:
                self._do(close())

    def route(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        params: Mapping[str, object] | None = None,
        fairlead: Mapping[str, object] | None = None,
    ) -> dict[str, object]:
        async def ask() -> dict[str, object]:
            return self._gateway.route(messages, model=model, params=params, fairlead=fairlead)

        return self._do(ask())

    def decision(self, request_id: str) -> Record | None:
        return self._do(self._gateway.decision(request_id))

    def _do(self, work: Coroutine[object, object, T]) -> T:
        if self._loop is None:
            work.close()
            raise FairleadError("the gateway is not open; use it as `with SyncGateway.from_config(...) as gw:`")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            asyncio.run_coroutine_threadsafe(_wind_up(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()
            loop.close()


async def _wind_up() -> None:
    """What `asyncio.run` does before it closes its loop."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


async def _following(events: AsyncIterator[Event]) -> Event:
    return await events.__anext__()


__all__ = ["Answer", "CallFailed", "Event", "Gateway", "RequestError", "SyncGateway"]
