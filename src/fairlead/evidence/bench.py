"""Runs of the bench as dated files in the state directory, and what of them counts as evidence: of each model and task the
latest run, like judgements of that day. Another run takes the place of the one before, so that asking the same questions each
week makes nobody surer; after 90 days a run counts no more.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from fairlead.core.bench import Score, Scored
from fairlead.store.feedback import JudgedDay

FOLDER = "bench"
DAY = 86_400
KEPT_DAYS = 90
_decode = msgspec.json.Decoder(Scored).decode


def named(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H%M%SZ}"


def write(state_dir: Path, run: Scored) -> Path:
    return put(state_dir / FOLDER / f"{named(run.at)}.json", msgspec.json.format(msgspec.json.encode(run)))


def put(path: Path, content: bytes) -> Path:
    """Whole or not at all; for the owner alone."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return path


def runs(state_dir: Path) -> tuple[Scored, ...]:
    """The oldest first. What is no run is passed over: the folder is its owner's to tidy."""
    found = []
    for file in sorted((state_dir / FOLDER).glob("*.json")):
        try:
            found.append(_decode(file.read_bytes()))
        except (OSError, msgspec.DecodeError):
            continue
    return tuple(found)


def latest(every: Iterable[Scored]) -> dict[tuple[str, str], tuple[Score, int]]:
    """By model and task: the latest score that says anything, and when it was made (epoch seconds)."""
    return {(score.model, score.task): (score, run.at) for run in every for score in run.scores if score.cases}


def judgements(every: Iterable[Scored], now: int, simulated: Collection[str]) -> tuple[JudgedDay, ...]:
    """`simulated`: the models that are so now. What a stand-in made of it is no word on who is real, nor the reverse."""
    alike = (
        msgspec.structs.replace(
            run,
            scores=tuple(one for one in run.scores if (one.model in run.simulated) == (one.model in simulated)),
        )
        for run in every
    )
    return tuple(
        JudgedDay(score.model, score.task, at // DAY, score.cases, score.good)
        for score, at in latest(alike).values()
        if now - at < KEPT_DAYS * DAY
    )
