"""Compares the catalogue with a table of other price maps; it changes nothing and only reports."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

from scripts.catalogue.entries import CONTEXT_TOLERANCE, Build
from scripts.catalogue.packaged import Row, plain

MODELS_DEV = {"input": "input", "output": "output", "cached_input": "cache_read"}
LITELLM = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
}


def compare(build: Build, path: Path) -> None:
    """Says for each model and rate where no offer in force has the price that another map tells."""
    spelled = {alias: model for model in build.models for alias in [model["name"], *model["aliases"]]}
    for label, maps in json.loads(path.read_text(encoding="utf-8")).items():
        model = spelled.get(re.sub(r"\s*\(.*\)", "", label).lower().replace(" ", "-"))
        if model is None:
            build.complain(f"{label}: in the price table, not in the catalogue")
            continue
        for source, rates in said(maps).items():
            for rate, theirs in rates.items():
                ours = listed(model, rate, build.declared["date"])
                if ours and theirs not in {Decimal(value) for value in ours.values()}:
                    here = ", ".join(f"{kind} {value}" for kind, value in ours.items())
                    build.complain(f"{model['name']}: {rate} is {plain(theirs)} in {source}; here {here}")
        for source, name, size in sizes(maps):
            if abs(size - model[name]) > CONTEXT_TOLERANCE * model[name]:
                build.complain(f"{model['name']}: {name} is {size} in {source}; here {model[name]}")


def said(maps: Row) -> dict[str, dict[str, Decimal]]:
    """Source -> rate -> USD per million tokens."""
    cost = (maps.get("models.dev") or {}).get("cost") or {}
    lite = maps.get("litellm") or {}
    return {
        "models.dev": {rate: Decimal(str(cost[key])) for rate, key in MODELS_DEV.items() if key in cost},
        "litellm": {rate: Decimal(str(lite[key])) * 1_000_000 for rate, key in LITELLM.items() if key in lite},
    }


def sizes(maps: Row) -> list[tuple[str, str, int]]:
    """(source, field, tokens)."""
    limit = (maps.get("models.dev") or {}).get("limit") or {}
    lite = maps.get("litellm") or {}
    told = [
        ("models.dev", "context", limit.get("context")),
        ("models.dev", "max_output", limit.get("output")),
        ("litellm", "context", lite.get("max_input_tokens")),
        ("litellm", "max_output", lite.get("max_output_tokens")),
    ]
    return [(source, name, size) for source, name, size in told if size]


def listed(model: Row, rate: str, today: str) -> dict[str, str]:
    """Provider kind -> the rate in force there."""
    rates = {}
    for kind, offer in model["offers"].items():
        past = [row for row in offer["prices"] if row is offer["prices"][0] or row["start"] <= today]
        if past and rate in past[-1]:
            rates[kind] = past[-1][rate]
    return rates
