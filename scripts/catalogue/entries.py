"""One entry of the catalogue: every field from the best source there is, with the source and its date beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from genai_prices import types as genai  # type: ignore[import-not-found, unused-ignore]

from scripts.catalogue import packaged
from scripts.catalogue.packaged import Row

CAPABILITIES = (
    "tools",
    "json_schema",
    "vision",
    "audio",
    "documents",
    "thinking",
    "logprobs",
    "embeddings",
    "image_output",
    "audio_output",
)
CONTEXT_TOLERANCE = 0.06
"""Sources round 1,048,576 to 1,000,000; only what differs by more is a disagreement."""


@dataclass
class Sources:
    """The table of (source, date) that fields refer to by position."""

    declared: dict[str, tuple[str, str]]
    rows: list[tuple[str, str]] = field(default_factory=list)

    def at(self, key: str) -> int:
        return self.pair(self.declared[key])

    def pair(self, pair: tuple[str, str]) -> int:
        if pair not in self.rows:
            self.rows.append(pair)
        return self.rows.index(pair)


@dataclass
class Build:
    declared: Row
    facts: dict[str, Row]
    sources: Sources
    models: list[Row] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def complain(self, text: str) -> None:
        self.complaints.append(text)


def native_id(vendor: Row, model: Row) -> str | None:
    if "native" not in vendor or model.get("up") == "none":
        return None
    name: str = model["name"]
    upstream: str = model.get("up") or (name.replace(".", "-") if vendor.get("dashed") else name)
    return upstream


def candidate_offers(vendor: Row, model: Row, names: set[str]) -> dict[str, tuple[str, str]]:
    """Provider kind -> (id at that provider, id in genai-prices)."""
    found: dict[str, tuple[str, str]] = {}
    upstream = native_id(vendor, model)
    if upstream is not None:
        found[vendor["native"]] = (upstream, model.get("genai", upstream))
    for kind in packaged.HOSTS:
        for info in packaged.source(kind).models:
            if info.deprecated:
                continue
            if packaged.hosted_key(info.id) in names or info.id == model.get("at", {}).get(kind):
                prefix = "accounts/fireworks/models/" if kind == "fireworks" else ""
                found.setdefault(kind, (prefix + info.id, info.id))
    spellings = [model.get("or"), f"{vendor['router']}/{upstream}", f"{vendor['router']}/{model['name']}"]
    for identifier in filter(None, spellings):
        if packaged.find("openrouter", identifier) is not None:
            found.setdefault("openrouter", (identifier, identifier))
    return found


def offers(build: Build, vendor: Row, model: Row, names: set[str]) -> tuple[Row, Row, list[str], list[str]]:
    """The offers, their sources, notes and further aliases."""
    facts = build.facts.get(model["name"], {})
    released = facts.get("released")
    regions = build.declared["regions"]
    result: Row = {}
    origin: Row = {}
    notes: list[str] = []
    aliases: list[str] = []
    package = build.sources.at("genai")
    for kind, (upstream, key) in candidate_offers(vendor, model, names).items():
        info = packaged.find(kind, key) if kind in packaged.PROVIDERS else None
        rows: list[Row] = []
        if info is not None:
            rows, remarks = packaged.rows_of(info, released)
            notes += [f"{kind}: {remark}" for remark in remarks]
            aliases += packaged.dated_aliases(upstream, info)
            if info.id.lower() != key.lower():
                build.complain(f"note: {kind}/{upstream} is priced as genai-prices' {info.id}")
        result[kind] = {
            "upstream": upstream,
            "region": regions[kind],
            "prices": [{**row, "source": package, "fees": fees(build, kind, upstream, row["fees"])} for row in rows],
        }
        if info is not None and info.context_window and kind in (*packaged.HOSTS, "openrouter"):
            result[kind]["context"] = info.context_window
        origin[f"offers.{kind}"] = package if info is not None else build.sources.at("declared")
    declared = [(kind, rows, "models.dev") for kind, rows in facts.get("prices", {}).items()]
    declared += [(kind, rows, rows["source"]) for kind, rows in model.get("prices", {}).items()]
    for kind, offer, source in declared:
        at = build.sources.at(source)
        before = result.get(kind, {}).get("prices") or []
        rows = [{"start": released or "first", **row, "source": at} for row in offer["rows"]]
        compare_rows(build, f"{model['name']} at {kind}", rows, before)
        upstream = offer.get("upstream") or result[kind]["upstream"]
        known = before[-1]["fees"] if before else fees(build, kind, upstream, {})
        rows = [{**row, "fees": known} for row in rows]
        result[kind] = {
            "upstream": upstream,
            "region": regions[kind],
            "prices": rows,
        }
        if offer.get("context"):
            result[kind]["context"] = offer["context"]
        origin[f"offers.{kind}"] = at
    for kind, context in model.get("limits", {}).items():
        if kind in result:
            result[kind]["context"] = context
    notes += [f"{kind}: no USD price is known." for kind, offer in result.items() if not offer["prices"]]
    return result, origin, notes, aliases


def fees(build: Build, kind: str, upstream: str, packaged_fees: dict[str, str]) -> Row:
    """Tool -> (USD, per, source). What is declared without an amount says only by what a known fee is counted."""
    found: Row = {tool: [amount, "call", build.sources.at("genai")] for tool, amount in packaged_fees.items()}
    for declared in build.declared["fees"].get(kind, ()):
        tool, amount, per = declared["tool"], declared.get("amount"), declared.get("per", "call")
        known = found.get(tool)
        if not upstream.startswith(tuple(declared.get("models", ("",)))):
            continue
        if amount is not None:
            if known is not None and Decimal(known[0]) != Decimal(amount):
                build.complain(f"{upstream} at {kind}: {tool} is {amount} as declared, {known[0]} in genai-prices")
            found[tool] = [amount, per, build.sources.at(declared["source"])]
        elif known is not None:
            found[tool] = [known[0], per, known[2]]
    return dict(sorted(found.items()))


def compare_rows(build: Build, where: str, kept: list[Row], other: list[Row]) -> None:
    if not other:
        return
    name = build.sources.rows[other[0]["source"]][0]
    for rate in packaged.RATES:
        ours, theirs = kept[-1].get(rate), other[-1].get(rate)
        if ours is not None and theirs is not None and Decimal(ours) != Decimal(theirs):
            build.complain(f"{where}: {rate} is {ours} as declared, {theirs} in {name}")


def limits(build: Build, model: Row, made: dict[str, Row], infos: list[genai.ModelInfo]) -> tuple[int, int, int, int]:
    """Context and longest answer, each with its source."""
    if "limit" in model and model["limit"][2] != "genai":
        context, output, key = model["limit"]
        return context, output, build.sources.at(key), build.sources.at(key)
    facts = build.facts.get(model["name"], {})
    context, output = facts.get("context", 0), facts.get("output", 0)
    context_at = output_at = build.sources.at("models.dev")
    window = next((info.context_window for info in infos if info.context_window), 0)
    if context and window and abs(context - window) > CONTEXT_TOLERANCE * context:
        build.complain(f"{model['name']}: context is {context} as declared, {window} in genai-prices")
    if not context and window:
        context, context_at = window, build.sources.at("genai")
    alike = made.get(model.get("like", ""))
    if alike is not None:
        assumed = build.sources.pair((f"estimate: like {alike['name']}", build.sources.declared["estimate"][1]))
        if not context:
            context, context_at = alike["context"], assumed
        if not output:
            output, output_at = alike["max_output"], assumed
    return context, 0 if model.get("kind") == "embedding" else min(output, context), context_at, output_at


def capabilities(build: Build, vendor: Row, model: Row, made: dict[str, Row]) -> tuple[list[str], int]:
    if model.get("kind") == "embedding":
        return ["embeddings"], build.sources.at("declared")
    facts = build.facts.get(model["name"], {})
    alike = made.get(model.get("like", ""))
    known = {*facts.get("caps", ()), *vendor.get("caps", ()), *model.get("caps", ())}
    source = build.sources.at("models.dev" if facts else "vendor")
    if facts and known - set(facts.get("caps", ())):
        source = build.sources.pair(
            ("models.dev, added to from vendor documentation", build.sources.declared["models.dev"][1])
        )
    if alike is not None and not facts:
        known |= set(alike["capabilities"])
        source = build.sources.pair((f"estimate: like {alike['name']}", build.sources.declared["estimate"][1]))
    return [name for name in CAPABILITIES if name in known], source


def flags(build: Build, model: Row, native: genai.ModelInfo | None) -> list[str]:
    known = set(model.get("flags", ()))
    if build.facts.get(model["name"], {}).get("open_weights"):
        known.add("open_weights")
    if native is not None and native.deprecated:
        known.add("deprecated")
    return sorted(known)


def benchmarks(build: Build, model: Row) -> dict[str, tuple[float, int]]:
    scores: dict[str, tuple[float, int]] = {}
    fallback = build.sources.declared["models.dev"]
    for name, found in build.facts.get(model["name"], {}).get("benchmarks", {}).items():
        source = f"{found['source']} via models.dev" if found["source"] else fallback[0]
        scores[name] = (found["score"], build.sources.pair((source, found.get("date", fallback[1]))))
    for name, (score, key) in model.get("bench", {}).items():
        if name in scores and scores[name][0] != score:
            build.complain(f"{model['name']}: {name} is {score} as declared, {scores[name][0]} in models.dev")
        scores[name] = (score, build.sources.at(key))
    if model.get("src"):
        scores["aa-index-v4.0"] = (round(model["index"] / 100, 4), build.sources.at(model["src"]))
    return dict(sorted(scores.items()))


def quality(build: Build, model: Row) -> tuple[float | None, int]:
    if model.get("kind") == "embedding":
        return None, build.sources.at("declared")
    line = build.declared["quality"]
    value = min(line["most"], line["base"] + line["slope"] * model["index"])
    if "src" in model:
        source, day = build.sources.declared[model["src"]]
        return round(value, 3), build.sources.pair((f"prior from {source}", day))
    return round(value, 3), build.sources.pair(
        ("estimate: index by family and generation", build.sources.declared["estimate"][1])
    )


def latency(build: Build, model: Row) -> tuple[int, int]:
    if "ms" in model:
        return model["ms"], build.sources.at(model["ms_src"])
    pace = model["pace"]
    return build.declared["paces"][pace], build.sources.pair(
        (f"estimate: class {pace}", build.sources.declared["estimate"][1])
    )


def aliases_of(vendor: Row, model: Row, found: Row, extra: list[str]) -> list[str]:
    name: str = model["name"]
    known = {*model.get("alias", ()), *extra, f"{vendor['vendor']}/{name}", f"{vendor['router']}/{name}"}
    known.add(name.replace(".", "-"))
    for kind, offer in found.items():
        if kind == vendor.get("native") or ("/" in offer["upstream"] and kind != "fireworks"):
            known.add(offer["upstream"])
    known.add(re.sub(r"^qwen(?=\d)", "qwen-", name))
    return sorted({alias.lower() for alias in known} - {name})


def entry(build: Build, vendor: Row, model: Row, made: dict[str, Row]) -> Row:
    names = {model["name"], *model.get("alias", ())}
    native = native_id(vendor, model)
    if native:
        names.add(native)
    found, origin, notes, extra = offers(build, vendor, model, names)
    infos = {
        kind: info
        for kind, (_, key) in candidate_offers(vendor, model, names).items()
        if kind in packaged.PROVIDERS and (info := packaged.find(kind, key)) is not None
    }
    context, output, context_at, output_at = limits(build, model, made, list(infos.values()))
    caps, caps_at = capabilities(build, vendor, model, made)
    prior, prior_at = quality(build, model)
    scores = benchmarks(build, model)
    pace, pace_at = latency(build, model)
    declared = build.sources.at("declared")
    sources = {
        "aliases": declared,
        "capabilities": caps_at,
        "context": context_at,
        "flags": declared,
        "latency_ms": pace_at,
        "max_output": output_at,
        "quality": prior_at,
        "vendor": declared,
        **{f"benchmarks.{name}": at for name, (_, at) in scores.items()},
        **origin,
    }
    for offer in found.values():
        if offer.get("context", 0) >= context * (1 - CONTEXT_TOLERANCE):
            offer.pop("context", None)
    remarks = [model["note"]] if "note" in model else []
    return {
        "name": model["name"],
        "vendor": vendor["vendor"],
        "aliases": aliases_of(vendor, model, found, extra),
        "context": context,
        "max_output": output,
        "capabilities": caps,
        "quality": prior,
        "benchmarks": {name: score for name, (score, _) in scores.items()},
        "latency_ms": pace,
        "flags": flags(build, model, infos.get(vendor.get("native", ""))),
        "offers": dict(sorted(found.items(), key=lambda offer: (offer[0] != vendor.get("native"), offer[0]))),
        "notes": remarks + notes,
        "sources": dict(sorted(sources.items())),
    }
