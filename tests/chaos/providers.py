"""Faults of providers (FAULTS 1-18), played to steady load."""

from __future__ import annotations

import asyncio
import json
from email.utils import formatdate
from itertools import pairwise
from time import monotonic, time

from tests.chaos.load import DONE, Tally
from tests.chaos.scene import Act, Case, Scene, token, well
from tests.server.wire import ask
from tests.upstream import CUT, HANG, RST, STREAM_HEAD, Play, answer, completion, event, events, plain, status, stream

MANY = 200
NO_USAGE = events(usage=None)


def failing(number: int, headers: str = "") -> Act:
    return lambda streamed: status(number, headers=headers)


async def failing_over(scene: Scene, act: Act | None, number: int = MANY, streams: bool | None = None) -> Tally:
    """The first provider plays its fault to every request; nobody may notice."""
    if act is not None:
        scene.act("a", act)
    tally = await scene.load(streams=streams).count(number)
    await scene.all_good(tally)
    return tally


def answered(tally: Tally) -> str:
    return f"{tally.good}/{len(tally.told)} answered"


# ---- connecting


async def refused_connection(scene: Scene) -> str:
    await failing_over(scene, None)
    usual, other = [], []
    for _ in range(300 if scene.long else 100):
        usual += (await scene.load(at_once=1).count(1)).told
        other += (await scene.load(at_once=1, model="case0").count(1)).told
    added = Tally(usual).at(0.99) - Tally(other).at(0.99)
    scene.require(added <= 0.05 * scene.slack, f"failover added {added * 1000:.1f} ms at p99")
    return f"{MANY}/{MANY} answered; going elsewhere adds {max(added, 0) * 1000:.1f} ms at p99 (at most {50 * scene.slack:.0f})"


async def black_hole(scene: Scene) -> str:
    tally = await scene.load(at_once=8).count(48)
    await scene.all_good(tally)
    slowest = tally.at(0.99)
    scene.require(slowest <= 0.3 + 0.1 * scene.slack, f"an answer took {slowest:.2f} s")
    return f"{answered(tally)}, the slowest after {slowest * 1000:.0f} ms (timeout 300)"


async def slow_first_byte(scene: Scene) -> str:
    tally = await failing_over(scene, lambda streamed: well(streamed, 5.0), 96)
    scene.require(tally.at(1) <= 0.3 + 0.3 * scene.slack, f"an answer took {tally.at(1):.2f} s")
    return f"{answered(tally)}, the slowest after {tally.at(1) * 1000:.0f} ms (timeout 300)"


# ---- broken answers


async def stall(scene: Scene) -> str:
    part = plain(200, completion())[:-20]
    scene.act(
        "a", lambda streamed: stream([events()[0], token("Bon"), HANG], end=False) if streamed else Play([part, HANG])
    )
    tally = await scene.load().count(96)
    return broken(scene, tally, {"Bon"})


def broken(scene: Scene, tally: Tally, said: set[str]) -> str:
    streams = [one for one in tally.told if one.streamed]
    cut = [one for one in streams if one.cut]
    scene.require(len(cut) == len(streams), f"{len(streams) - len(cut)} streams broke off without an error event")
    scene.require(not any(DONE in one.body for one in streams), "a broken stream says that it is done")
    scene.require(
        {one.text for one in cut} <= said, f"other text was delivered: {sorted({one.text for one in cut})[:3]}"
    )
    rest = [one for one in tally.told if not one.streamed]
    scene.require(all(one.good for one in rest), "a whole answer did not come from the next provider")
    return f"{len(cut)}/{len(streams)} streams ended with an error event, {len(rest)} whole answers from the next"


async def cut(scene: Scene) -> str:
    lengths: list[int] = []

    def play(streamed: bool) -> Play:
        how = RST if scene.chance.random() < 0.5 else CUT
        if not streamed:
            return Play([plain(200, completion())[:-30], 0.02, how])
        lengths.append(scene.chance.randint(1, 20))
        return stream([events()[0], *[token("x")] * lengths[-1], 0.05, how], end=False)

    scene.act("a", play)
    tally = await scene.load().count(MANY)
    seen = broken(scene, tally, {"x" * number for number in range(1, 21)})
    got = sorted(len(one.text) for one in tally.told if one.streamed)
    scene.require(got == sorted(lengths), f"{sum(lengths)} tokens were sent and {sum(got)} delivered")
    booked = await scene.here.rows(
        "SELECT attempts.output FROM attempts JOIN requests ON requests.seq = attempts.request WHERE provider = ? "
        "AND attempts.outcome = 'failed' AND estimated = 1 AND attempts.cost > 0", scene.seat("a"),
    )  # fmt: skip
    scene.require(
        len(booked) >= len(lengths), f"{len(lengths) - len(booked)} broken streams are not billed by estimate"
    )
    return f"{seen}; {sum(got)} of {sum(lengths)} tokens delivered"


GARBAGE = (
    plain(200, b"<html><body>Welcome</body></html>", kind="text/html"),
    plain(200, b'{"choices": [{"mess'),
    plain(200, b""),
    plain(200, bytes(range(256))),
    plain(200, b"[]"),
    plain(200, b"null"),
    plain(200, b'{"choices": []}'),
    b"\x16\x03\x01 hello\r\n\r\n",
)


async def garbage(scene: Scene) -> str:
    scene.unbooked.add(scene.seat("a"))  # some requests leave on a connection that is just being closed
    tally = await failing_over(scene, lambda streamed: Play([scene.chance.choice(GARBAGE), CUT]))
    return answered(tally)


async def bad_event(scene: Scene) -> str:
    """In the provider's own dialect a stream passes untouched; where it is translated nobody can guess what was meant."""
    bad = b'data: {"choices": [{"delta": {"cont\n\n'
    scene.act("a", lambda streamed: stream([*events()[:2], 0.1, bad, *events()[2:]]))
    tally = await scene.load(streams=True).count(96)
    lost = [
        one for one in tally.told if not one.cut and (bad not in one.body or one.text != "Bonjour." or not one.ended)
    ]
    scene.require(not lost, f"{len(lost)} streams lost something and do not say so")
    body = json.dumps(
        {"model": scene.model, "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "a"}]}
    )
    said = b'"type":"error"'
    for _ in range(8):
        told = await ask(scene.here.port, "POST", "/v1/messages", body.encode())
        typed = said in told.body.replace(b" ", b"") and b"message_stop" not in told.body
        scene.require(typed, f"translated, it ends without a word: {told.body[-200:]!r}")
    return f"{len(tally.told)} passed on as they came; translated, 8 ended with an error event"


async def split(scene: Scene) -> str:
    body = b"".join(events(("Grüß", " dich, 世界 🙂"))).replace(b"\\u", b"\\u")
    scene.act("a", lambda streamed: stream([body[at : at + 1] for at in range(len(body))]))
    tally = await scene.load(streams=True).count(24)
    await scene.all_good(tally)
    scene.require({one.text for one in tally.told} == {"Grüß dich, 世界 🙂"}, "the text is another")
    return f"{tally.good} streams of {len(body)} pieces came out whole"


async def error_first(scene: Scene) -> str:
    words = b'data: {"error": {"message": "overloaded", "type": "server_error", "code": 529}}\n\n'
    whole = plain(200, b'{"error": {"message": "overloaded", "type": "server_error"}}')
    tally = await failing_over(scene, lambda streamed: stream([events()[0], words]) if streamed else Play([whole]))
    return answered(tally)


async def usage(scene: Scene) -> str:
    twice = [*events()[:-1], event(None, usage=(20, 9)), events()[-1]]
    wrong = completion().replace(b'"prompt_tokens": 11', b'"prompt_tokens": -5')
    plays = {
        "absent": lambda streamed: stream(NO_USAGE) if streamed else answer(usage=None),
        "twice or wrong": lambda streamed: stream(twice) if streamed else Play([plain(200, wrong)]),
    }
    seen = []
    for name, act in plays.items():
        before = scene.calls("a")
        await failing_over(scene, act, 40)
        found = await scene.here.rows(
            "SELECT input, output, estimated, cost FROM attempts WHERE provider = ? ORDER BY seq LIMIT -1 OFFSET ?",
            scene.seat("a"), before,
        )  # fmt: skip
        kinds = {tuple(row[:3]) for row in found if not row[2]}
        scene.require(all(int(str(row[3])) > 0 for row in found), f"{name}: an answer costs nothing")
        scene.require(kinds <= {(20, 9, 0)}, f"{name}: taken for exact: {kinds}")
        seen.append(f"{name}: {sum(bool(row[2]) for row in found)} flagged of {len(found)}")
    return "; ".join(seen)


async def headers(scene: Scene) -> str:
    lines = "Set-Cookie: a=b\r\nX-Internal: secret\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nServer: up\r\n"
    whole = plain(200, completion(), lines)
    streamed_head = STREAM_HEAD.replace(b"\r\nTransfer", b"\r\n" + lines.encode() + b"Transfer")

    def play(streamed: bool) -> Play:
        played = stream(events())
        return Play([streamed_head, *played.steps[1:]], played.usage) if streamed else Play([whole])

    tally = await failing_over(scene, play, 64)
    passed = {name for one in tally.told for name in one.headers} & {"set-cookie", "x-internal", "x-hop", "server"}
    scene.require(not passed, f"{passed} reached a client")
    return f"{answered(tally)}, none of 5 foreign lines passed"


# ---- limits, budgets, health


async def retry_after(scene: Scene) -> str:
    """Four ways to say when, each to a provider of its own, in turn."""
    forms = {
        "seconds": ("Retry-After: 2\r\n", 2.0),
        "date": (f"Retry-After: {formatdate(time() + 4, usegmt=True)}\r\n", 2.5),
        "ms": ("retry-after-ms: 2000\r\n", 2.0),
        "absurd": ("Retry-After: 99999999999\r\n", 3.0),
    }
    letter = dict(zip(forms, "abcd", strict=True))
    early = {}
    for name, (line, _) in forms.items():
        scene.act(letter[name], failing(429, line))
    began = monotonic()
    for _ in range(2):  # each request asks four at most
        await scene.load(at_once=1).count(1)
    rest = await scene.load(at_once=8, pause=0.02).last(1.5)
    for name, (_, seconds) in forms.items():
        times = scene.times[scene.seat(letter[name])]
        first = times[0] if times else began
        early[name] = sum(0.2 < at - first < seconds - 0.1 for at in times)
    scene.require(not any(early.values()), f"early calls: {early}")
    spoken = [one for one in rest.told if one.status in (429, 503) and "retry-after" in one.headers]
    scene.require(len(spoken) == len(rest.told), "a refusal does not say when to come back")
    for name in forms:
        scene.act(letter[name], well)
    await asyncio.sleep(max(0.0, 4.2 - (monotonic() - began)))
    await scene.all_good(await scene.load(at_once=4).count(20))
    return f"0 early calls in 4 forms, {len(spoken)} clients told when to return, answered after it"


async def outage(scene: Scene) -> str:
    seen = []
    for number in (500, 529):
        for letter in "abcd":
            scene.act(letter, failing(number))
        before, began = sum(map(scene.calls, "abcd")), monotonic()
        tally = await scene.load(at_once=20).count(MANY)
        calls, seconds = sum(map(scene.calls, "abcd")) - before, monotonic() - began
        most = 1.2 * len(tally.told) + 10 * seconds
        scene.require(calls <= most, f"{calls} calls for {len(tally.told)} requests in {seconds:.1f} s")
        scene.require(all(one.refused for one in tally.told), "a client was not told in words")
        seen.append(f"{number}: {calls} calls for {len(tally.told)} requests (at most {most:.0f})")
    return "; ".join(seen)


async def flapping(scene: Scene) -> str:
    phase, total = (5.0, 40.0) if scene.long else (0.7, 5.0)
    began = monotonic()
    failed: list[float] = []

    def play(streamed: bool) -> Play:
        if int((monotonic() - began) / phase) % 2:
            return well(streamed)
        failed.append(monotonic())
        return status(500)

    scene.act("a", play)
    tally = await scene.load(at_once=8, pause=0.02).last(total)
    await scene.all_good(tally)
    told = await scene.here.rows(
        "SELECT detail FROM audit WHERE kind = 'channel_ejected' AND detail LIKE ? ORDER BY seq", f"%{scene.seat('a')}%"
    )
    ejections = [int(str(row[0]).partition(" for ")[2].partition(" s")[0]) for row in told]
    grow = all(later >= 0.7 * earlier for earlier, later in pairwise(ejections)) and ejections[-1] > ejections[0]
    scene.require(grow, f"ejections of {ejections} s do not grow")
    back = await scene.here.rows(
        "SELECT count(*) FROM audit WHERE kind = 'channel_back' AND detail LIKE ?", f"%{scene.seat('a')}%"
    )
    closed = 1 + int(str(back[0][0]))
    most = len(ejections) + closed * (2 + 8)  # three in a row, and those that were under way
    scene.require(len(failed) <= most, f"{len(failed)} failing calls in {len(ejections)} ejections")
    return f"{answered(tally)}; {len(failed)} calls in vain, ejections of {', '.join(map(str, ejections))} s"


async def all_ejected(scene: Scene) -> str:
    for letter in "ab":
        scene.act(letter, failing(500))
    tally = await scene.load().count(100)
    scene.require(all(one.refused for one in tally.told), "a client was not told in words")
    scene.act("b", well)
    finding = await scene.load(at_once=4, pause=0.01).last(1)
    scene.require(len(finding.bad) <= 4 * 2, f"{len(finding.bad)} refused before the one that is well was found")
    both = await scene.load().count(60)
    await scene.all_good(both)
    statuses = sorted({one.status for one in tally.told})
    return f"nobody well: {statuses} in words; one well again: {len(finding.bad)} refused in 1 s, then {answered(both)}"


async def fails_fast(scene: Scene) -> str:
    scene.act("a", failing(500))
    for letter in "bcd":
        scene.act(letter, lambda streamed: well(streamed, 0.02))
    load = scene.load(at_once=16, pause=0.005)
    load.key = f"fl_{scene.slug}"
    first = await load.last(10 if scene.long else 1.5)
    before = {letter: scene.calls(letter) for letter in "abcd"}
    tally = await load.last(3 if scene.long else 1)
    await scene.all_good(tally)
    calls = {letter: scene.calls(letter) - before[letter] for letter in "abcd"}
    share = calls["a"] / max(1, sum(calls.values()))
    scene.require(share <= 0.05, f"it got {share:.0%} of the calls: {calls}")
    scene.require(min(calls[one] for one in "bcd") > 0, f"a sound one was not asked: {calls}")
    return f"share {share:.1%} (at most 5 %) after {first.seconds:.0f} s; the others {[calls[one] for one in 'bcd']}"


# ---- size


async def slow_loris(scene: Scene) -> str:
    drip = [b": \n\n", 0.1] * 100
    scene.act("a", lambda streamed: stream(drip) if streamed else Play([STREAM_HEAD, *[b"1\r\n \r\n", 0.1] * 100]))
    before = scene.here.memory
    tally = await scene.load(model=f"{scene.model}-alone", at_once=16).count(32 if scene.long else 16)
    grown = scene.here.memory - before
    scene.require({one.status for one in tally.told} == {504}, f"answers: { {one.status for one in tally.told} }")
    scene.require(tally.at(1) <= 2 + 0.5 * scene.slack, f"one took {tally.at(1):.1f} s")
    scene.require(grown < 32 << 20, f"memory grew by {grown >> 20} MB")
    return f"{len(tally.told)} x 504 after {tally.at(1):.2f} s (deadline 2), memory +{max(grown, 0) >> 20} MB"


CAP = 64 << 20


def giants() -> dict[str, Play]:
    import gzip

    mega = b"x" * (1 << 20)
    zipped = gzip.compress(bytes(1 << 20) * 200, 9)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%bContent-Length: %d\r\n\r\n"
    sse, js = b"text/event-stream", b"application/json"
    return {
        "a body of 1 GB": Play([head % (js, b"", 1 << 30), b'{"id": "', *[mega] * 1023]),
        "an event of 100 MB": Play([head % (sse, b"", 101 << 20), b"data: ", *[mega] * 100]),
        "200 MB in 0.2": Play([head % (js, b"Content-Encoding: gzip\r\n", len(zipped)), zipped]),
        "200 MB in 0.2, streamed": Play([head % (sse, b"Content-Encoding: gzip\r\n", len(zipped)), zipped]),
    }


async def giant(scene: Scene) -> str:
    before = peak = scene.here.memory
    times = 2 if scene.long else 1
    done = asyncio.Event()

    async def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, scene.here.memory)
            await asyncio.sleep(0.01)

    watching = asyncio.ensure_future(watch())
    for name, play in giants().items():
        scene.act("a", lambda streamed, play=play: play)  # type: ignore[misc]
        streams = "event" in name or "streamed" in name
        tally = await scene.load(at_once=1, streams=streams).count(times)
        scene.require(tally.good == times, f"{name}: {[(one.status, one.body[:100]) for one in tally.bad]}")
    done.set()
    await watching
    grown = peak - before
    scene.require(grown <= 2 * CAP, f"memory grew by {grown >> 20} MB")
    return f"{times * len(giants())} answered by the next; memory +{grown >> 20} MB (at most {2 * CAP >> 20})"


CASES = (
    Case("1", "refused connection", "nobody listens", "the next answers; <= 50 ms more at p99", refused_connection, first="refusing"),
    Case("2", "black hole", "connecting never ends", "the next answers <= timeout + 100 ms", black_hole, provider=", connect_timeout: 0.3", first="hole"),
    Case("3", "slow first byte", "5 s of silence", "the next answers after the timeout", slow_first_byte, provider=", first_byte_timeout: 0.3"),
    Case("4", "stall", "silence after a token", "error event, no success terminator", stall, provider=", idle_timeout: 0.3"),
    Case("5", "cut", "RST or FIN after 1-20 tokens", "error event, what came is delivered and billed", cut),
    Case("6", "garbage with 200", "HTML, half JSON, nothing, noise", "the next answers", garbage),
    Case("7", "one bad event", "half a JSON in a good stream", "untouched, or an error event; nothing lost", bad_event),
    Case("8", "torn everywhere", "every byte by itself", "the same text", split),
    Case("9", "429 with Retry-After", "seconds, date, ms, 3,000 years", "no call before", retry_after, home="guarded", seats=4),
    Case("10", "outage", "100 % 500, then 529, at four", "calls <= 1.2 x requests + 10/s", outage, seats=4),
    Case("11", "flapping", "bad and good in turn", "ejections grow, one trial each, all answered", flapping, home="guarded"),
    Case("12", "all ejected", "both err, one comes back", "refused in words; the other found by the next requests", all_ejected, home="guarded"),
    Case("13", "errs fast", "one of four errs at once", "its share <= 5 %", fails_fast, seats=4, balance="peak_ewma"),
    Case("14", "slow loris", "a byte every 0.1 s", "504 at the deadline, memory flat", slow_loris, home="brief"),
    Case("15", "giant answers", "1 GB body, 100 MB event, gzip 1000:1", "the next answers; memory <= 2 x cap", giant),
    Case("16", "error first", "200, then an error event", "the next answers, one clean stream", error_first),
    Case("17", "usage", "absent, twice, negative", "flagged estimates, never free", usage),
    Case("18", "foreign headers", "cookies and hop-by-hop lines", "none passes", headers),
)  # fmt: skip
