"""Faults under load, played from outside: a real process, scripted providers, hostile and impatient clients.

`python -m tests.chaos` plays every case and prints a line for each: what was injected, what is required, what was seen.
After each one nothing may be under way any more, the books agree with what the upstream saw, and an ordinary request is
answered, as all those were that ran beside it. It ends with 1 where anything was otherwise. `--short` takes less than a
minute; `--only` plays some, by number or by a part of the name.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic

from tests.chaos import clients, process, providers
from tests.chaos.gateway import Gateway
from tests.chaos.scene import Beside, Case, Scene, Stage, settled

CASES = (*providers.CASES, *clients.CASES, *process.CASES)
CASE_SECONDS = 600


def chosen(options: argparse.Namespace) -> list[tuple[int, Case]]:
    found = []
    for number, case in enumerate(CASES, start=1):
        wanted = not options.only or any(meant(one, case) for one in options.only)
        if wanted and not (case.only_long and options.short):
            found.append((number, case))
    return found


def meant(one: str, case: Case) -> bool:
    return one in case.faults.split(" ") if one.isdecimal() else one in case.name


async def played(scene: Scene) -> tuple[str, float]:
    """What was seen, and how long it took."""
    began = monotonic()
    seen = ""
    try:
        async with asyncio.timeout(CASE_SECONDS):
            if scene.gateway is None:
                seen = await scene.case.play(scene)
            else:
                seen = await beside(scene)
    except (AssertionError, OSError, TimeoutError, asyncio.IncompleteReadError, ValueError, LookupError) as problem:
        where = traceback.extract_tb(problem.__traceback__)[-1]
        scene.problems.append(f"{type(problem).__name__} {problem} ({Path(where.filename).name}:{where.lineno})")
    return seen, monotonic() - began


async def beside(scene: Scene) -> str:
    tracebacks = scene.here.log.read_text(errors="replace").count("Traceback")
    async with Beside(scene.here).running() as tally:
        seen = await scene.case.play(scene)
    bad = tally.bad
    if scene.case.name != "twice the capacity":
        scene.require(
            not bad,
            f"{len(bad)} of {len(tally.told)} ordinary requests failed beside it"
            + (f": {bad[0].status} {bad[0].body[:120]!r}" if bad else ""),
        )
    await settled(scene, tracebacks)
    return seen


def line(case: Case, seen: str, seconds: float, problems: Sequence[str]) -> str:
    mark = "fail" if problems else "    "
    first = f"{mark} {case.faults:>6}  {case.name:<22} {case.injected:<38} {case.required:<48} {seen} [{seconds:.1f} s]"
    return "\n".join([first, *(f"             {problem}" for problem in problems)])


async def play(options: argparse.Namespace, folder: Path) -> int:
    """In a short run the cases that start processes themselves are played beside the others."""
    cases = chosen(options)
    stage = Stage(folder, not options.short, options.seed)
    lanes = [[one for one in cases if one[1].home], [one for one in cases if not one[1].home]]
    async with stage.open(), AsyncExitStack() as homes:
        if options.short:
            failed = sum(await asyncio.gather(*(lane(stage, some, homes) for some in lanes)))
        else:
            failed = sum([await lane(stage, some, homes) for some in lanes])
    wider = "; what takes time or shares the machine is held to wider bounds than a long run's" if options.short else ""
    print(f"{len(cases)} cases, {failed} failed{wider}" if failed else f"{len(cases)} cases{wider}")
    return int(failed > 0)


async def lane(stage: Stage, cases: Sequence[tuple[int, Case]], homes: AsyncExitStack) -> int:
    """One after the other; how many failed."""
    failed = 0
    open_homes: dict[str, Gateway] = {}
    for number, case in cases:
        if case.home and case.home not in open_homes:
            mates = [(n, one) for n, one in cases if one.home == case.home]
            open_homes[case.home] = await homes.enter_async_context(stage.home(case.home, mates))
        scene = stage.scene(number, case)
        scene.gateway = open_homes.get(case.home)
        seen, seconds = await played(scene)
        print(line(case, seen, seconds, scene.problems), flush=True)
        failed += bool(scene.problems)
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="less than a minute")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="numbers of faults, or parts of names")
    parser.add_argument("--seed", type=int, default=1, help="of what is left to chance")
    options = parser.parse_args()
    print(f"     {'faults':>6}  {'case':<22} {'injected':<38} {'required':<48} seen")
    with tempfile.TemporaryDirectory(prefix="fl-") as folder:
        sys.exit(asyncio.run(play(options, Path(folder))))


if __name__ == "__main__":
    main()
