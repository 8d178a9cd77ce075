"""What no single setting can tell: names that lead nowhere, names given twice, figures that look like mistakes.

What policies, routes and the rest of choosing say that cannot be meant stands in `policies` and `contradictions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from fairlead.classify.tasks import COMPLEXITIES, TASKS
from fairlead.config import (
    allotments,
    bench,
    cache,
    climbing,
    contradictions,
    experiments,
    gates,
    infeasible,
    making,
    references,
    sensitivity,
    tenants,
)
from fairlead.config.choosing import STRATEGY_NAMES
from fairlead.config.document import Entry, Node, NodePath
from fairlead.config.environment import SHIPPED
from fairlead.config.finding import Finding, named_twice
from fairlead.config.masking import masked
from fairlead.config.offers import Catalogue, priced
from fairlead.config.policies import policy_findings
from fairlead.config.schema import Config, Key, Model, Price
from fairlead.config.spelling import nearest, similar
from fairlead.config.values import is_loopback
from fairlead.core import budgets
from fairlead.core.gates.names import BUILT_IN
from fairlead.core.quality import USUAL

SUSPICIOUS = 300
"""A price this many times the catalogue's, or this small a part of it, is probably per another unit."""
NANO = Decimal(10) ** 9
DEAREST = Decimal(2_000)
CHEAPEST = Decimal("0.0001")
SURE = 0.85
"""How near to the catalogue's a name of one's own must be to be taken for a slip."""


CODING = ("default", "background", "long_context", "web_search", "image", "thinking")


class Declared:
    """The names a file declares, also of things that are themselves wrong: those get no second complaint."""

    def __init__(self, root: Node) -> None:
        self.providers = _keys(root, "providers")
        self.addressed = {name for name in self.providers if _says(root.entries, "providers", name, "base_url")}
        self.models = _keys(root, "models")
        self.policies = _keys(root, "policies")
        self.tasks = _keys(root, "tasks")
        self.agents = (*_keys(root, "agents"), *_keys(root, "groups"))
        self.plans = _keys(root, "plans")
        self.gates = _keys(root, "gates")
        self.said = {
            (section, name): tuple(found.node.entries or ())
            for section in ("policies", "gates")
            if root.entries and (entry := root.entries.get(section)) is not None
            for name, found in (entry.node.entries or {}).items()
        }
        """Of each policy and gate the settings that it has, right or wrong."""

    def of(self, what: str) -> tuple[str, ...] | None:
        """What a reference to such a thing may name; None where anything may."""
        return {
            "policy": (*self.policies, *STRATEGY_NAMES),
            "policy or cheapest": (budgets.CHEAPEST, *self.policies, *STRATEGY_NAMES),
            "provider": self.providers,
            "task": (*TASKS, *self.tasks),
            "complexity or task": (*COMPLEXITIES, *TASKS, *self.tasks),
            "agent": self.agents,
            "plan": self.plans,
            "gate": (USUAL, *BUILT_IN, *self.gates),
        }.get(what)


def _keys(root: Node, name: str) -> tuple[str, ...]:
    entry = root.entries.get(name) if root.entries else None
    return tuple(entry.node.entries) if entry is not None and entry.node.entries else ()


def _says(entries: dict[str, Entry] | None, *path: str) -> bool:
    """Whether something other than null stands there, right or wrong."""
    entry = entries.get(path[0]) if entries else None
    if entry is None:
        return False
    return _says(entry.node.entries, *path[1:]) if len(path) > 1 else entry.node.data() is not None


def alias_table(config: Config, catalogue: Catalogue) -> dict[str, str]:
    """Lower-case name or alias -> model. The file's own names win over the catalogue's aliases."""
    table = {name.lower(): name for name in config.models}
    for name, model in config.models.items():
        for alias in model.aliases:
            table.setdefault(alias.lower(), name)
    for name in config.models:
        entry = catalogue.find(name)
        for alias in (entry.name, *entry.aliases) if entry is not None else ():
            table.setdefault(alias.lower(), name)
    return table


def canonical(config: Config, catalogue: Catalogue) -> Config:
    """The same configuration with models called by their names wherever an alias stood."""
    table = alias_table(config, catalogue)

    def rename(what: str, name: str) -> str:
        return table.get(name.lower(), name) if what == "model" else name

    canonical = references.renamed(config, rename)
    assert isinstance(canonical, Config)
    if not config.budgets:
        return canonical
    # Whether `who` is a model hangs on the scope, which a type cannot say.
    budgets = tuple(one.model_copy(update={"who": rename(one.scope, one.who)}) for one in canonical.budgets)
    return canonical.model_copy(update={"budgets": budgets})


def run(config: Config, declared: Declared, catalogue: Catalogue) -> list[Finding]:
    known = alias_table(config, catalogue)
    known.update({name.lower(): name for name in declared.models})
    return [
        *_names(config),
        *_providers(config, declared),
        *_channels(config, declared),
        *_references(config, declared, known),
        *_keys_twice(config),
        *_unpriced(config, catalogue),
        *_strange_prices(config, catalogue),
        *_open_door(config),
        *contradictions.findings(config, known),
        *sensitivity.findings(config),
        *tenants.findings(config),
        *allotments.findings(config, known),
        *gates.findings(config.gates, declared.said),
        *climbing.findings(config, catalogue),
        *infeasible.findings(config, known, catalogue),
        *making.findings(config, known, catalogue),
        *cache.findings(config.cache),
        *experiments.findings(config.experiments, known),
        *bench.findings(config.bench),
    ]


def _names(config: Config) -> Iterator[Finding]:
    for section, names in (("providers", config.providers), ("models", config.models), ("policies", config.policies)):
        for name in names:
            if masked(name) != name:
                message = "this name looks like a key, and names stand in answers and reports; write keys as values"
                yield Finding((section, name), message, wrong=False)
    for index, key in enumerate(config.keys):
        if masked(key.name) != key.name:
            message = "looks like the key itself, and names stand in reports; call it what it is for"
            yield Finding(("keys", index, "name"), message, wrong=False)
    owner: dict[str, str] = {}
    for name in config.models:
        if name.lower() in owner:
            yield Finding(("models", name), f"differs from {owner[name.lower()]!r} only in case")
        owner.setdefault(name.lower(), name)
    for name, model in config.models.items():
        for index, alias in enumerate(model.aliases):
            other = owner.setdefault(alias.lower(), name)
            if other != name:
                yield Finding(("models", name, "aliases", index), f"{alias!r} already stands for {other!r}")


def _providers(config: Config, declared: Declared) -> Iterator[Finding]:
    for name, provider in config.providers.items():
        if provider.lacks_address and name not in declared.addressed:
            message = f"kind {provider.kind} needs a base_url, such as http://127.0.0.1:8000/v1"
            yield Finding(("providers", name), message)
        if provider.models and provider.kind != "simulated":
            yield Finding(("providers", name, "models"), "only for kind simulated; models stand under `models`")
        if provider.kind == "simulated" and provider.base_url is not None:
            yield Finding(("providers", name, "base_url"), "kind simulated runs inside; use kind openai for an address")
        if provider.api_key is not None and provider.api_keys:
            yield Finding(("providers", name, "api_keys"), "api_key and api_keys exclude each other: name one of them")
        if len(set(provider.api_keys)) < len(provider.api_keys):
            yield Finding(("providers", name, "api_keys"), "the same key stands here twice", wrong=False)
        if not provider.verify:
            yield Finding(("providers", name, "verify"), "its certificate is not checked", wrong=False)


def _channels(config: Config, declared: Declared) -> Iterator[Finding]:
    for name, model in config.models.items():
        taken: set[str] = set()
        for index, channel in enumerate(model.channels):
            path: NodePath = ("models", name, "channels", index)
            if channel.provider not in declared.providers:
                hint = nearest(channel.provider, declared.providers, offer=True)
                yield Finding(
                    (*path, "provider"), f"unknown provider {channel.provider!r}{hint or '; none is declared'}"
                )
            own = channel.name or channel.provider
            if own in taken:
                yield Finding(path, f"a second channel named {own!r}; give each channel of a model its own `name`")
            taken.add(own)
            provider = config.providers.get(channel.provider)
            simulated = () if provider is None or provider.kind != "simulated" else tuple(provider.models) or SHIPPED
            if simulated and (upstream := channel.model or name) not in simulated:
                hint = nearest(upstream, simulated, offer=True)
                message = f"provider {channel.provider!r} simulates no model {upstream!r}{hint}"
                yield Finding((*path, "model") if channel.model else path, message)


def _references(config: Config, declared: Declared, known: Mapping[str, str]) -> Iterator[Finding]:
    for path, what, name in references.found(config):
        if what == "model":
            if name.lower() not in known:
                hint = nearest(name, known.values()) or "; declare it under models"
                yield Finding(path, f"unknown model {name!r}{hint}")
        elif (options := declared.of(what)) is not None and name not in options:
            hint = nearest(name, options, offer=True) or "; none is declared"
            yield Finding(path, f"unknown {what} {name!r}{hint}")
    for field in CODING if config.coding is not None else ():
        asked = getattr(config.coding, field)
        if asked is not None and asked != "auto" and not asked.startswith("auto:"):
            name = asked.partition("@")[0]
            if name.lower() not in known:
                hint = nearest(name, known.values()) or "; declare it under models"
                yield Finding(("coding", field), f"unknown model {name!r}{hint}")
    for name, policy in config.policies.items():
        yield from policy_findings(("policies", name), policy, declared.said.get(("policies", name), ()))
    if "default" in config.policies and config.policy.default != "default":
        yield Finding(
            ("policies", "default"), "a policy of this name must be the default: write `policy: {default: default}`"
        )


def _keys_twice(config: Config) -> Iterator[Finding]:
    yield from named_twice(("keys",), [key.name for key in config.keys])
    seen: dict[str, Key] = {}
    for index, key in enumerate(config.keys):
        other = seen.setdefault(key.key.reveal(), key)
        if other is not key:
            yield Finding(("keys", index, "key"), f"the same key as that of {other.name!r}")


def _unpriced(config: Config, catalogue: Catalogue) -> Iterator[Finding]:
    for name, model in config.models.items():
        entry = catalogue.find(name)
        for index, channel in enumerate(model.channels):
            provider = config.providers.get(channel.provider)
            if provider is None or channel.price is not None or model.price is not None:
                continue
            if entry is None or priced(entry, provider) is None:
                why = "self-hosted" if provider.is_self_hosted else "not in the catalogue"
                near = similar(name, catalogue.entries, SURE) if entry is None and not provider.is_self_hosted else ""
                message = f"unpriced ({why}{near}): add `price: {{input: ..., output: ...}}`, zeros if it is free"
                yield Finding(("models", name, "channels", index), message, wrong=False)


def _strange_prices(config: Config, catalogue: Catalogue) -> Iterator[Finding]:
    for name, model in config.models.items():
        listed = listed_price(name, catalogue)
        for path, price in _prices(name, model):
            worth = _worth(price.currency, config, catalogue)
            for field, amount, usual in (
                ("input", price.input, listed[0] if listed else None),
                ("output", price.output, listed[1] if listed else None),
            ):
                hint = strange_price(amount * worth, usual)
                if hint:
                    message = f"{amount:f} looks wrong: {hint}; prices are {price.currency} per million tokens"
                    yield Finding((*path, field), message, wrong=False)


def _worth(currency: str, config: Config, catalogue: Catalogue) -> Decimal:
    """Roughly, in USD: what is looked for is a slip by orders of magnitude."""
    stated, known = config.exchange.rates.get(currency), catalogue.exchange.get(currency)
    if stated or known is None:
        return stated or Decimal(1)
    return known[-1].usd / NANO


def _prices(name: str, model: Model) -> Iterator[tuple[NodePath, Price]]:
    if model.price is not None:
        yield ("models", name, "price"), model.price
    for index, channel in enumerate(model.channels):
        if channel.price is not None:
            yield ("models", name, "channels", index, "price"), channel.price


def listed_price(name: str, catalogue: Catalogue) -> tuple[Decimal, Decimal] | None:
    entry = catalogue.find(name)
    rows = [offer.prices[-1] for offer in entry.offers.values() if offer.prices] if entry is not None else []
    return (rows[0].rates.input / NANO, rows[0].rates.output / NANO) if rows else None


def strange_price(amount: Decimal, usual: Decimal | None) -> str:
    if not amount:
        return ""
    if usual:
        if amount >= usual * SUSPICIOUS or amount * SUSPICIOUS <= usual:
            return f"the catalogue says {usual.normalize():f}"
    elif amount >= DEAREST:
        return "no model is that dear"
    elif amount <= CHEAPEST:
        return "no paid model is that cheap"
    return ""


def _open_door(config: Config) -> Iterator[Finding]:
    if not config.keys and not is_loopback(config.server.host):
        yield Finding(
            ("server", "host"),
            "others can reach this address and no keys are declared: the server will not start so",
            wrong=False,
        )
    if not config.models:
        yield Finding(("models",), "no model is declared, so nothing can be answered", wrong=False)
