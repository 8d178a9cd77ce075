"""Simulated models without a server: how their tests ask, and read what comes."""

from __future__ import annotations

import json
from typing import Any

from fairlead.providers.simulated import Behaviour, SimulatedModel, Simulation
from fairlead.providers.simulated.simulation import Turn

PATH = "/v1/chat/completions"


def simulation(name: str = "m", **behaviour: Any) -> Simulation:
    return Simulation([SimulatedModel(name, Behaviour(**behaviour))], bodies=True, clock=lambda: 1_700_000_000.5)


def ask(text: str = "Tell me about boats.", /, **fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **fields}).encode()


def play(turn: Turn) -> bytes:
    turn.start()
    data = []
    while (beat := turn.beat) is not None:
        data.append(beat.data)
        turn.deliver(beat)
    return b"".join(data)


def post(sim: Simulation, body: bytes, headers: dict[bytes, bytes] | None = None) -> tuple[int, Any]:
    turn = sim.turn("POST", PATH, headers or {}, body)
    return turn.performance.status, json.loads(play(turn))


def chunks(sim: Simulation, body: bytes) -> list[Any]:
    data = play(sim.turn("POST", PATH, {}, body))
    events = data.split(b"\n\n")
    assert events[-1] == b""
    assert events[-2] == b"data: [DONE]"
    assert all(event.startswith(b"data: ") for event in events[:-1])
    return [json.loads(event[6:]) for event in events[:-2]]


def streamed_text(found: list[Any], index: int = 0) -> str:
    parts = [c["delta"].get("content") or "" for chunk in found for c in chunk["choices"] if c["index"] == index]
    return "".join(parts)
