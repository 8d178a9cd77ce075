"""What a hit tells of its answer, and for how long an answer is given again whose model stood in for another."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.gateway import look
from tests.gateway.test_caching import TOLD, cached
from tests.server.serving import serving
from tests.upstream import answer, status

# ---- what a hit says


async def test_a_hit_says_less_of_its_answer_than_the_answer_did(tmp_path: Path) -> None:  # M4.3 M5.1
    """How sure the checks were of it, and that somebody weaker's was not good enough."""
    checked = "  checked: {strategy: cost_first, min_quality: 0, models: [m-two, m-one], quality: {gates: [usual]}}\n"
    async with serving(tmp_path / "s", more=cached(), extra_policy=checked) as served:
        served.upstream.push("two", answer("I'm sorry, but I can't help with that."))
        first, again = [await served.chat({"x-fairlead-policy": "checked"}, model="auto") for _ in range(2)]
        assert (first.headers[TOLD], again.headers[TOLD]) == ("miss", "hit-exact")
        for name, value in (
            ("confidence", "0.950"),
            ("escalated", "true"),
            ("downgraded", "false"),
            ("model", "m-one"),
        ):
            assert first.headers[f"x-fairlead-{name}"] == again.headers[f"x-fairlead-{name}"] == value


async def test_a_hit_does_not_say_what_was_put_in_front_of_its_request(tmp_path: Path) -> None:  # M5.1 M5.2
    async with serving(tmp_path / "s", more=f"{cached()}memory: {{enabled: true}}\n") as served:
        who = {"x-fairlead-user": "ada", "x-fairlead-memory": "true"}
        name = [{"role": "user", "content": "My name is Ada."}]
        await served.chat(who, messages=name)
        _, first, again = [await served.chat(who) for _ in range(3)]  # the first is a task that was done
        assert (first.headers[TOLD], again.headers[TOLD]) == ("miss", "hit-exact")
        told = first.headers["x-fairlead-memory"]
        assert told.startswith("sent=")
        assert told != "sent=0; instead=0"
        assert again.headers["x-fairlead-memory"] == told
        assert "x-fairlead-memory" not in (await served.chat({"x-fairlead-user": "ada"})).headers


# ---- who stood in


CHEAPEST = {"model": "auto:cheap"}


@pytest.mark.parametrize("over", [False, True])
async def test_the_answer_to_a_failure_is_given_again_though_the_first_choice_is_back(  # M5.1 M1.3
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: bool
) -> None:
    monkeypatch.setattr(look, "STOOD_IN_SECONDS", -1.0 if over else 60.0)
    async with serving(tmp_path / "s", more=cached()) as served:
        served.upstream.push("two", status(500))
        first, again, third = [await served.chat(**CHEAPEST) for _ in range(3)]
        assert (first.headers["x-fairlead-model"], first.headers[TOLD]) == ("m-one", "miss")
        model = "m-two" if over else "m-one"
        assert (again.headers["x-fairlead-model"], again.headers[TOLD]) == (model, "miss" if over else "hit-exact")
        assert (third.headers["x-fairlead-model"], third.headers[TOLD]) == (model, "hit-exact")


async def test_whoever_is_asked_while_the_first_choice_is_left_alone_answers_for_the_whole_time(  # M5.1 M1.3
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "STOOD_IN_SECONDS", -1.0)
    health = "health: {failures: 1, ejection: 300}\n"
    async with serving(tmp_path / "s", more=f"{cached()}{health}") as served:
        served.upstream.push("two", status(500))
        await served.chat(**CHEAPEST, seed=1)
        found = [await served.chat(**CHEAPEST) for _ in range(2)]
        assert [(one.headers["x-fairlead-attempts"], one.headers[TOLD]) for one in found] == [("1", "miss")] * 2


async def test_another_channel_of_the_same_model_counts_as_another_answer(  # M5.1
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "STOOD_IN_SECONDS", -1.0)
    pinned = "  only: {strategy: cost_first, min_quality: 0, models: [both]}\n"
    async with serving(tmp_path / "s", more=cached(), extra_policy=pinned) as served:
        served.upstream.push("one", status(500))
        found = [await served.chat(model="auto:only") for _ in range(2)]
        assert [one.headers[TOLD] for one in found] == ["miss", "hit-exact"]
        assert found[0].headers["x-fairlead-attempts"] == "2"
