"""The work of a batch: so many lines at a time over the socket of the gateway, each asked until there is a word on it.

Who is told to wait waits and asks again, which is no failure. What fails for now is asked again a few times, and then
stands as it failed: the next run asks it once more. Where one line after the other is refused for money or for the key,
there is no sense in going on.
"""

from __future__ import annotations

import asyncio
import http.client
import random
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import orjson

from fairlead.cli.batch_lines import Ask, Wrong
from fairlead.cli.batch_results import FIRST_OK, LAST_OK, About, Results, answered, unanswered
from fairlead.cli.books import SOCKET, Connection, message
from fairlead.cli.messages import tr
from fairlead.core.cost import nano

PASSING = frozenset((408, 409, 429, 500, 502, 503, 504, 529))
"""What may be otherwise in a while."""
WAITED = frozenset((429, 503))
"""With the seconds after which to come again."""
CLOSED = frozenset((401, 402, 403))
INFEASIBLE = 422
TRIES = 5
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds."""
LONGEST_WAIT = 900.0
"""Whoever is told to wait for longer than that is not answered in this run."""
REFUSED_ALIKE = 20
"""So many in a row, and nothing else between, end the run."""
TOLD, SAID = 10, 300
"""Problems that are told, and characters of each."""
PATIENCE = 3_600.0
"""Seconds for one answer: the gateway's own deadline comes before."""
BROKEN = (OSError, http.client.HTTPException)

Word = Literal["final", "again", "wait"]


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def good(self) -> bool:
        return FIRST_OK <= self.status <= LAST_OK

    @property
    def after(self) -> float | None:
        """Seconds after which to ask again."""
        said = self.headers.get("retry-after", "")
        return float(said) if said.isascii() and said.isdigit() else None


class Sums(msgspec.Struct):
    """How far a run has come."""

    kept: int = 0
    """Answered by a run before."""
    good: int = 0
    failed: int = 0
    wrong: int = 0
    """Lines that ask nothing."""
    cost: int = 0
    """Nano-units of USD."""
    unpriced: int = 0
    waiting: int = 0
    """Lines that are asked again in a while."""
    problems: dict[str, list[int]] = msgspec.field(default_factory=dict)
    """(the first line that has it, how many have) of the first ones."""

    def tell(self, line: int, problem: str) -> None:
        if problem in self.problems:
            self.problems[problem][1] += 1
        elif len(self.problems) < TOLD:
            self.problems[problem] = [line, 1]

    @property
    def done(self) -> int:
        return self.kept + self.good + self.failed + self.wrong


def word_on(answer: Answer, tries: int) -> tuple[Word, float]:
    """What follows from an answer, and after how many seconds."""
    if answer.status not in PASSING or answer.headers.get("x-should-retry") == "false":
        return "final", 0.0
    after = answer.after
    if after is not None and answer.status in WAITED:
        return ("wait", after) if after <= LONGEST_WAIT else ("final", 0.0)
    return ("again", max(after or 0.0, pause(tries))) if tries < TRIES else ("final", 0.0)


def pause(tries: int, chance: Callable[[], float] = random.random) -> float:
    """Full jitter: those that failed together do not come back together."""
    return min(FIRST_PAUSE * 2.0 ** (tries - 1), LONGEST_PAUSE) * (0.5 + chance() / 2)


async def nobody() -> None:
    """Stands in where nobody does."""


class Work:
    """`told` is called whenever a line is done, `stand_in` whenever nobody answers at the door."""

    def __init__(
        self,
        asks: Iterator[Ask | Wrong],
        results: Results,
        door: Path,
        told: Callable[[Sums], None],
        stand_in: Callable[[], Awaitable[None]] = nobody,
    ) -> None:
        self._asks = asks
        self._results = results
        self._door = door / SOCKET
        self._told = told
        self._stand_in = stand_in
        self._refused = 0
        self.sums = Sums()
        self.stopped = ""
        """Why no further line is begun."""

    async def do(self, parallel: int) -> None:
        with ThreadPoolExecutor(parallel, "batch") as threads:
            workers = [asyncio.ensure_future(self._worker(threads)) for _ in range(parallel)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    def stop(self, why: str) -> None:
        self.stopped = self.stopped or why

    async def _worker(self, threads: ThreadPoolExecutor) -> None:
        connection = Connection(self._door, PATIENCE)
        try:
            for asked in self._asks:
                if isinstance(asked, Wrong):
                    self._wrong(asked)
                elif self._results.has(asked.line, asked.mark):
                    self.sums.kept += 1
                else:
                    await self._one(threads, connection, asked)
                    if self.stopped:
                        return
                self._told(self.sums)
                await asyncio.sleep(0)
                if self.stopped:
                    return
        finally:
            connection.hang_up()  # else a thread would wait for an answer that nobody wants any more

    def _wrong(self, asked: Wrong) -> None:
        self._results.has(asked.line, asked.mark)
        about = About(asked.line, f"{asked.mark:016x}", tries=0)
        row = unanswered(asked.name, about, "invalid_line", f"line {asked.line}: {asked.why}")
        self._results.add(asked.line, asked.mark, row, good=False)
        self.sums.wrong += 1
        self.sums.tell(asked.line, asked.why)

    async def _one(self, threads: ThreadPoolExecutor, connection: Connection, asked: Ask) -> None:
        """Asks until there is a word on it, or nobody to ask."""
        tries = 1
        while True:
            try:
                answer = await self._answer(threads, connection, asked)
            except BROKEN as problem:
                connection.hang_up()
                if tries >= TRIES:
                    why = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
                    self.stop(tr("the gateway cannot be reached: {problem}").format(problem=why))
                    return
                await self._stand_in()
                await self._rest(pause(tries))
                tries += 1
                if self.stopped:
                    return
                continue
            if answer.status == INFEASIBLE and asked.added:
                own = {name: value for name, value in asked.headers.items() if name not in WISHED}
                asked = asked._replace(headers=own, added=False)
                continue
            word, after = word_on(answer, tries)
            if word == "final":
                self._note(asked, answer, tries)
                return
            await self._rest(after)
            if self.stopped:
                return
            tries += word == "again"

    async def _rest(self, seconds: float) -> None:
        """Until then, or until the run is stopped."""
        until = asyncio.get_running_loop().time() + seconds
        self.sums.waiting += 1
        while not self.stopped and (left := until - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(left, 0.2))
        self.sums.waiting -= 1

    async def _answer(self, threads: ThreadPoolExecutor, connection: Connection, asked: Ask) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(threads, _exchange, connection, asked)

    def _note(self, asked: Ask, answer: Answer, tries: int) -> None:
        sums, headers = self.sums, answer.headers
        cost = headers.get("x-fairlead-cost", "")
        about = About(
            asked.line,
            f"{asked.mark:016x}",
            headers.get("x-fairlead-model", ""),
            "" if cost == "unknown" else cost,
            tries,
        )
        good, whole = answer.good, is_json(answer.body)
        if whole:
            request = headers.get("x-fairlead-request-id", "")
            row = answered(asked.name, about, answer.status, request, answer.body)
        else:
            good = False
            row = unanswered(asked.name, about, "no_json", f"HTTP {answer.status}, and what came is no JSON")
        self._results.add(asked.line, asked.mark, row, good)
        sums.good += good
        said = "" if good else shortened(message(answer.body) if whole else "what came is no JSON")
        if not good:
            sums.failed += 1
            sums.tell(asked.line, f"{answer.status} {said}")
        sums.cost += nano(Decimal(about.cost or 0))
        sums.unpriced += cost == "unknown"
        self._refused = self._refused + 1 if is_refused(answer) else 0
        if self._refused >= REFUSED_ALIKE:
            self.stop(tr("{count} in a row were refused: {problem}").format(count=self._refused, problem=said))


WISHED = frozenset(("x-fairlead-budget", "x-fairlead-quality-floor"))


def _exchange(connection: Connection, asked: Ask) -> Answer:
    headers = {"Content-Type": b"application/json"} | {name: value.encode() for name, value in asked.headers.items()}
    connection.request("POST", asked.path, asked.body, headers)
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


def is_refused(answer: Answer) -> bool:
    """So that the next line would fare no better."""
    return answer.status in CLOSED or (answer.status in WAITED and (answer.after or 0.0) > LONGEST_WAIT)


def shortened(said: str) -> str:
    """What a provider said may be as long as it likes."""
    return said if len(said) <= SAID else f"{said[: SAID - 3]}..."


def is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True
