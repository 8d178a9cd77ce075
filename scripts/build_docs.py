"""Write the generated pages and tables of docs/; with --check only say whether they are current (exit 1 when not).

docs/configuration.md   the whole page, from the schema
docs/providers.md       the table between its markers, from the providers' deltas
docs/translation.md     the table between its markers, from the rules for what is lost
docs/calculator.md      the tables between their markers, from the schema of scenarios
"""

from __future__ import annotations

import sys
from pathlib import Path

from fairlead.config.environment import LOCAL
from fairlead.config.reference import render, settings, words
from fairlead.config.scenario import AGAINST, FIGURES, OF_A_MODEL, ScenarioFile
from fairlead.dialects.translate import RULES
from fairlead.providers.deltas import DELTAS, SPOKEN, Delta

DOCS = Path(__file__).resolve().parent.parent / "docs"


def kinds() -> str:
    """One row for each kind of provider."""
    variables = {kind: " or ".join(f"`{name}`" for name in delta.keys) for kind, delta in DELTAS.items() if delta.keys}
    variables |= {local.kind: " or ".join(f"`{name}`" for name in local.addresses) for local in LOCAL}
    rows = [
        "| kind | address | speaks | from the environment | models then | output limit | usage on streams |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, delta in DELTAS.items():
        cells = (
            f"`{kind}`" + (" (self-hosted)" if delta.self_hosted else ""),
            f"`{delta.base_url}`" if delta.base_url else "yours: `base_url`",
            ", ".join(f"`{dialect}`" for dialect in spoken(delta)),
            variables.get(kind, "-"),
            ", ".join(delta.models) or "-",
            f"`{delta.max_tokens_field}`" if delta.max_tokens_field else "-",
            "asked for" if delta.stream_usage else "not asked for",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def spoken(delta: Delta) -> list[str]:
    """Its dialects, the one to translate into first."""
    return [delta.dialect, *(dialect for dialect in SPOKEN if dialect in delta.dialects and dialect != delta.dialect)]


def rules() -> str:
    """One row for each rule of translation."""
    rows = ["| rule | what becomes of it | why |", "|---|---|---|"]
    rows += [f"| `{name}` | {rule.action} | {rule.words} |" for name, rule in RULES.items()]
    return "\n".join(rows) + "\n"


def scenario() -> str:
    """One row for each setting of a scenario."""
    rows = ["| setting | type | meaning |", "|---|---|---|"]
    for path, field in settings(ScenarioFile):
        rows.append(f"| `{path}` | {words(field.annotation, tuple(field.metadata))} | {field.description} |")
    return "\n".join(rows) + "\n"


def figures() -> str:
    """One row for each figure that can be compared."""
    rows = ["| figure | what it is | needs |", "|---|---|---|"]
    for name, meaning in FIGURES.items():
        needs = "`against`" if name in AGAINST else "`model`" if name in OF_A_MODEL else "-"
        rows.append(f"| `{name}` | {meaning} | {needs} |")
    return "\n".join(rows) + "\n"


def filled(page: Path, **tables: str) -> str:
    """The page with the tables between their markers."""
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise SystemExit(f"{page.name} has no place for its table: {begin.strip()} ... {end}")
        text = f"{before}{begin}{table}{end}{after}"
    return text


def pages() -> dict[Path, str]:
    """Every generated page as it should be."""
    providers, translation, calculator = (DOCS / f"{name}.md" for name in ("providers", "translation", "calculator"))
    return {
        DOCS / "configuration.md": render(),
        providers: filled(providers, kinds=kinds()),
        translation: filled(translation, rules=rules()),
        calculator: filled(calculator, scenario=scenario(), figures=figures()),
    }


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: build_docs.py [--check]", file=sys.stderr)
        return 2
    stale = [page for page, text in pages().items() if not page.exists() or page.read_text(encoding="utf-8") != text]
    if arguments:
        for page in stale:
            print(f"{page.name} is stale: run scripts/build_docs.py", file=sys.stderr)
        return 1 if stale else 0
    for page in stale:
        page.write_text(pages()[page], encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
