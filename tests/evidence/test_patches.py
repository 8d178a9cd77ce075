"""A recommended change that makes a file nobody takes, or that does not do what it says: over every shipped preset."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import msgspec
import pytest

import fairlead.config
from fairlead.classify.tasks import TASKS
from fairlead.config.load import loads
from fairlead.config.patch import patched
from fairlead.evidence.advice import Advice, Ground
from fairlead.evidence.recommend import recommend
from fairlead.evidence.worth import classes, price_of, would_cost
from fairlead.registry.catalogue import load as load_catalogue
from fairlead.server.reporting import Configured, configured_by
from fairlead.store.spending import Seen, Work

PRESETS = sorted((Path(fairlead.config.__file__).parent / "presets").rglob("*.yaml"))
AT = 1_800_000_000


def ground(by: Configured, draw: Random) -> Ground:
    """Every model has done some of every task, asked by a policy of the file, a bare strategy, or by name."""
    models = by.snapshot.models
    works, policies, named = [], {}, {}
    for name, model in models.items():
        price = price_of(model, AT)
        for task in (*TASKS, *by.said.common, ""):
            if price is None or draw.random() < 0.3:
                continue
            count = draw.randrange(1, 10_000)
            one = Work(name, task, count, count, 0, count * 2_000, count * 300, 0)
            works.append(msgspec.structs.replace(one, cost=would_cost(price, one)))
            chosen = draw.choice([by.default, *by.said.tables, "quality_first", None])
            if chosen is None:
                named[name, task] = 1
            else:
                policies[name, task] = {chosen: 5}
    repeated = dict.fromkeys(models, (80, 100))
    return Ground(
        tuple(works), Seen(len(works), 0, policies, named, repeated), {}, models, by.policies, by.default,
        by.said.tables, by.said.common, classes(works, models, AT), AT, 30 * 86_400_000,
    )  # fmt: skip


def applied(text: str, advice: Advice) -> str:
    for change in advice.changes:
        text = patched(text, change.path, change.value)
    return text


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_a_recommended_change_breaks_the_file(preset: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # M6.4
    text = preset.read_text()
    for name in re.findall(r"\$\{(\w+)", text):
        monkeypatch.setenv(name, "http://127.0.0.1:1/v1" if name.endswith(("_URL", "_HOST", "_BASE")) else "made-up")
    before = loads(text, preset.name)
    catalogue = load_catalogue()
    comments = [line.partition("#")[2] for line in text.splitlines() if line.startswith("#")]
    advised = recommend(ground(configured_by(before, catalogue), Random(len(text))))
    for advice in (one for one in advised.advice if one.changes):
        patched_text = applied(text, advice)
        assert loads(patched_text, preset.name, catalogue=catalogue) != before, advice.id
        assert all(comment in patched_text for comment in comments)
        if advice.kind == "task":
            paths = [change.path for change in advice.changes]
            rows = {(path[:-1] if path[-1] in ("model", "fallbacks") else path)[-2:] for path in paths}
            assert rows == {("tasks", advice.about)}
