"""The simulated provider behind its two seams: what was delivered and what the log says are the same thing."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar, cast

import pytest

from fairlead.core.call import Call, Caller, Facts, Shape, Wishes
from fairlead.core.egress import EgressPermit, grant
from fairlead.core.model import Channel
from fairlead.providers.simulated import Behaviour, Fault, SimulatedModel, Simulation, fail
from fairlead.providers.simulated.script import KINDS
from fairlead.providers.simulated.server import SimulatedServer
from fairlead.providers.simulated.upstream import SimulatedReply, SimulatedUpstream
from fairlead.providers.wire import Endpoint, Outbound, Reply, Upstream, UpstreamBroken, head

ENDPOINT = Endpoint("sim", "simulated", "openai_chat", simulated=True)
PATIENT = Endpoint("sim", "simulated", "openai_chat", first_byte_timeout=0, idle_timeout=math.inf)
MODEL = SimulatedModel("m", Behaviour(latency_ms=1000, tokens_per_second=1, output_tokens=30))

T = TypeVar("T")


class NoView:
    user = ""
    answers = 1
    predicted = 0

    @property
    def max_output(self) -> int | None:
        return None

    def shape(self) -> Shape:
        return Shape(0, 0, 0)

    def texts(self) -> Iterator[tuple[str, str]]:
        return iter(())


def permit() -> EgressPermit:
    call = Call("req-1", "generate", "openai_chat", "m", False, b"", NoView(), Caller("t"), Wishes(), Facts(0))
    return grant(call, Channel("m@sim", "sim", "m", "sim", "m"))


def outbound(stream: bool = True, **fields: Any) -> Outbound:
    body = {"model": "m", "messages": [{"role": "user", "content": "Boats?"}], **fields}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return Outbound(head("POST", "/v1/chat/completions", b"x-sim-task: chat\r\n"), json.dumps(body).encode())


def ignored(reply: Reply) -> None:
    """Where it does not matter when the request was sent."""


def make(speed: float = math.inf) -> SimulatedUpstream:
    return SimulatedUpstream([MODEL], speed=speed)


def run(main: Callable[[], Awaitable[T]]) -> T:
    async def whole() -> T:
        return await asyncio.wait_for(main(), 20)

    return asyncio.run(whole())


async def drain(reply: SimulatedReply) -> tuple[bytes, str]:
    """(what arrived, why it broke or empty)"""
    data = []
    try:
        while piece := await reply.read():
            data.append(piece)
    except UpstreamBroken as broken:
        return b"".join(data), broken.reason
    return b"".join(data), ""


def content_tokens(data: bytes) -> int:
    events = [event[6:] for event in data.split(b"\n\n") if event.startswith(b"data: {")]
    found = 0
    for event in events:
        try:
            chunk = json.loads(event)
        except ValueError:
            continue
        found += sum(1 for choice in chunk.get("choices", []) if choice["delta"].get("content"))
    return found


def play(fault: Fault, stream: bool = True) -> tuple[int, bytes, str, SimulatedUpstream]:
    upstream = make()
    upstream.script.push(fault)

    async def main() -> tuple[int, bytes, str]:
        reply = await upstream.send(permit(), ENDPOINT, outbound(stream), ignored)
        return reply.status, *(await drain(reply))

    return *run(main), upstream


def test_the_types_leave_the_seam() -> None:
    upstream: Upstream = make()

    async def main() -> Reply:
        return await upstream.send(permit(), ENDPOINT, outbound(), ignored)

    assert run(main).status == 200


def test_something_is_sent_without_a_permit() -> None:
    upstream = make()

    async def main() -> None:
        await upstream.send(cast(EgressPermit, object()), ENDPOINT, outbound(), ignored)

    with pytest.raises(TypeError):
        run(main)
    assert upstream.log.total == 0


@pytest.mark.parametrize("stream", [True, False])
def test_the_log_disagrees_with_a_whole_delivery(stream: bool) -> None:
    status, data, broken, upstream = play(Fault("ok"), stream)
    entry = upstream.log.entries[-1]
    assert (status, broken, entry.status, entry.ending) == (200, "", 200, "ok")
    last = [e for e in data.split(b"\n\n") if e.startswith(b"data: {")][-1][6:] if stream else data
    usage = json.loads(last)["usage"]
    assert entry.completion_tokens == usage["completion_tokens"] == entry.planned_tokens
    assert entry.prompt_tokens == usage["prompt_tokens"]
    if stream:
        assert content_tokens(data) == entry.tokens
    assert (entry.request_id, entry.task, entry.model, upstream.log.open) == ("req-1", "chat", "m", 0)


@pytest.mark.parametrize("kind", ["cut", "reset", "truncate"])
@pytest.mark.parametrize("after", [0, 4, 10_000])
def test_an_answer_broken_off_counts_other_tokens_than_it_delivered(kind: Any, after: int) -> None:
    _, data, broken, upstream = play(Fault(kind, after_tokens=after))
    entry = upstream.log.entries[-1]
    assert b"[DONE]" not in data
    assert b'"finish_reason":"stop"' not in data
    assert content_tokens(data) == entry.tokens == min(after, entry.planned_tokens)
    assert not entry.usage_reported
    assert (broken, entry.ending) == (("", "ok") if kind == "truncate" else ("cut", "cut"))


def test_a_cut_body_arrives_whole() -> None:
    _, data, broken, upstream = play(Fault("cut"), stream=False)
    assert broken == "cut"
    assert data
    with pytest.raises(ValueError):
        json.loads(data)
    assert upstream.log.entries[-1].tokens == 0


def test_a_refused_connection_is_answered() -> None:
    upstream = make()
    upstream.script.push(Fault("refuse"))

    async def main() -> None:
        await upstream.send(permit(), ENDPOINT, outbound(), ignored)

    with pytest.raises(UpstreamBroken) as caught:
        run(main)
    assert caught.value.reason == "connect"
    entry = upstream.log.entries[-1]
    assert (entry.ending, entry.status, entry.completion_tokens) == ("refused", 0, 0)


def test_an_error_status_loses_its_retry_after() -> None:
    upstream = make()
    upstream.script.push(fail(429, "Wed, 21 Oct 2026 07:28:00 GMT"))

    async def main() -> tuple[SimulatedReply, bytes]:
        reply = await upstream.send(permit(), ENDPOINT, outbound(), ignored)
        return reply, await reply.body()

    reply, body = run(main)
    assert reply.status == 429
    assert reply.headers[b"retry-after"].startswith(b"Wed")
    assert json.loads(body)["error"]["type"] == "rate_limit_error"
    assert upstream.log.entries[-1].ending == "error"


def test_faults_within_a_200_are_not_played() -> None:
    _, garbage, _, _ = play(Fault("garbage"))
    assert garbage.startswith(b"<html>")
    _, early, _, upstream = play(Fault("error_event"))
    assert json.loads(early.split(b"\n\n")[-2][6:])["error"]["code"] == "overloaded"
    assert content_tokens(early) == upstream.log.entries[-1].tokens == 0
    _, late, _, upstream = play(Fault("error_event", after_tokens=3))
    assert content_tokens(late) == upstream.log.entries[-1].tokens == 3
    assert b"[DONE]" not in late
    _, whole, _, _ = play(Fault("error_event"), stream=False)
    assert set(json.loads(whole)) == {"error"}
    _, empty, _, upstream = play(Fault("empty"))
    assert content_tokens(empty) == upstream.log.entries[-1].tokens == 0
    assert empty.endswith(b"data: [DONE]\n\n")
    _, bad, _, upstream = play(Fault("bad_event", after_tokens=2))
    assert b'data: {"id":"broken"' in bad
    assert content_tokens(bad) == upstream.log.entries[-1].planned_tokens
    _, flood, _, _ = play(Fault("flood", size=200_000))
    assert len(flood) == 200_000


@pytest.mark.parametrize("size", [1, 7, 5000])
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_in_pieces_is_another_answer(size: int, stream: bool) -> None:
    upstream = make()
    upstream.script.push(Fault("split", size=size))

    async def main() -> tuple[list[bytes], bytes]:
        broken = await upstream.send(permit(), ENDPOINT, outbound(stream), ignored)
        pieces = []
        while piece := await broken.read():
            pieces.append(piece)
        smooth = await (await upstream.send(permit(), ENDPOINT, outbound(stream), ignored)).body()
        return pieces, smooth

    pieces, smooth = run(main)
    assert all(len(piece) == size for piece in pieces[:-1])
    split, plain = upstream.log.entries
    assert len(b"".join(pieces)) == len(smooth)
    assert split.tokens == plain.tokens == plain.planned_tokens


def test_an_answer_that_never_comes_outlasts_the_timeouts() -> None:
    upstream = make()
    upstream.script.push(Fault("hang"), Fault("slow", ms=500_000), Fault("stall", after_tokens=2))

    async def main() -> None:
        for _ in range(2):
            with pytest.raises(UpstreamBroken) as caught:
                await upstream.send(permit(), ENDPOINT, outbound(), ignored)
            assert caught.value.reason == "first_byte_timeout"
        data, broken = await drain(await upstream.send(permit(), ENDPOINT, outbound(), ignored))
        assert (content_tokens(data), broken) == (2, "idle_timeout")

    run(main)
    assert [entry.ending for entry in upstream.log.entries] == ["closed"] * 3
    assert [entry.tokens for entry in upstream.log.entries] == [0, 0, 2]


def test_a_client_that_leaves_goes_unnoticed() -> None:
    upstream = make()
    upstream.script.push(Fault("hang"), Fault("stall", after_tokens=1), Fault("stall", after_tokens=1))

    async def main() -> None:
        hanging = asyncio.ensure_future(upstream.send(permit(), PATIENT, outbound(), ignored))
        await asyncio.sleep(0)
        assert upstream.log.open == 1
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        reply = await upstream.send(permit(), PATIENT, outbound(), ignored)
        reading = asyncio.ensure_future(drain(reply))
        await asyncio.sleep(0)
        reply.abort()
        assert (await reading)[1] == "cut"
        other = await upstream.send(permit(), PATIENT, outbound(), ignored)
        await other.read()
        other.abort()
        other.abort()
        with pytest.raises(UpstreamBroken):
            await other.read()

    run(main)
    assert [entry.ending for entry in upstream.log.entries] == ["closed"] * 3
    assert upstream.log.open == 0
    assert all(entry.ended is not None and entry.ended >= entry.started for entry in upstream.log.entries)


def test_closing_after_the_end_counts_as_leaving() -> None:
    upstream = make()

    async def main() -> None:
        reply = await upstream.send(permit(), ENDPOINT, outbound(), ignored)
        while b"[DONE]" not in await reply.read():
            pass
        reply.abort()

    run(main)
    assert upstream.log.entries[-1].ending == "ok"


class Untimed(asyncio.SelectorEventLoop):
    """A loop on which nothing can be put off."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        raise AssertionError("something waits although speed is infinite")


def test_infinite_speed_waits() -> None:
    loop = Untimed()
    upstream = make()
    try:
        for stream in (True, False):
            reply = loop.run_until_complete(upstream.send(permit(), ENDPOINT, outbound(stream), ignored))
            assert loop.run_until_complete(reply.body())
    finally:
        loop.close()


def test_a_read_that_was_given_up_loses_data() -> None:
    upstream = make(speed=100.0)

    async def main() -> tuple[bytes, bytes]:
        reply = await upstream.send(permit(), ENDPOINT, outbound(max_tokens=8), ignored)
        data = b""
        while True:
            try:
                piece = await asyncio.wait_for(reply.read(), 0.003)
            except TimeoutError:
                continue
            if not piece:
                break
            data += piece
        return data, await (await upstream.send(permit(), ENDPOINT, outbound(max_tokens=8), ignored)).body()

    patient, smooth = run(main)
    assert content_tokens(patient) == content_tokens(smooth) == 8


def test_a_speed_of_nothing_is_accepted() -> None:
    for speed in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError):
            make(speed)


class Recorder:
    """A sink that keeps what it is given, and may lose its client."""

    def __init__(self, lose_after: int | None = None) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.data = b""
        self.ending = ""
        self._left = lose_after

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.status, self.headers = status, dict(headers)

    async def write(self, data: bytes) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise ConnectionResetError("the client is gone")
        self.data += data

    def end(self) -> None:
        self.ending = "end"

    def abort(self, rst: bool = False) -> None:
        self.ending = "rst" if rst else "fin"


def served(server: SimulatedServer, method: str, path: str, body: bytes, lose_after: int | None = None) -> Recorder:
    sink = Recorder(lose_after)

    async def main() -> None:
        await server.answer(method, path, {}, body, sink)

    run(main)
    return sink


def chat(server: SimulatedServer, stream: bool = True, lose_after: int | None = None) -> Recorder:
    return served(server, "POST", "/v1/chat/completions", outbound(stream).body, lose_after)


def test_the_server_and_the_process_tell_different_stories() -> None:
    server = SimulatedServer(Simulation([MODEL], clock=lambda: 1.0), speed=math.inf)
    inside = SimulatedUpstream(Simulation([MODEL], clock=lambda: 1.0), speed=math.inf)

    async def main() -> bytes:
        plain = Outbound(head("POST", "/v1/chat/completions", b""), outbound().body)
        return await (await inside.send(permit(), ENDPOINT, plain, ignored)).body()

    sink = chat(server)
    assert (sink.status, sink.data, sink.ending) == (200, run(main), "end")
    assert b"content-length" not in sink.headers
    whole = chat(server, stream=False)
    assert int(whole.headers[b"content-length"]) == len(whole.data)


@pytest.mark.parametrize(
    ("kind", "ending", "logged"), [("cut", "fin", "cut"), ("reset", "rst", "cut"), ("refuse", "rst", "refused")]
)
def test_the_server_ends_a_connection_in_another_way(kind: Any, ending: str, logged: str) -> None:
    server = SimulatedServer(Simulation([MODEL]), speed=math.inf)
    server.simulation.script.push(Fault(kind, after_tokens=2))
    assert chat(server).ending == ending
    assert server.simulation.log.entries[-1].ending == logged


def test_the_server_counts_tokens_for_a_client_that_is_gone() -> None:
    server = SimulatedServer(Simulation([MODEL]), speed=math.inf)
    sink = chat(server, lose_after=4)
    entry = server.simulation.log.entries[-1]
    assert (entry.ending, entry.tokens) == ("closed", content_tokens(sink.data))
    assert entry.tokens == 3


def test_a_cancelled_answer_stays_open() -> None:
    server = SimulatedServer(Simulation([MODEL]), speed=math.inf)
    server.simulation.script.push(Fault("hang"))

    async def main() -> None:
        task = asyncio.ensure_future(server.answer("POST", "/v1/chat/completions", {}, outbound().body, Recorder()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(main)
    assert server.simulation.log.entries[-1].ending == "closed"


def test_the_script_cannot_be_driven_over_http() -> None:
    server = SimulatedServer(Simulation([MODEL]), speed=math.inf)
    for body in (
        {"kind": "status", "status": 500},
        [{"kind": "empty"}],
        {"model": "m", "faults": [{"kind": "cut", "after_tokens": 1}]},
    ):
        assert served(server, "POST", "/sim/script", json.dumps(body).encode()).status == 200
    chat(server)
    chat(server)
    chat(server)
    report = json.loads(served(server, "GET", "/sim/log?since=1", b"").data)
    assert (report["total"], report["open"], report["pending_faults"]) == (3, 0, 0)
    assert [(call["serial"], call["fault"]) for call in report["calls"]] == [(2, "status"), (3, "empty")]
    for wrong in (
        b"{", b'{"kind":"nonsense"}', b'{"kind":"cut","typo":1}', b"3", b'{"kind":"status","status":9999}',
        b'{"kind":"status","status":99}', b'{"kind":"flood","size":-1}', b'{"kind":"slow","ms":-1}', b'{"kind":"ok","times":-1}',
    ):  # fmt: skip
        assert served(server, "POST", "/sim/script", wrong).status == 400
    assert json.loads(served(server, "GET", "/sim/log", b"").data)["pending_faults"] == 0
    refused = json.loads(served(server, "POST", "/sim/script", b'{"kind":"nix"}').data)["error"]["message"]
    assert refused == f"This is no script: there is no fault 'nix'; there are: {', '.join(KINDS)}."
    assert served(server, "GET", "/sim/other", b"").status == 404
    assert json.loads(served(server, "POST", "/sim/reset", b"").data)["total"] == 0
