"""A batch at work beside a server: what it asks again, what it waits for, when it stops, on whose books it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from http.client import HTTPMessage
from pathlib import Path

import pytest

from fairlead.cli import batch_work
from fairlead.cli.batch import CHEAPEST
from fairlead.cli.batch_lines import Terms, asks, count, opened
from fairlead.cli.batch_results import Results
from fairlead.cli.batch_work import (
    LONGEST_PAUSE,
    LONGEST_WAIT,
    REFUSED_ALIKE,
    TRIES,
    Answer,
    Sums,
    Work,
    is_refused,
    pause,
    word_on,
)
from tests.server.serving import Served, serving, soon
from tests.upstream import CUT, Play, answer, status

AS = "x-fairlead-as"


def answered(number: int, **headers: str) -> Answer:
    told = HTTPMessage()
    for name, value in headers.items():
        told[name.replace("_", "-")] = value
    return Answer(number, told, b"{}")


@pytest.mark.parametrize(
    ("given", "tries", "word"),
    [
        (answered(200), 1, "final"),
        (answered(400), 1, "final"),
        (answered(402), 1, "final"),
        (answered(422), 1, "final"),
        (answered(502), 1, "again"),
        (answered(502), TRIES, "final"),
        (answered(502, x_should_retry="false"), 1, "final"),
        (answered(503), TRIES - 1, "again"),
        (answered(429, retry_after="3"), TRIES, "wait"),
        (answered(503, retry_after="3"), TRIES, "wait"),
        (answered(429, retry_after="3", x_should_retry="false"), 1, "final"),
        (answered(429, retry_after=f"{LONGEST_WAIT + 1:.0f}"), 1, "final"),
        (answered(429, retry_after="Thu, 01 Jan"), 1, "again"),
    ],
)
def test_something_else_follows_from_an_answer(given: Answer, tries: int, word: str) -> None:  # M4.8
    found, after = word_on(given, tries)
    assert found == word
    assert after == (3.0 if word == "wait" else after)
    assert (after > 0) == (word != "final")


def test_those_that_failed_together_come_back_together() -> None:  # M4.8
    assert len({pause(1) for _ in range(20)}) > 10
    first = batch_work.FIRST_PAUSE
    assert [pause(tries, lambda: 1.0) for tries in (1, 2, 3, 20)] == [first, 2 * first, 4 * first, LONGEST_PAUSE]
    assert pause(1, lambda: 0.0) == first / 2


@pytest.fixture(autouse=True)
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_work, "FIRST_PAUSE", 0.05)


def echo(
    server: Served, waits: Mapping[str, float] | None = None, instead: Mapping[str, list[Play]] | None = None
) -> None:
    """The upstream says what it was asked, after its wait."""

    def play(seat: str, body: bytes) -> Play:
        text = json.loads(body)["messages"][0]["content"]
        plays = (instead or {}).get(text)
        return plays.pop(0) if plays else answer(text, wait=(waits or {}).get(text, 0.0))

    server.upstream.next_play = play  # type: ignore[method-assign]


class Run:
    def __init__(self, server: Served, lines: Sequence[object], **terms: object) -> None:
        self.folder = server.state_dir
        self.given, self.out = self.folder / "in.jsonl", self.folder / "out.jsonl"
        self.given.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        self.terms = Terms(**{"wishes": CHEAPEST, **terms})  # type: ignore[arg-type]
        self.work: Work | None = None

    async def do(self, parallel: int = 4) -> Sums:
        with opened(self.given) as file:
            lines, _ = count(file)
            with Results(self.out, lines) as results:
                self.work = Work(asks(file, self.terms, lines), results, self.folder, lambda sums: None)
                await self.work.do(parallel)
                if not self.work.stopped:
                    results.finish()
        return self.work.sums

    def texts(self) -> list[str | int]:
        """What was answered, in the order of the file, or the status."""
        found: list[str | int] = []
        for row in self.out.read_text().splitlines():
            response = json.loads(row)["response"]
            ok = response["status_code"] == 200
            found.append(response["body"]["choices"][0]["message"]["content"] if ok else response["status_code"])
        return found


def prompts(*texts: str, model: str = "m-one") -> list[object]:
    return [{"prompt": text, "model": model} for text in texts]


WORDS = [f"word {number}" for number in range(12)]


async def test_answers_come_in_the_order_in_which_they_were_ready(tmp_path: Path) -> None:  # M4.8
    async with serving(tmp_path / "s") as server:
        echo(server, {text: 0.3 - 0.025 * number for number, text in enumerate(WORDS)})
        run = Run(server, prompts(*WORDS))
        sums = await run.do()
        assert run.texts() == WORDS
        assert (sums.good, sums.done, sums.failed, sums.unpriced) == (12, 12, 0, 0)
        assert sums.cost == 12 * 25_000
        assert [seen.headers.get(AS) for seen in server.upstream.calls] == [None] * 12
        first = json.loads(run.out.read_text().splitlines()[0])
        assert first["fairlead"] | {"of": ""} == {"line": 1, "of": "", "model": "m-one", "cost": "0.000025"}
        assert first["id"] == f"batch_{first['response']['request_id']}"


async def test_what_was_answered_is_asked_again(tmp_path: Path) -> None:  # M4.8
    async with serving(tmp_path / "s") as server:
        refused = [status(400)] * 2
        echo(server, instead={"word 3": refused})
        run = Run(server, prompts(*WORDS))
        assert (await run.do()).failed == 1
        assert run.texts()[3] == 400
        run.given.write_text(run.given.read_text().replace("word 5", "word five") + json.dumps(prompts("more")[0]))
        server.upstream.calls.clear()
        refused.clear()
        sums = await run.do()
        assert (sums.kept, sums.good) == (10, 3)
        asked = [json.loads(seen.body)["messages"][0]["content"] for seen in server.upstream.calls]
        assert sorted(asked) == ["more", "word 3", "word five"]
        assert run.texts() == [*WORDS[:5], "word five", *WORDS[6:], "more"]


async def test_what_fails_for_a_while_stays_unanswered(tmp_path: Path) -> None:  # M4.8
    patient = "health: {failures: 1000}\n"  # nobody stands behind m-two, so each try is one call
    async with serving(tmp_path / "s", more=patient) as server:
        fails = {
            "word 1": [status(500)] * (TRIES - 1),
            "word 2": [status(500)] * TRIES,
            "word 3": [Play([CUT])] * 2,
            "word 4": [status(400)],
        }
        echo(server, instead=fails)
        run = Run(server, prompts(*WORDS, model="m-two"))
        sums = await run.do(1)
        assert run.texts() == [WORDS[0], WORDS[1], 502, WORDS[3], 400, *WORDS[5:]]
        assert (sums.failed, sorted(line for line, _ in sums.problems.values())) == (2, [3, 5])
        tries = [json.loads(row)["fairlead"].get("tries", 1) for row in run.out.read_text().splitlines()]
        # A kept connection that is cut before a byte is tried again by the gateway itself.
        assert tries.pop(3) in (2, 3)
        assert tries == [1, TRIES, TRIES, 1, *[1] * 7]


KEYS = """
keys:
  - {name: test, key: fl_test, limits: {concurrency: 2}}
  - {name: other, key: fl_other, tenant: others}
  - {name: poor, key: fl_poor}
budgets:
  - {scope: key, who: poor, amount: 0.0001, per: day}
"""


async def test_the_limits_of_the_key_do_not_hold(tmp_path: Path) -> None:  # M4.8 M6.2
    async with serving(tmp_path / "s", more=KEYS) as server:
        most = 0

        def play(seat: str, body: bytes) -> Play:
            nonlocal most
            under_way = sum(not seen.whole for seen in server.upstream.calls)
            most = max(most, under_way + 1)
            return answer(wait=0.05)

        server.upstream.next_play = play  # type: ignore[method-assign]
        run = Run(server, prompts(*WORDS[:6]), headers=((AS, "test"),))
        sums = await run.do(6)
        assert (sums.good, sums.failed) == (6, 0)
        assert most == 2
        assert {record.key for record in await server.records() if record.outcome == "ok"} == {"test"}


async def test_a_batch_costs_more_than_the_budget_of_its_key(tmp_path: Path) -> None:  # M4.8 M6.3
    async with serving(tmp_path / "s", more=KEYS) as server:
        bounded = [{"prompt": text, "model": "same", "max_tokens": 9} for text in WORDS * 4]
        run = Run(server, bounded, headers=((AS, "poor"),))
        sums = await run.do(1)
        assert run.work is not None
        assert sums.good >= 2
        records = [record for record in await server.records() if record.key == "poor" and record.attempts]
        assert sums.cost == sum(record.cost or 0 for record in records) <= 100_000
        assert sums.failed == REFUSED_ALIKE
        assert f"{REFUSED_ALIKE} in a row were refused: The budget does not bear this: key 'poor'" in run.work.stopped
        assert len(server.upstream.calls) == sums.good
        assert not run.out.exists()
        again = Run(server, bounded, headers=((AS, "other"),))
        assert ((await again.do()).kept, again.work is not None and again.work.stopped) == (sums.good, "")
        assert len(again.texts()) == len(bounded)


async def test_no_model_is_good_enough_for_the_wish_that_was_added(tmp_path: Path) -> None:  # M4.8
    poor = "  weak: {channels: [{provider: one, model: weak}], price: {input: 1, output: 2}, quality: 0.2}\n"
    policy = "  weakest: {strategy: balanced, models: [weak]}\n"
    async with serving(tmp_path / "s", extra_model=poor, extra_policy=policy) as server:
        for floor, model in ((None, "weak"), (0.5, None)):
            own = {} if floor is None else {"fairlead": {"quality_floor": floor}}
            run = Run(server, [{"prompt": "x", "model": "auto", **own}])
            world = server.running.runtime.world
            world.policies["ordered"], kept = world.policies["weakest"], world.policies["ordered"]
            try:
                sums = await run.do()
            finally:
                world.policies["ordered"] = kept
            (row,) = run.out.read_text().splitlines()
            assert json.loads(row)["fairlead"].get("model") == model
            assert sums.failed == (model is None)
            run.out.unlink()


async def test_the_server_goes_away_and_the_run_never_ends(tmp_path: Path) -> None:  # M4.8
    async with serving(tmp_path / "s") as server:
        run = Run(server, prompts(*WORDS))
        await server.running.stop()
        sums = await run.do()
        assert run.work is not None
        assert "the gateway cannot be reached" in run.work.stopped
        assert sums.good == sums.failed == 0


async def test_a_server_that_stops_breaks_off_what_is_under_way(tmp_path: Path) -> None:  # M4.8
    async with serving(tmp_path / "s") as server:
        echo(server, {"slow": 1.5})
        run = Run(server, prompts("slow"))
        doing = asyncio.ensure_future(run.do())
        await soon(lambda: bool(server.upstream.calls))
        await server.running.stop()
        assert (await doing).good == 1
        assert run.texts() == ["slow"]


async def test_a_disk_that_is_full_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # M4.8
    async with serving(tmp_path / "s") as server:
        run = Run(server, prompts(*WORDS))

        def full(*_: object, **__: object) -> None:
            from fairlead.cli.batch_results import unwritable

            raise unwritable(run.out, OSError(28, "No space left on device"))

        monkeypatch.setattr(Results, "add", full)
        with pytest.raises(Exception, match=r"cannot write .*No space left"):
            await run.do()
        assert len(server.upstream.calls) <= 4


async def test_a_key_that_is_taken_back_fails_line_by_line(tmp_path: Path) -> None:  # M4.8 M6.1
    async with serving(tmp_path / "s") as server:
        run = Run(server, prompts(*WORDS * 4), headers=((AS, "gone"),))
        sums = await run.do(1)
        assert run.work is not None
        assert sums.failed == REFUSED_ALIKE
        assert "in a row were refused: There is no key 'gone'" in run.work.stopped
        assert not server.upstream.calls


def test_only_a_no_for_long_ends_a_run() -> None:  # M4.8
    long, short = f"{LONGEST_WAIT + 1:.0f}", "3"
    assert is_refused(answered(429, retry_after=long))
    assert is_refused(answered(503, retry_after=long))
    assert is_refused(answered(403))
    assert not is_refused(answered(429, retry_after=short))
    assert not is_refused(answered(404))
    assert not is_refused(answered(500, retry_after=long))


async def test_refusals_between_good_answers_end_a_run(tmp_path: Path) -> None:  # M4.8
    async with serving(tmp_path / "s") as server:
        lines = [{"prompt": "x", "model": "m-one" if place % 10 == 9 else "nobody"} for place in range(60)]
        run = Run(server, lines)
        sums = await run.do(1)
        assert run.work is not None
        assert (sums.good, sums.failed, run.work.stopped) == (6, 54, "")


async def test_an_answer_that_is_no_json_counts_as_a_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_work, "is_json", lambda body: False)  # M4.8
    async with serving(tmp_path / "s") as server:
        run = Run(server, prompts("x"))
        sums = await run.do()
        assert (sums.good, sums.failed) == (0, 1)
        assert json.loads(run.out.read_text())["error"]["code"] == "no_json"
        assert (await run.do()).kept == 0


async def test_a_provider_that_says_much_fills_the_screen(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        echo(server, instead={"x": [status(400, "A" * 50_000)]})
        sums = await Run(server, prompts("x")).do()
        (said,) = sums.problems
        assert len(said) < 400


async def test_those_that_wait_are_not_counted(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        run = Run(server, prompts("x"))
        echo(server, instead={"x": [status(500)] * 2})
        waited = []
        doing = asyncio.ensure_future(run.do())
        while not doing.done():
            waited.append(run.work.sums.waiting if run.work else 0)
            await asyncio.sleep(0.005)
        assert max(waited) == 1
        assert (await doing).waiting == 0


async def test_a_wait_that_was_asked_for_counts_as_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [*[answered(429, retry_after="1")] * 9, *[answered(500)] * (TRIES - 1), answered(200)]  # M4.8

    async def in_turn(*_: object) -> Answer:
        return told.pop(0)

    async def at_once(*_: object) -> None:
        pass

    monkeypatch.setattr(Work, "_answer", in_turn)
    monkeypatch.setattr(Work, "_rest", at_once)
    async with serving(tmp_path / "s") as server:
        run = Run(server, prompts("x"))
        assert (await run.do()).good == 1
        assert json.loads(run.out.read_text())["fairlead"]["tries"] == TRIES


async def test_what_has_no_price_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [answered(200, x_fairlead_cost="unknown"), answered(200, x_fairlead_cost="0.5")]  # M4.8 M6.2

    async def in_turn(*_: object) -> Answer:
        return told.pop(0)

    monkeypatch.setattr(Work, "_answer", in_turn)
    async with serving(tmp_path / "s") as server:
        run = Run(server, prompts("x", "y"))
        sums = await run.do(1)
        assert (sums.unpriced, sums.cost) == (1, 500_000_000)
        assert "cost" not in json.loads(run.out.read_text().splitlines()[0])["fairlead"]
