"""What happens to the process itself: killed, asked to go, out of disk, locked out, out of time, reconfigured (FAULTS 31-41)."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

from tests.chaos.gateway import Gateway, gateway, rows
from tests.chaos.load import Load, Seat, Tally
from tests.chaos.scene import Case, Scene, well
from tests.server.serving import KEYS, config
from tests.server.test_crash import Load as Asking
from tests.server.test_crash import check_books, records
from tests.upstream import HANG, Play, Seen, Upstream, answer, events, stream

SEATS = ("one", "two")
GRACE = 1.5
MOST_UNTIL_FULL = 40_000
"""By then the room that was set aside is used up."""


class House:
    """A state directory, its configuration, and the lives of the processes that own it one after the other."""

    def __init__(self, scene: Scene, more: str = KEYS, server: str = "", policy: str = "") -> None:
        self.scene = scene
        self.state_dir = scene.folder / scene.slug
        self.file = scene.folder / f"{scene.slug}.yaml"
        self.text = config(
            scene.upstream.port, self.state_dir, f", grace: {GRACE}{server}", more=more, extra_policy=policy
        )
        self.file.write_text(self.text)
        self.before = len(scene.upstream.calls)
        for seat in SEATS:
            scene.acts.pop(seat, None)

    @asynccontextmanager
    async def life(self, through: tuple[str, ...] = ("fairlead",)) -> AsyncIterator[Gateway]:
        async with gateway(self.file, self.state_dir, through) as one:
            yield one

    async def end(self, one: Gateway) -> None:
        self.scene.require(await one.stop() == 0, "it did not end well")

    @property
    def calls(self) -> int:
        """How much the upstream has seen of this house."""
        return len(self.seen())

    def seen(self) -> list[Seen]:
        """Without looks at who is well: on a slow machine a case lasts long enough for them."""
        return [one for one in self.scene.upstream.calls[self.before :] if one.seat in SEATS and one.body]

    def outcomes(self) -> dict[str, int]:
        """Of the requests on the books."""
        found = rows(self.state_dir, "SELECT outcome, count(*) FROM requests GROUP BY 1")
        return {str(outcome): int(str(number)) for outcome, number in found}

    def booked(self) -> int:
        return int(str(rows(self.state_dir, "SELECT count(*) FROM attempts")[0][0]))

    def agree(self) -> None:
        self.scene.require(
            self.booked() == self.calls, f"{self.booked()} attempts on the books, {self.calls} calls seen"
        )


async def killed(scene: Scene) -> str:
    kills = 200 if scene.long else 5
    house = House(scene)
    asking = Asking(scene.chance)

    def play(streamed: bool) -> Play:
        usage = (scene.chance.randint(1, 999), scene.chance.randint(1, 999))
        return stream([0.002, *events(("a", "b"), usage)], usage) if streamed else answer("a", usage, 0.002)

    scene.acts["one"] = play
    for _ in range(kills):
        async with house.life() as one:
            going = asyncio.ensure_future(asking.run(one.port))
            await asyncio.sleep(0.05 + scene.chance.random() * 0.4)
            await one.kill()
            await going
    async with house.life() as one:
        await house.end(one)
    found = records(house.state_dir)
    own = Upstream()
    own.calls = house.seen()
    check_books(own, asking.whole, found, kills)
    lost = sum(record.outcome == "lost" for record in found)
    return f"0 of {len(asking.whole)} finished requests lost in {kills} kills, {lost} in flight became estimates"


async def drained(scene: Scene) -> str:
    """Asked to go with twenty streams under way, of which the last ends within the grace."""
    house = House(scene)
    scene.acts["one"] = lambda streamed: stream([*events()[:2], 1.0, *events()[2:]])
    async with house.life() as one:
        going = asyncio.ensure_future(Load(one.port, "m-one", 20, streams=True).count(20))
        await until(lambda: house.calls == 20)
        await asyncio.sleep(0.1)
        await house.end(one)
        tally = await going
    await scene.all_good(tally)
    house.agree()
    found = house.outcomes()
    scene.require(found == {"ok": 20}, f"on the books: {found}")
    return f"{tally.good}/20 streams came whole, {found} on the books"


async def stuck(scene: Scene) -> str:
    house = House(scene)
    scene.acts["one"] = lambda streamed: stream([*events()[:2], HANG], end=False)
    async with house.life() as one:
        going = asyncio.ensure_future(Load(one.port, "m-one", 10, streams=True).count(10))
        await until(lambda: house.calls == 10)
        await asyncio.sleep(0.1)
        began = monotonic()
        await house.end(one)
        took = monotonic() - began
        tally = await going
    scene.require(took <= GRACE + 2, f"it took {took:.1f} s")
    scene.require(all(one.cut for one in tally.told), "a stream was cut without a word")
    house.agree()
    found = house.outcomes()
    scene.require(found == {"failed": 10}, f"on the books: {found}")
    return f"exit after {took:.1f} s (grace {GRACE}), 10 error events, {sum(found.values())} rows on the books"


async def disk_full(scene: Scene) -> str:
    """No file may grow, or be written to beyond its first byte. What was set aside for the log still takes entries: only
    a long run uses it up."""
    house = House(scene)
    async with house.life() as one:
        await scene.all_good(await Load(one.port, "m-one").count(50))
        usual = resource.prlimit(one.child.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(one.child.pid, resource.RLIMIT_FSIZE, (1, usual[1]))
        full = await Load(one.port, "m-one").count(200)
        while scene.long and not full.bad and len(full.told) < MOST_UNTIL_FULL:
            full.told += (await Load(one.port, "m-one").count(500)).told
        calls = house.calls
        again = await Load(one.port, "m-one").count(50)
        if scene.long:
            scene.require(house.calls == calls, f"{house.calls - calls} calls left that cannot be written down")
            scene.require({told.status for told in again.told} == {503}, f"{ {told.status for told in again.told} }")
        scene.require(
            all(told.good or told.status == 503 for told in full.told + again.told), "an error other than 503"
        )
        resource.prlimit(one.child.pid, resource.RLIMIT_FSIZE, usual)
        healed = await recovered(one)
        await scene.all_good(await Load(one.port, "m-one").count(50))
        await house.end(one)
    house.agree()
    return f"{full.good + again.good} answered from what was set aside, {len(full.bad + again.bad)} x 503; well after {healed:.1f} s"


async def recovered(one: Gateway) -> float:
    """Seconds until an ordinary request is answered."""
    began, seat = monotonic(), Seat(one.port, "fl_test")
    while not (await seat.ask("m-one", False)).good:
        assert monotonic() - began < 15, "it does not recover by itself"
        await asyncio.sleep(0.1)
    seat.close()
    return monotonic() - began


async def locked(scene: Scene) -> str:
    house, seconds = House(scene), 30.0 if scene.long else 1.5
    async with house.life() as one:
        await scene.all_good(await Load(one.port, "m-one").count(50))
        other = sqlite3.connect(house.state_dir / "ledger.db", timeout=10, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        tally = await Load(one.port, "m-one", at_once=8, pause=0.02).last(seconds)
        other.execute("ROLLBACK")
        other.close()
        await scene.all_good(tally)
        await scene.all_good(await Load(one.port, "m-one").count(50))
        await house.end(one)
    house.agree()
    slowest = tally.at(0.99)
    scene.require(slowest <= 0.1 * scene.slack, f"p99 is {slowest * 1000:.0f} ms")
    return (
        f"locked for {seconds:.0f} s: {tally.good}/{len(tally.told)} answered, p99 {slowest * 1000:.0f} ms, books exact"
    )


async def torn(scene: Scene) -> str:
    """Killed, then the end of the log is cut in the middle of an entry, or a bit in it is flipped."""
    rounds, gone = 8 if scene.long else 2, 0
    house = House(scene)
    for number in range(rounds):
        async with house.life() as one:
            going = asyncio.ensure_future(Load(one.port, "m-one", 8).last(5))
            await asyncio.sleep(0.4)
            await one.kill()
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
        gone += damage(sorted((house.state_dir / "spool").glob("*.log"))[-1], flip=number % 2 == 0, scene=scene)
    async with house.life() as one:
        await scene.all_good(await Load(one.port, "m-one").count(20))
        await house.end(one)
    twice = rows(house.state_dir, "SELECT id FROM requests GROUP BY id HAVING count(*) > 1")
    scene.require(not twice, f"{len(twice)} requests stand twice")
    missing = house.calls - house.booked()
    scene.require(missing <= 2 * gone, f"{missing} attempts are missing after {gone} damages")
    return f"{rounds} damages: 0 rows twice, {max(missing, 0)} attempts missing of {house.calls}"


def damage(file: Path, flip: bool, scene: Scene) -> int:
    """The number of entries it concerns."""
    data = bytearray(file.read_bytes())
    written = len(data.rstrip(b"\0"))
    if written < 100:
        return 0
    if flip:
        data[written - scene.chance.randint(10, 60)] ^= 1 << scene.chance.randrange(8)
    else:
        del data[written - scene.chance.randint(1, 40) :]
    file.write_bytes(data)
    return 1


LIMITED = (
    "\nkeys:\n  - {name: test, key: fl_test, limits: {rpm: 40}}\n  - {name: tiered, key: fl_tiered, policy: rationed}\n"
)
RATIONED = """  rationed:
    strategy: tiered
    tiers: [{name: first, models: [m-one], budget: 0.0005}]
"""


async def clock(scene: Scene) -> str:
    """Forty a minute and a budget of a day, while the clock goes to and fro."""
    house = House(scene, more=LIMITED, policy=RATIONED)
    skew = scene.folder / f"{scene.slug}.skew"
    skew.write_text("0")
    began, admitted, rationed = monotonic(), 0, []
    async with house.life(("tests.chaos.skewed", str(skew))) as one:
        for seconds in (0, 3600, -3600, 0, 30 * 86_400, 0):
            skew.write_text(str(seconds))
            tally = await Load(one.port, "m-one", 8).count(30)
            admitted += tally.good
            told = [told.status for told in tally.bad]
            scene.require(set(told) <= {429}, f"statuses {sorted(set(told))} at {seconds:+} s")
            ration = await Load(one.port, "auto", 4, key="fl_tiered", fields={"max_tokens": 10}).count(30)
            rationed.append(ration.good)
        passed = monotonic() - began
        scene.require(admitted <= 40 * (1 + passed // 60), f"{admitted} admitted in {passed:.0f} s of 40 a minute")
        again = rationed[3] + rationed[5]
        scene.require(again == 0, f"going back to a day gave its budget again: {rationed}")
        await house.end(one)
    return f"{admitted} admitted of 40 a minute in {passed:.0f} s; of the day's budget {rationed} in turn"


async def reloaded(scene: Scene) -> str:
    house, rounds = House(scene), 10 if scene.long else 2
    async with house.life() as one:
        seen = {str((await one.admin("/status"))["snapshot"])}
        load = Load(one.port, "m-one", 16, pause=0.005)
        going = asyncio.ensure_future(load.last(3600))
        taken = 0
        for number in range(rounds):
            house.file.write_text(house.text.replace("quality: 0.9", f"quality: 0.{80 + number}"))
            taken += await changed(one, seen)
            house.file.write_text("models: {m-one: [")
            await asyncio.sleep(0.3)
        house.file.write_text(house.text)
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        await scene.all_good(load.tally)
        scene.require(taken == rounds, f"{taken} of {rounds} changes were taken up within 5 s")
        await house.end(one)
    return (
        f"{taken}/{rounds} taken up, as many bad ones refused whole; {load.tally.good}/{len(load.tally.told)} answered"
    )


async def changed(one: Gateway, seen: set[str]) -> bool:
    """Whether a configuration not seen before is in force soon."""
    began = monotonic()
    while monotonic() - began < 5:
        now = str((await one.admin("/status"))["snapshot"])
        if now not in seen:
            seen.add(now)
            return True
        await asyncio.sleep(0.1)
    return False


async def held(scene: Scene) -> str:
    """Everything at once on a budget: what is spent is what the ledger says, and nothing stays held."""
    policy = "  rationed:\n    strategy: tiered\n    tiers: [{name: first, models: [m-one, m-two], budget: 1000}]\n"
    more = "\nkeys:\n  - {name: test, key: fl_test, policy: rationed}\n"
    house = House(scene, more=more, policy=policy)
    plays = (lambda wanted: well(wanted), lambda wanted: Play([HANG]), lambda wanted: Play([0.02, b"no"]))

    def play(wanted: bool) -> Play:
        return scene.chance.choice((*plays, *(well,) * 5))(wanted)

    scene.acts["one"] = scene.acts["two"] = play
    async with house.life() as one:
        tally = await impatient(one, 300 if scene.long else 120)
        await asyncio.sleep(0.5)
        left = (await one.admin("/status"))["held"]
        await house.end(one)
    spent = rows(house.state_dir, "SELECT sum(cost) FROM attempts")[0][0]
    by_tier = rows(house.state_dir, "SELECT sum(cost) FROM tiers")[0][0]
    scene.require(spent == by_tier, f"{by_tier} paid by the tier, {spent} on the books")
    scene.require(left == 0, f"{left} nano-dollars stay held")
    house.agree()
    return f"{tally.good} answered, {len(tally.bad)} left or had no answer; {spent} nano-dollars spent in both books"


async def impatient(one: Gateway, number: int) -> Tally:
    """Who is not answered within half a second hangs up."""
    tally = Tally()

    async def ask(count: int) -> None:
        for at in range(count):
            seat = Seat(one.port, "fl_test")
            try:
                async with asyncio.timeout(0.5):
                    tally.told.append(await seat.ask("auto", at % 2 == 0))
            except TimeoutError:
                pass
            finally:
                seat.close()

    await asyncio.gather(*(ask(number // 16) for _ in range(16)))
    return tally


async def until(holds: object, seconds: float = 10) -> None:
    assert callable(holds)
    end = monotonic() + seconds
    while not holds() and monotonic() < end:
        await asyncio.sleep(0.01)


CASES = (
    Case("31", "killed", "kill -9 at random, 200 times (short: 5)", "0 finished requests lost, none twice", killed, home=""),
    Case("32", "asked to go", "SIGTERM, 20 streams under way", "all come whole, all on the books", drained, home=""),
    Case("33", "asked to go, stuck", "SIGTERM, 10 streams that never end", "exit <= grace + 2 s, rows written", stuck, home=""),
    Case("34", "disk full", "no file may be written", "nothing sent unbooked; well again by itself", disk_full, home=""),
    Case("35", "database locked", "SQLite write lock for 30 s (short: 1.5)", "answered as before, books exact", locked, home=""),
    Case("36", "torn log", "a bit flipped, the end cut off", "read up to the damage, none twice", torn, home=""),
    Case("39", "clock jumps", "+1 h, -1 h, +30 d and back", "limits hold, no budget twice", clock, home=""),
    Case("41", "hot reload", "good and bad files under load", "all answered; bad ones refused whole", reloaded, home=""),
    Case("43", "holds", "hangs, errors, clients that leave", "budget spent = ledger, nothing held", held, home=""),
)  # fmt: skip
