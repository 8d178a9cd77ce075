"""The labelled answers beside this file, as the gates see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from fairlead.core.gates.verdict import Asked, Called, Given, Tool

HERE = Path(__file__).parent
CONTEXTS: dict[str, str] = yaml.safe_load((HERE / "contexts.yaml").read_text())


class Labelled(msgspec.Struct, frozen=True):
    line: int
    gate: str
    good: bool
    asked: Asked
    given: Given

    def __repr__(self) -> str:
        return f"{self.gate} {self.line}"


def _one(line: int, row: dict[str, Any]) -> Labelled:
    context = CONTEXTS.get(row.get("context_is", ""), "")
    text = row.get("a_head", "") + (row["a_times"][0] * row["a_times"][1] if "a_times" in row else row["a"])
    tools = tuple(
        Tool(tool["name"], msgspec.json.encode(tool["parameters"]) if "parameters" in tool else b"")
        for tool in row.get("tools", ())
    )
    asked = Asked(
        task=row.get("task", ""),
        system=row.get("system", ""),
        context=(*((context,) if context else ()), row["q"]),
        sourced=row.get("sourced", False),
        said=row["q"],
        form=row.get("form", ""),
        schema=msgspec.json.encode(row["schema"]) if "schema" in row else b"",
        tools=tools,
        must_call=row.get("must_call", False),
        tool=row.get("tool", ""),
        foreign_tools=row.get("foreign_tools", False),
        max_output=row.get("max_output", 0),
    )
    given = Given(
        text,
        tuple(Called(call["name"], call["arguments"]) for call in row.get("calls", ())),
        row.get("end", "tool_use" if row.get("calls") else "end"),
        tuple(row.get("logprobs", ())),
        tuple(row.get("margins", ())),
    )
    return Labelled(line, row["gate"], row["good"], asked, given)


LABELLED = tuple(_one(at, row) for at, row in enumerate(yaml.safe_load((HERE / "labelled.yaml").read_text())))
