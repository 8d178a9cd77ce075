"""Clients that leave, dawdle, lie, forge, flood and repeat themselves (FAULTS 19-30)."""

from __future__ import annotations

import asyncio
from collections import Counter
from time import monotonic

from tests.chaos.load import Seat, Tally, Told, question
from tests.chaos.scene import Case, Scene, token, well
from tests.server.test_edge import FORGED, HOSTILE
from tests.server.test_strictness import HEADERS, SMUGGLING
from tests.server.wire import Client, ask
from tests.upstream import HANG, Play, Seen, events, stream

CHAT = "/v1/chat/completions"


async def leaving(scene: Scene) -> str:
    """Before the first byte, in the middle of a stream, and while a whole answer is made."""
    scene.act("a", lambda streamed: Play([HANG]))
    await leave(scene, 50, streamed=True, begun=False)
    await leave(scene, 50, streamed=False, begun=False)
    scene.act("a", lambda streamed: stream([events()[0], token("Bon"), HANG], end=False))
    await leave(scene, 50, streamed=True, begun=True)
    calls = seen_at(scene)
    scene.require(len(calls) == 150, f"{len(calls)} calls came for 150 requests")
    open_still = sum(not seen.left.is_set() for seen in calls)
    scene.require(not open_still, f"{open_still} upstream requests are still open a second later")
    found = await scene.here.rows(
        "SELECT outcome, count(*) FROM attempts WHERE provider = ? GROUP BY 1", scene.seat("a")
    )
    scene.require(found == [("cancelled", 150)], f"on the books: {found}")
    return f"{len(calls) - open_still}/{len(calls)} closed upstream within 1 s, all on the books as cancelled"


async def leave(scene: Scene, number: int, streamed: bool, begun: bool) -> None:
    """They ask, wait until the provider has all of them, and hang up together."""
    before = scene.calls("a")
    clients = [await Client(scene.here.port).__aenter__() for _ in range(number)]
    for client in clients:
        client.ask("POST", CHAT, question(scene.model, streamed))
    if begun:
        await asyncio.gather(*(client.head() for client in clients))
    until = monotonic() + 5
    while scene.calls("a") < before + number and monotonic() < until:
        await asyncio.sleep(0.01)
    for client in clients:
        client.close()
    until = monotonic() + 1
    while monotonic() < until and any(not seen.left.is_set() for seen in seen_at(scene)):
        await asyncio.sleep(0.02)


def seen_at(scene: Scene) -> list[Seen]:
    """The calls at the case's first provider."""
    return [seen for seen in scene.upstream.calls if seen.seat == scene.seat("a")]


async def slow_reader(scene: Scene) -> str:
    size, pieces, readers = 20_000, 600, 16
    scene.act("a", lambda streamed: stream([events()[0], *[token("x" * size)] * pieces, *events()[2:]]))
    before = scene.here.memory
    clients = [await Client(scene.here.port).__aenter__() for _ in range(readers)]
    for client in clients:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.ask("POST", CHAT, question(scene.model, True))
    sent = -1
    while sent != (now := sum(seen.sent for seen in seen_at(scene))):
        sent = now
        await asyncio.sleep(0.4)
    grown = scene.here.memory - before
    scene.require(
        grown <= readers * (640 << 10),
        f"memory grew by {grown >> 10} KiB for {readers} of which {sent >> 20} MB were taken",
    )
    for client in clients:
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    lengths = set(await asyncio.gather(*(length(client) for client in clients)))
    scene.require(len(lengths) == 1 and min(lengths) > size * pieces, f"streams of {lengths} bytes")
    for client in clients:
        client.close()
    return (
        f"{readers} streams of {size * pieces >> 20} MB wait with +{max(grown, 0) >> 10} KiB of memory, then come whole"
    )


async def length(client: Client) -> int:
    """Of a streamed answer that comes to its end."""
    await client.head()
    found = 0
    while piece := await client.piece():
        found += len(piece)
    return found


async def bodies(scene: Scene) -> str:
    whole = question(scene.model, False)
    large = question(scene.model, False, user="x" * (2 << 20))
    answers = Counter[int]()
    for body, headers in (
        (large, {}),
        (whole, {"Content-Length": str(1 << 31)}),
        (whole, {"Content-Length": str(len(whole) - 10)}),
        (whole + b"GET", {"Content-Length": str(len(whole))}),
    ):
        answers[(await ask(scene.here.port, "POST", CHAT, body, headers)).status] += 1
    async with Client(scene.here.port) as client:
        client.ask("POST", CHAT, headers={"Transfer-Encoding": "chunked", "Content-Type": "application/json"})
        padded = whole + b" " * 200_000
        client.send(b"".join(b"1\r\n%c\r\n" % byte for byte in padded) + b"0\r\n\r\n")
        chunked = (await client.response()).status
    scene.require(answers == {413: 2, 400: 1, 200: 1}, f"statuses {dict(answers)}")
    scene.require(chunked == 200, f"a body in chunks of a byte: {chunked}")
    return f"statuses {dict(answers)}; 200,000 chunks of a byte: {chunked}"


async def bombs(scene: Scene) -> str:
    statuses = Counter[int]()
    for _ in range(3 if scene.long else 1):
        for name, body in HOSTILE.items():
            response = await ask(scene.here.port, "POST", CHAT, body.replace(b'"m-one"', f'"{scene.model}"'.encode()))
            statuses[response.status] += 1
            scene.require(response.status == 400, f"{name}: {response.status}")
    scene.require(scene.calls("a") == 0, "one of them reached a provider")
    return f"{dict(statuses)}, none reached a provider"


async def smuggling(scene: Scene) -> str:
    second = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for name, data in SMUGGLING.items():
        told = await dropped(scene, data + second)
        answers = told.count(b"HTTP/1.1 ")
        status = int(told.split(b" ")[1]) if answers else 0
        scene.require(answers == 1 and 400 <= status < 600, f"{name}: {answers} answers, {told[:60]!r}")
    scene.require(scene.calls("a") == 0, "one of them reached a provider")
    return f"{len(SMUGGLING)} refused once each, closed, nothing behind them answered"


async def dropped(scene: Scene, data: bytes) -> bytes:
    """What comes back until the other side closes."""
    async with Client(scene.here.port) as client:
        client.send(data)
        return await client.rest()


async def large_heads(scene: Scene) -> str:
    statuses = Counter[bytes]()
    for lines in HEADERS.values():
        told = await dropped(scene, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n")
        statuses[told.split(b" ")[1] if told else b"reset"] += 1
    scene.require(statuses.keys() <= {b"431", b"reset"}, f"{statuses}")
    return ", ".join(f"{number} x {status.decode()}" for status, number in statuses.items())


async def slow_senders(scene: Scene) -> str:
    usual = await scene.load(at_once=4, pause=0.02).last(1.5)
    slow = [await Client(scene.here.port).__aenter__() for _ in range(200)]
    for number, client in enumerate(slow):
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer fl_test\r\n"
        client.send(head + (b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{" if number % 2 else b""))
    began = monotonic()
    going = asyncio.ensure_future(scene.load(at_once=4, pause=0.02).last(1.5))
    await asyncio.gather(*(client.rest() for client in slow))
    took = monotonic() - began
    for client in slow:
        client.close()
    loaded = await going
    await scene.all_good(loaded)
    share = (loaded.good / loaded.seconds) / (usual.good / usual.seconds)
    scene.require(took <= 2 + 2 * scene.slack, f"the last of them was closed after {took:.1f} s")
    scene.require(share >= (0.95 if scene.long else 0.6), f"goodput fell to {share:.0%}")
    return f"200 closed within {took:.1f} s (timeout 1); goodput {share:.0%}"


async def many_streams(scene: Scene) -> str:
    number = 2000 if scene.long else 300
    scene.act("a", lambda streamed: stream([*events()[:2], 1.5, *events()[2:]]))
    before = scene.here.memory
    going = asyncio.ensure_future(scene.load(at_once=number, streams=True).count(number))
    until = monotonic() + 20
    while scene.calls("a") < number and monotonic() < until:
        await asyncio.sleep(0.02)
    grown = scene.here.memory - before
    tally = await going
    await scene.all_good(tally)
    each = grown // number >> 10
    scene.require(each <= 50, f"{each} KiB each")
    return f"{tally.good}/{number} whole, {max(each, 0)} KiB each"


async def overload(scene: Scene) -> str:
    """Room for 32 at once, each taking 0.2 s: twice as much is asked as can be answered."""
    scene.act("a", lambda streamed: well(streamed, 0.2))
    peak = await scene.load(at_once=28).last(1.5)
    rate = peak.good / peak.seconds
    found: list[Told] = []

    async def one(streamed: bool) -> None:
        seat = Seat(scene.here.port, "fl_test")
        found.append(await seat.ask(scene.model, streamed))
        seat.close()

    began, asked = monotonic(), list[asyncio.Future[None]]()
    total = 6 if scene.long else 1.5
    while (passed := monotonic() - began) < total:
        while len(asked) < 2 * rate * passed:
            asked.append(asyncio.ensure_future(one(len(asked) % 2 == 0)))
        await asyncio.sleep(0.005)
    await asyncio.gather(*asked)
    tally = Tally(found)
    share = tally.good / total / rate
    silent = [one for one in tally.bad if one.status not in (429, 503) or "retry-after" not in one.headers]
    scene.require(share >= (0.9 if scene.long else 0.7), f"goodput {share:.0%} of the peak")
    scene.require(
        not silent, f"{len(silent)} were not told when to return, like {[(s.status, s.body[:80]) for s in silent[:1]]}"
    )
    return f"{len(found)} asked, {tally.good} answered ({share:.0%} of the peak), {len(tally.bad)} told when to return"


async def forged(scene: Scene) -> str:
    seat = Seat(scene.here.port, "fl_test")
    plain, other = await seat.ask(scene.model, False), await seat.ask(scene.model, False, FORGED)
    scene.require(plain.good and other.good, f"{plain.status}, {other.status}")
    seen = seen_at(scene)[-1]
    passed = [name for name in FORGED if name.lower() in seen.headers]
    scene.require(not passed, f"{passed} reached a provider")
    for headers in (FORGED, {**FORGED, "Authorization": ""}):
        told = await ask(scene.here.port, "GET", "/v1/decisions/req_forged", headers=headers)
        scene.require(told.status in (401, 403, 404), f"{told.status}")
    seat.close()
    return f"{len(FORGED)} lines ignored"


async def repeated(scene: Scene) -> str:
    seen = []
    for streamed in (False, True):
        before = scene.calls("a")
        scene.act("a", lambda wanted: well(wanted, 0.2))
        key = {"Idempotency-Key": f"{scene.slug}-{streamed}"}
        seats = [Seat(scene.here.port, "fl_test") for _ in range(50)]
        found = await asyncio.gather(*(seat.ask(scene.model, streamed, key) for seat in seats))
        for seat in seats:
            seat.close()
        calls = scene.calls("a") - before
        scene.require(calls == 1, f"{calls} calls")
        scene.require(all(one.good for one in found), f"{sum(not one.good for one in found)} not answered")
        scene.require(len({one.body for one in found}) == 1, "the answers differ")
        other = await ask(scene.here.port, "POST", CHAT, question(scene.model, streamed, temperature=0.5), key)
        scene.require(400 <= other.status < 500, f"another body with the same key: {other.status}")
        seen.append(f"50 -> {calls} call")
    return f"{', '.join(seen)}; another body: {other.status}"


CASES = (
    Case("19", "clients leave", "before, amid and without a stream", "upstream closed <= 1 s, nothing held", leaving),
    Case("20", "slow readers", "16 clients read nothing of 12 MB", "the provider waits; memory <= 640 KiB each", slow_reader),
    Case("21", "bodies", "2 MB of 1, lying length, 1-byte chunks", "413 or 400", bodies, home="brief"),
    Case("22 23", "JSON bombs", "depth, digits, NaN, twice, no UTF-8", "400, none passes", bombs),
    Case("24", "smuggling", "two lengths, codings, hosts...", "refused once, closed", smuggling),
    Case("25", "large heads", "1 MB, 5,000 lines", "431", large_heads),
    Case("26", "slow senders", "200 heads and bodies never end", "closed <= 10 s, goodput >= 95 %", slow_senders, home="brief"),
    Case("27", "open streams", "2,000 at once (short: 300)", "all whole, <= 50 KiB each", many_streams),
    Case("28", "twice the capacity", "2 x the peak", "goodput >= 90 %, the rest told when to return", overload, home="brief"),
    Case("29", "forged headers", "forwarded, admin, internal", "ignored", forged),
    Case("30", "the same 50 times", "one Idempotency-Key at once", "one call; another body 4xx", repeated),
)  # fmt: skip
