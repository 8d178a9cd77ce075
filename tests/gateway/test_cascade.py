"""The cascade by the answers, end to end: the bounds exact, the draft shown to the middle model, the premium one thinking."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.gateway.test_continuing import CALLERS, KINDS, asking, text_of, whole
from tests.server.serving import KEYS, Served, serving
from tests.upstream import answer, scripted

SURE = {"s95": 0.95, "s901": 0.901, "s90": 0.9, "s701": 0.701, "s70": 0.7, "s30": 0.3}
"""Marks in an answer, and how sure the checks are of it."""
GATES = "gates:\n" + "".join(
    f'  {name}: {{kind: pattern, pattern: "\\\\[{name}\\\\]", present: false, failed: {sure}}}\n'
    for name, sure in SURE.items()
)


@asynccontextmanager
async def climbing(state: Path, kind: str = "openai_chat", more: str = "") -> AsyncIterator[Served]:
    async with scripted() as upstream:
        seats = ("a", "b", "c")
        providers = "".join(
            f"  p{seat}: {{{KINDS[kind].format(port=upstream.port, seat=seat)}, api_key: key-{seat}}}\n"
            for seat in seats
        )
        models = "".join(
            f"  n{seat}: {{channels: [{{provider: p{seat}, model: up-{seat}}}], price: {{input: {10**at}, output: {10**at}}},"
            f" context: 128000, capabilities: [tools, json_schema, thinking]}}\n"
            for at, seat in enumerate(seats)
        )
        chosen = (
            f"  trio: {{strategy: cascade, cascade: {{base: na, middle: nb, premium: nc}},"
            f" quality: {{gates: [{', '.join(SURE)}]{more}}}}}\n"
        )
        async with serving(
            state, extra_provider=providers, extra_model=models, extra_policy=chosen, more=KEYS + GATES
        ) as served:
            served.upstream = upstream
            yield served


def said(mark: str, who: str = "base") -> str:
    return f"This is what the {who} model says of it. [{mark}]"


@pytest.mark.parametrize(
    ("mark", "seats"),
    [
        ("s95", ["a"]),
        ("s901", ["a"]),
        ("s90", ["a", "b"]),
        ("s701", ["a", "b"]),
        ("s70", ["a", "c"]),
        ("s30", ["a", "c"]),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_bounds_are_exact(tmp_path: Path, mark: str, seats: list[str], stream: bool) -> None:  # M4.4
    async with climbing(tmp_path / "s") as server:
        for seat, text in (("a", said(mark)), ("b", said("s95", "middle")), ("c", said("s95", "premium"))):
            server.upstream.push(seat, whole("openai_chat", text) if stream else answer(text))
        options = {"include_usage": True} if stream else None
        response = await asking(server, stream=stream, stream_options=options)
        assert response.status == 200
        assert server.upstream.seats == seats
        assert response.headers["x-fairlead-model"] == f"n{seats[-1]}"
        assert response.headers["x-fairlead-escalated"] == ("true" if len(seats) > 1 else "false")
        assert response.headers["x-fairlead-downgraded"] == "false"
        text = text_of("openai_chat", response.body) if stream else response.json["choices"][0]["message"]["content"]  # type: ignore[index]
        assert text == {"a": said(mark), "b": said("s95", "middle"), "c": said("s95", "premium")}[seats[-1]]
        last = json.loads(server.upstream.calls[-1].body)
        assert (said(mark) in json.dumps(last["messages"])) == (seats[-1] == "b"), "only the middle model has the draft"
        assert (last.get("reasoning_effort") == "high") == (seats[-1] == "c"), "only the premium model thinks"


@pytest.mark.parametrize(("mark", "seats"), [("s701", ["a", "b"]), ("s70", ["a", "b", "c"])])
async def test_what_the_middle_model_says_is_kept_below_its_bound(
    tmp_path: Path, mark: str, seats: list[str]
) -> None:  # M4.4
    async with climbing(tmp_path / "s") as server:
        server.upstream.push("a", answer(said("s90")))
        server.upstream.push("b", answer(said(mark, "middle")))
        server.upstream.push("c", answer(said("s95", "premium")))
        response = await asking(server, stream=False, stream_options=None)
        assert server.upstream.seats == seats
        record = await server.record(response)
        assert [one.why for one in record.attempts] == ["", *["unfit"] * (len(seats) - 1)]
        assert record.cost == sum(one.cost for one in record.attempts)
        assert all(one.cost > 0 for one in record.attempts)


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_draft_is_lost_on_its_way_to_another_dialect(tmp_path: Path, caller: str) -> None:  # M4.4 M1.5
    for place, kind in enumerate(
        (caller, "anthropic_messages" if caller != "anthropic_messages" else "openai_responses")
    ):
        async with climbing(tmp_path / str(place), kind) as server:
            server.upstream.push("a", whole(kind, said("s90")))
            server.upstream.push("b", whole(kind, said("s95", "middle")))
            response = await asking(server, caller)
            assert text_of(caller, response.body) == said("s95", "middle")
            asked = server.upstream.calls[-1].body.decode()
            assert asked.index("Count.") < asked.index("drafted") < asked.index("[s90]")


async def test_the_best_answer_is_not_the_last(tmp_path: Path) -> None:  # M4.2
    async with climbing(tmp_path / "s") as server:
        server.upstream.push("a", answer(said("s70")))
        server.upstream.push("c", answer(said("s30", "premium")))
        response = await asking(server, stream=False, stream_options=None)
        assert server.upstream.seats == ["a", "c"]
        assert response.headers["x-fairlead-model"] == "na"
        assert response.headers["x-fairlead-downgraded"] == "true"


async def test_what_it_learns_is_forgotten_at_once(tmp_path: Path) -> None:  # M4.4
    async with climbing(tmp_path / "s") as server:
        server.upstream.push("a", answer(said("s95")))
        await asking(server, stream=False, stream_options=None)
        conditions = server.running.runtime.vitals.at(monotonic() + 2)
        ((name, counts),) = conditions.checked.items()
        assert name.startswith("trio|na|")
        assert counts == (1.0, 0.0, 1.0, 0)
