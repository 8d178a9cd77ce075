"""Scenario files to scenarios, and those that ship: one file each in `scenarios/`, called by its stem.

1. `document`: YAML to a tree with lines; the command's options are put over it.
2. `config.scenario`: types, ranges, unknown settings.
3. `scenario_checks`: compared with itself and with the catalogue.
Problems come back together in the order of their lines, as a configuration's do.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from fairlead.config.document import Entry, Node, NodePath, Problem, Unreadable, compose, spell
from fairlead.config.load import read, rendered, validated
from fairlead.config.scenario import ModelGiven, PublishedGiven, ScenarioFile, StrategyGiven, Tokens, kinds_of
from fairlead.config.spelling import nearest
from fairlead.core import model as core
from fairlead.core.model import NANO
from fairlead.errors import ConfigError
from fairlead.evidence import scenario_checks as checks
from fairlead.evidence.calculator import Published, Scenario
from fairlead.evidence.workload import ONE, ZERO, Case, Priced, Rates, Strategy, Work
from fairlead.registry.catalogue import Catalogue
from fairlead.registry.catalogue import Entry as Known

FOLDER = Path(__file__).with_name("scenarios")
ENDINGS = (".yaml", ".yml")
INPUT, OUTPUT = 1000, 400
"""Tokens of a request that says nothing of them."""

Given = Mapping[NodePath, object]
"""What options put over a file: a value by its place."""


def names() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in FOLDER.glob("*.yaml")))


def is_file(name: str) -> bool:
    return name.endswith(ENDINGS) or "/" in name


def load(name: str, catalogue: Catalogue, at: int, given: Given | None = None) -> Scenario:
    """A file, or a scenario that ships. Raises ConfigError with every problem."""
    if is_file(name):
        return loads(read(Path(name)), name, catalogue, at, given)
    if name not in names():
        raise ConfigError([f"unknown scenario {name!r}{nearest(name, names())}; `fairlead calc --list` lists them"])
    return loads((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml", catalogue, at, given)


def loads(text: str, name: str, catalogue: Catalogue, at: int, given: Given | None = None) -> Scenario:
    try:
        root, problems = compose(text, {}, "`models` and `strategies`")
    except Unreadable as error:
        raise ConfigError([error.problem.render(name)]) from None
    return from_tree(root, problems, name, catalogue, at, given)


def from_options(given: Given, catalogue: Catalogue, at: int) -> Scenario:
    """A scenario that only options describe."""
    try:
        return from_tree(Node(1, entries={}), [], "options", catalogue, at, given)
    except ConfigError as error:
        raise ConfigError([problem.removeprefix("options:1: ") for problem in error.problems]) from None


def from_tree(
    root: Node, problems: list[Problem], name: str, catalogue: Catalogue, at: int, given: Given | None
) -> Scenario:
    for path, value in (given or {}).items():
        _put(root, path, value)
    declared, said = checks.Declared(root), root.data()
    file, wrong = validated(root, ScenarioFile)
    noted = {item.path for item in problems}
    problems += [item for item in wrong if item.path not in noted]
    if file is not None:
        for item in checks.findings(file, declared, catalogue):
            if _untouched(root, said, item.path):
                problems.append(Problem(root.line_of(item.path), root.spell(item.path), item.message))
    if problems or file is None:
        raise ConfigError(rendered(problems, name))
    return scenario_of(file, Path(name).stem, catalogue, at)


def _untouched(root: Node, said: Any, path: NodePath) -> bool:
    """Whether what stands at a path is all that was said there; else something in it is wrong and the rest follows."""
    node: Node | None = root
    for part in path:
        if isinstance(part, int):
            node = node.items[part] if node is not None and node.items is not None and part < len(node.items) else None
            place = part if node is None else node.position
            said = said[place] if isinstance(said, list) and place < len(said) else None
        else:
            entry = node.entries.get(part) if node is not None and node.entries is not None else None
            node = entry.node if entry is not None else None
            said = said.get(part) if isinstance(said, dict) else None
    return bool(said == (None if node is None else node.data()))


def scenario_of(file: ScenarioFile, name: str, catalogue: Catalogue, at: int) -> Scenario:
    works = tuple(
        _work(task, one.share, one.tokens, file.tokens, one.length) for task, one in checks.tasks_of(file).items()
    )
    models = {model: _priced(model, given, file, catalogue, at) for model, given in file.models.items()}
    added = tuple(Strategy(checks.baseline_name(kind), kind) for kind in checks.baselines_of(file))
    return Scenario(
        name=name,
        case=Case(file.requests, works, models),
        strategies=(*(_strategy(each, given) for each, given in file.strategies.items()), *added),
        published=tuple(map(_published, file.published)),
        title=file.title,
        title_zh=file.title_zh,
        source=file.source,
        date=file.date,
        note=" ".join(file.note.split()),
        note_zh=" ".join(file.note_zh.split()),
        currency=file.currency,
        period=file.period,
        warnings=tuple(f"{spell(item.path)}: {item.message}" for item in checks.doubts(file, catalogue)),
    )


def _work(task: str, share: Fraction, own: Tokens, usual: Tokens, length: Fraction) -> Work:
    def first(*values: int | None) -> int:
        return next(value for value in values if value is not None)

    cached = own.cached if own.cached is not None else usual.cached
    given = first(own.input, usual.input, INPUT), first(own.output, usual.output, OUTPUT)
    return Work(task, share, *given, cached or ZERO, length)


def _priced(name: str, given: ModelGiven, file: ScenarioFile, catalogue: Catalogue, at: int) -> Priced:
    entry = catalogue.find(name)
    quality, judge = given.quality, "given"
    if quality is None and not given.qualities and entry is not None and entry.quality is not None:
        quality, judge = Fraction(str(entry.quality)), "catalogue"
    if given.input is None and given.per_request is None:
        rate = _rate(file, given.discount, "USD")
        return Priced(name, _tiers(entry, at, rate), None, quality, given.qualities, "catalogue", judge)
    rate = _rate(file, given.discount, given.currency or file.currency)
    tiers: tuple[tuple[int, Rates], ...] = ()
    if given.input is not None:
        cached = given.input if given.cached is None else given.cached
        output = None if given.output is None else Fraction(given.output) * rate
        tiers = ((0, Rates(Fraction(given.input) * rate, output, Fraction(cached) * rate)),)
    per_request = None if given.per_request is None else Fraction(given.per_request) * rate
    return Priced(name, tiers, per_request, quality, given.qualities, "given", judge)


def _rate(file: ScenarioFile, discount: Fraction, currency: str) -> Fraction:
    """What an amount in a currency is multiplied with."""
    return (ONE - discount) / (ONE if currency == file.currency else file.exchange.get(currency, ONE))


def _tiers(entry: Known | None, at: int, rate: Fraction) -> tuple[tuple[int, Rates], ...]:
    """The catalogue's price of a day; none where it has none."""
    rows = [row for offer in entry.offers.values() for row in offer.prices[::-1] if row.since <= at] if entry else []
    return tuple((above, _rates(rates, rate)) for above, rates in ((0, rows[0].rates), *rows[0].tiers)) if rows else ()


def _rates(rates: core.Rates, rate: Fraction) -> Rates:
    cached = rates.input if rates.cached_input is None else rates.cached_input
    return Rates(*(Fraction(nano, NANO) * rate for nano in (rates.input, rates.output, cached)))


def _strategy(name: str, given: StrategyGiven) -> Strategy:
    (kind,) = kinds_of(given)
    named = getattr(given, kind)
    fields: dict[str, Any] = {}
    if given.subscription is not None:
        plan = given.subscription
        fields = {"models": (plan.model,), "fee": Fraction(plan.fee), "includes": plan.includes, "beyond": plan.beyond}
    elif given.move is not None:
        fields = {"models": (given.move.source, given.move.to), "moved": given.move.share}
    elif isinstance(named, str | tuple):
        fields = {"models": (named,) if isinstance(named, str) else named}
    if given.tiered is not None:
        fields["by_task"] = given.tiered
    elif isinstance(named, dict):
        fields["amounts"] = {model: Fraction(amount) for model, amount in named.items()}
    return Strategy(
        name, kind, pays=given.pays or "every", kept=given.kept, overhead=Fraction(given.overhead), **fields
    )


def _published(given: PublishedGiven) -> Published:
    far = given.within.value if given.within is not None else None
    end = given.to or given.value
    return Published(
        figure=given.figure,
        of=given.of,
        least=given.value.value - (given.value.half if far is None else far),
        most=end.value + (end.half if far is None else far),
        value=given.value.value,
        to=given.to.value if given.to is not None else None,
        against=given.against or "",
        model=given.model or "",
    )


def _put(root: Node, path: NodePath, value: object) -> None:
    """Set what an option says, with the mappings on the way there; an empty mapping takes nobody's place."""
    node = root
    for part in path[:-1]:
        assert node.entries is not None
        entry = node.entries.get(str(part))
        if entry is None or entry.node.entries is None:
            entry = node.entries[str(part)] = Entry(node.line, Node(node.line, entries={}))
        node = entry.node
    assert node.entries is not None
    if value == {} and str(path[-1]) in node.entries:
        return
    node.entries[str(path[-1])] = Entry(node.line, _node(value, node.line))


def _node(value: object, line: int) -> Node:
    if isinstance(value, Mapping):
        return Node(line, entries={str(key): Entry(line, _node(one, line)) for key, one in value.items()})
    if isinstance(value, list | tuple):
        return Node(line, items=[_node(one, line) for one in value])
    return Node(line, value)
