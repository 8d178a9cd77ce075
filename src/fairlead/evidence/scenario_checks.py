"""What no single setting of a scenario can tell: shares that do not add up, names that lead nowhere, prices not known.

A name that a part of the file declares counts as declared also where that part is itself wrong, so nothing gets a
second complaint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

from fairlead.config.checks import listed_price, strange_price
from fairlead.config.document import Node, NodePath
from fairlead.config.finding import Finding
from fairlead.config.scenario import (
    AGAINST,
    KINDS,
    OF_A_MODEL,
    ModelGiven,
    PublishedGiven,
    ScenarioFile,
    StrategyGiven,
    TaskGiven,
    kinds_of,
)
from fairlead.config.spelling import nearest
from fairlead.registry.catalogue import Catalogue

ONLY_WITH = {"pays": "cascade", "kept": "cascade", "move": "observed"}
EVERYTHING = "all"
"""The one task of a scenario that names none."""


def baseline_name(kind: str) -> str:
    return kind.replace("_", "-")


def tasks_of(file: ScenarioFile) -> dict[str, TaskGiven]:
    return file.tasks or {EVERYTHING: TaskGiven(share=Fraction(1))}


def baselines_of(file: ScenarioFile) -> tuple[str, ...]:
    """The kinds that are added: a strategy of the file that has the name is taken instead; none without models."""
    return tuple(kind for kind in file.baselines if file.models and baseline_name(kind) not in file.strategies)


class Declared:
    """The names a file declares."""

    def __init__(self, root: Node) -> None:
        self.models = _keys(root, "models")
        self.tasks = _keys(root, "tasks") or (EVERYTHING,)
        self.strategies = _keys(root, "strategies")


def findings(file: ScenarioFile, declared: Declared, catalogue: Catalogue) -> Iterator[Finding]:
    if not declared.models and any(kinds_of(one) != ("observed",) for one in file.strategies.values()):
        yield Finding(("models",), "there are no models; name at least one")
    strategies = (*declared.strategies, *map(baseline_name, baselines_of(file)))
    if not strategies:
        yield Finding(("baselines",), "there is nothing to compare; name a strategy or a baseline")
    if file.tasks and set(file.tasks) == set(declared.tasks):
        yield from _adds_up(("tasks",), [task.share for task in file.tasks.values()])
    for name, one in file.models.items():
        for task in one.qualities:
            yield from _known(("models", name, "qualities", task), "task", task, declared.tasks)
    for name, strategy in file.strategies.items():
        yield from _strategy(("strategies", name), strategy, declared)
    for name in _priced(file):
        if name in file.models:
            yield from _price(name, file.models[name], file, catalogue)
    billed = [model for one in file.strategies.values() for model in one.observed or ()]
    for number, given in enumerate(file.published):
        yield from _published(("published", number), given, strategies, (*declared.models, *billed))


def _published(
    path: NodePath, given: PublishedGiven, strategies: Collection[str], models: Collection[str]
) -> Iterator[Finding]:
    yield from _known((*path, "of"), "strategy", given.of, strategies)
    for field, what, name, figures, known in (
        ("against", "strategy", given.against, AGAINST, strategies),
        ("model", "model", given.model, OF_A_MODEL, models),
    ):
        if name is None and given.figure in figures:
            yield Finding((*path, field), f"is missing: the figure {given.figure} needs a {what}")
        elif name is not None and given.figure not in figures:
            yield Finding((*path, field), f"the figure {given.figure} has none; those with one: {', '.join(figures)}")
        elif name is not None:
            yield from _known((*path, field), what, name, known)


def _strategy(path: NodePath, given: StrategyGiven, declared: Declared) -> Iterator[Finding]:
    kinds = kinds_of(given)
    if len(kinds) != 1:
        said = f"found {' and '.join(kinds)}" if kinds else "found none"
        yield Finding(path, f"a strategy is one of {', '.join(KINDS)}; {said}")
    for field, kind in ONLY_WITH.items():
        if getattr(given, field) and kind not in kinds:
            yield Finding((*path, field), f"only a strategy with `{kind}` has it")
    for place, model in _models(given):
        yield from _known((*path, *place), "model", model, declared.models)
    if given.tiered is not None:
        for task in given.tiered:
            yield from _known((*path, "tiered", task), "task", task, declared.tasks)
        missing = [task for task in declared.tasks if task not in given.tiered]
        if missing:
            yield Finding((*path, "tiered"), f"no model for {', '.join(map(repr, missing))}")
    for kind in ("mix", "cascade"):
        shares: Mapping[str, Fraction] | None = getattr(given, kind)
        if shares is not None:
            yield from _adds_up((*path, kind), shares.values())
    for model in given.kept:
        yield from _known((*path, "kept", model), "model", model, given.cascade or ())
    if given.observed is not None and not given.observed:
        yield Finding((*path, "observed"), "needs at least one entry")
    if given.move is not None and given.move.source in declared.models:
        yield from _known((*path, "move", "source"), "model of `observed`", given.move.source, given.observed or ())


def _models(given: StrategyGiven) -> Iterator[tuple[NodePath, str]]:
    """Every model a strategy names that has to be declared, with its place."""
    for kind in ("single", "all_frontier", "all_cheap"):
        if (name := getattr(given, kind)) is not None:
            yield (kind,), name
    for kind in ("mix", "cascade"):
        yield from (((kind, model), model) for model in getattr(given, kind) or ())
    yield from ((("tiered", task), model) for task, model in (given.tiered or {}).items())
    yield from ((("random", number), model) for number, model in enumerate(given.random or ()))
    if given.subscription is not None:
        yield ("subscription", "model"), given.subscription.model
        if given.subscription.beyond is not None:
            yield ("subscription", "beyond"), given.subscription.beyond
    if given.move is not None:
        yield ("move", "source"), given.move.source
        yield ("move", "to"), given.move.to


def _priced(file: ScenarioFile) -> set[str]:
    """The models somebody asks the price of."""
    places = [place for one in file.strategies.values() for place in _models(one)]
    named = {model for place, model in places if place != ("subscription", "model")}
    return set(file.models) if baselines_of(file) else named


def _price(name: str, given: ModelGiven, file: ScenarioFile, catalogue: Catalogue) -> Iterator[Finding]:
    path: NodePath = ("models", name)
    currency = given.currency or file.currency
    if given.input is None and given.per_request is None:
        entry = catalogue.find(name)
        currency = "USD"
        if entry is None or not any(offer.prices for offer in entry.offers.values()):
            near = nearest(name, catalogue.entries)
            yield Finding(path, f"give `input` and `output`, or `per_request`: the catalogue has no price of it{near}")
            return
    elif given.input is not None and given.output is None and _writes(file):
        yield Finding((*path, "output"), "is missing, and requests have output; tokens.output: 0 leaves it out")
    if currency not in (file.currency, *file.exchange):
        yield Finding(path, f"its price is in {currency}: say in `exchange` how many {currency} one {file.currency} is")


def doubts(file: ScenarioFile, catalogue: Catalogue) -> Iterator[Finding]:
    """Prices that are far from the catalogue's, as those per thousand tokens are."""
    for name, given in file.models.items():
        listed = listed_price(name, catalogue)
        rate = in_usd(given.currency or file.currency, file)
        for field, price, usual in zip(("input", "output"), (given.input, given.output), listed or (), strict=False):
            if price is not None and rate is not None and (hint := strange_price(round(price * rate, 9), usual)):
                yield Finding(("models", name, field), f"{price:f} looks wrong: {hint} USD per million tokens")


def in_usd(currency: str, file: ScenarioFile) -> Decimal | None:
    """What one unit of a currency is in USD, as far as the scenario says."""
    units = {file.currency: Fraction(1), **file.exchange}
    if "USD" not in units or currency not in units:
        return None
    rate = units["USD"] / units[currency]
    return Decimal(rate.numerator) / rate.denominator


def _writes(file: ScenarioFile) -> bool:
    given = (task.tokens.output for task in tasks_of(file).values())
    return any((file.tokens.output if output is None else output) != 0 for output in given)


def _adds_up(path: NodePath, shares: Iterable[Fraction]) -> Iterator[Finding]:
    whole = sum(shares, Fraction(0))
    if whole != 1:
        yield Finding(path, f"the shares add up to {float(whole):.9g}, not to 1")


def _known(path: NodePath, what: str, name: str, known: Collection[str]) -> Iterator[Finding]:
    if name not in known:
        yield Finding(path, f"there is no {what} {name!r}{nearest(name, known, offer=True)}")


def _keys(root: Node, section: str) -> tuple[str, ...]:
    entry = root.entries.get(section) if root.entries else None
    return tuple(entry.node.entries) if entry is not None and entry.node.entries else ()
