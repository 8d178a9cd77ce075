"""Builds `src/fairlead/registry/catalogue.json` from declared data and the genai-prices package.

    python scripts/build_catalogue.py            write the file
    python scripts/build_catalogue.py --check    exit 1 if the committed file is not what this would write

Precedence, field by field: what `scripts/catalogue/*.yaml` declares, then genai-prices. A price table (JSON, several
price maps side by side, keyed by model) may be given with --table or FAIRLEAD_PRICE_TABLE: it never changes the
result, it is compared with it, and every disagreement is printed on stderr. The same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.catalogue import table  # noqa: E402
from scripts.catalogue.entries import Build, Sources, entry  # noqa: E402
from scripts.catalogue.packaged import Row  # noqa: E402

DECLARED = ROOT / "scripts" / "catalogue"
TARGET = ROOT / "src" / "fairlead" / "registry" / "catalogue.json"
TABLE = ROOT.parent / "shared" / "prices" / "table.json"


def settle_aliases(build: Build) -> None:
    """An alias names one model: declared ones win, then the model listed first."""
    owners = {model["name"]: model["name"] for model in build.models}
    declared = {
        alias.lower(): model["name"]
        for vendor in build.declared["vendors"]
        for model in vendor["models"]
        for alias in model.get("alias", ())
    }
    for model in build.models:
        kept = []
        for alias in model["aliases"]:
            owner = owners.setdefault(alias, declared.get(alias, model["name"]))
            if owner == model["name"]:
                kept.append(alias)
            else:
                build.complain(f"note: alias {alias} of {model['name']} belongs to {owner}")
        model["aliases"] = kept


def assemble() -> Build:
    declared = yaml.safe_load((DECLARED / "models.yaml").read_text(encoding="utf-8"))
    facts = yaml.safe_load((DECLARED / "facts.yaml").read_text(encoding="utf-8"))["models"]
    installed = version("genai-prices")
    dates = declared["packages"]["genai-prices"]
    if installed not in dates:
        raise SystemExit(f"genai-prices {installed}: declare its date in {DECLARED / 'models.yaml'}")
    sources = {name: (pair[0], pair[1]) for name, pair in declared["sources"].items()}
    sources["genai"] = (f"genai-prices {installed}", dates[installed])
    build = Build(declared, facts, Sources(sources))
    pending = [(vendor, model) for vendor in declared["vendors"] for model in vendor["models"]]
    names = {model["name"] for _, model in pending}
    made: dict[str, Row] = {}
    while pending:
        waiting = []
        for vendor, model in pending:
            alike = model.get("like")
            if alike and alike not in names:
                raise SystemExit(f"{model['name']} is like {alike}, which is not listed")
            if alike and alike not in made:
                waiting.append((vendor, model))
            else:
                made[model["name"]] = entry(build, vendor, model, made)
        if len(waiting) == len(pending):
            raise SystemExit(f"models alike in a circle: {', '.join(model['name'] for _, model in waiting)}")
        pending = waiting
    build.models = [made[name] for name in sorted(made)]
    settle_aliases(build)
    return build


def written(build: Build) -> str:
    """One line a model, so that a change shows as the lines it touches."""
    order = sorted(range(len(build.sources.rows)), key=lambda at: build.sources.rows[at])
    place = {old: new for new, old in enumerate(order)}
    lines = []
    for model in build.models:
        model["sources"] = {name: place[at] for name, at in model["sources"].items()}
        for offer in model["offers"].values():
            for row in offer["prices"]:
                row["source"] = place[row["source"]]
                row["fees"] = {tool: [amount, per, place[at]] for tool, (amount, per, at) in row["fees"].items()}
            offer["prices"] = [
                {name: value for name, value in row.items() if name != "fees" or value} for row in offer["prices"]
            ]
        kept = {name: value for name, value in model.items() if value not in ([], {}, None)}
        lines.append(json.dumps(kept, ensure_ascii=False, separators=(",", ":")))
    sources = [json.dumps(build.sources.rows[at], ensure_ascii=False, separators=(",", ":")) for at in order]
    head = f'{{"date":"{build.declared["date"]}",\n"sources":[\n' + ",\n".join(sources)
    return head + '\n],\n"models":[\n' + ",\n".join(lines) + "\n]}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed file, write nothing")
    parser.add_argument("--target", type=Path, default=TARGET, help="the file to write or check")
    parser.add_argument("--table", type=Path, default=Path(os.environ.get("FAIRLEAD_PRICE_TABLE", TABLE)))
    options = parser.parse_args()
    build = assemble()
    if options.table.is_file():
        table.compare(build, options.table)
    text = written(build)
    for complaint in build.complaints:
        print(complaint, file=sys.stderr)
    if options.check:
        same = options.target.is_file() and options.target.read_text(encoding="utf-8") == text
        if not same:
            print(f"{options.target} is stale: run scripts/build_catalogue.py", file=sys.stderr)
        return 0 if same else 1
    options.target.write_text(text, encoding="utf-8")
    priced = sum(any(offer["prices"] for offer in model["offers"].values()) for model in build.models)
    print(f"{len(build.models)} models, {priced} priced, {len(text.encode())} bytes, {build.declared['date']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
