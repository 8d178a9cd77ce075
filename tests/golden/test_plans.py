"""Configuration and call to plan, written down: a change of any decision shows as a changed line.

Each `*.yaml` beside this file is a configuration; `calls.json` says what is asked of it; `plans/` holds what came
out. `FAIRLEAD_GOLDEN=update` writes the plans anew, for a look at the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fairlead import classify
from fairlead.config.load import loads
from fairlead.core.call import Call, Caller, Facts, Signal, Wishes
from fairlead.core.choice import read_choice
from fairlead.core.cost import plain
from fairlead.core.decide import decide
from fairlead.dialects.openai_chat.native import read_request
from fairlead.errors import RequestError
from fairlead.registry.policies import policies
from fairlead.registry.snapshot import build
from tests.config.catalogue_fake import CATALOGUE

HERE = Path(__file__).parent
CALLS: dict[str, list[dict[str, Any]]] = json.loads((HERE / "calls.json").read_text())
FAKE: Any = CATALOGUE


def outcome(config: str, asked: dict[str, Any]) -> dict[str, Any]:
    settings = loads((HERE / config).read_text(), config, {}, CATALOGUE)
    snapshot, known = build(settings, FAKE), policies(settings)
    body = {"model": "auto", "messages": [{"role": "user", "content": "x" * asked.get("chars", 400)}]} | asked.get(
        "body", {}
    )
    view = read_request(json.dumps(body).encode())
    narrowed = {
        key: frozenset(value) if isinstance(value, list) else value for key, value in asked.get("caller", {}).items()
    }
    call = Call(
        "req",
        "generate",
        "openai_chat",
        view.request.model,
        False,
        b"",
        view,
        Caller("key", **narrowed),
        Wishes(**asked.get("wishes", {})),
        Facts(2_000_000_000),
        (*classify.signals(view.shape()), *(Signal(*one) for one in asked.get("signals", ()))),
    )
    force = known[asked.get("policy", settings.policy.default)]
    try:
        plan = decide(call, read_choice(call.model, force, known, snapshot), snapshot, 7)
    except RequestError as error:
        return {"error": error.code, "message": error.message}
    return {
        "policy": plan.policy,
        "strategy": plan.strategy,
        "targets": [
            f"{step.move}: {', '.join(channel.id for channel in target.channels)}"
            f" ${'?' if target.expected.cost is None else plain(target.expected.cost)} score {target.score:.4f}"
            for step in plan.steps
            for target in step.targets
        ],
        "rejected": [
            f"{one.model}{'@' if one.channel else ''}{one.channel} {one.reason}: {one.detail}" for one in plan.rejected
        ],
    }


@pytest.mark.parametrize("config", CALLS)
def test_each_decision_is_the_one_written_down(config: str) -> None:  # M3.1
    found = {asked["name"]: outcome(config, asked) for asked in CALLS[config]}
    assert len(found) == len(CALLS[config])
    file = HERE / "plans" / config.replace(".yaml", ".json")
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("FAIRLEAD_GOLDEN") == "update":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


def test_every_configuration_and_every_plan_is_used() -> None:
    assert {file.name for file in HERE.glob("*.yaml")} == set(CALLS)
    assert {file.stem for file in (HERE / "plans").glob("*.json")} == {name.removesuffix(".yaml") for name in CALLS}
