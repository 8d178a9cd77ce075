"""Limits that nobody fulfils, as far as the file alone tells: what would else be a refusal of every request.

Where a model runs stands in the file, so a policy for a region without a channel is wrong. Of a key or tenant it is only
pointed out: it may wait for its channel, and all the others need not. So is a quality that nobody reaches: how good a model
is may yet be learned from judgements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from typing import TYPE_CHECKING

from fairlead.config import offers
from fairlead.config.climbing import quality
from fairlead.config.document import NodePath
from fairlead.config.finding import Finding
from fairlead.config.schema import Config, Policy
from fairlead.config.spelling import similar

if TYPE_CHECKING:
    from fairlead.config.offers import Catalogue


def findings(config: Config, known: Mapping[str, str], catalogue: Catalogue) -> Iterator[Finding]:
    where = {name: _regions(name, config, catalogue) for name in config.models}
    bound: list[tuple[NodePath, Collection[str] | None, Collection[str]]] = [
        (("policies", name), policy.regions, _candidates(policy, config, known))
        for name, policy in config.policies.items()
    ]
    bound += [(("keys", at), key.regions, _listed(key.models, config, known)) for at, key in enumerate(config.keys)]
    bound += [
        (("tenants", name), one.regions, _listed(one.models, config, known)) for name, one in config.tenants.items()
    ]
    for path, regions, models in bound:
        if regions is not None:
            there = {one for name in models for one in where[name]}
            yield from _nowhere((*path, "regions"), regions, there, wrong=path[0] == "policies")
    for name, policy in config.policies.items():
        if policy.min_quality:
            models = _candidates(policy, config, known)
            yield from _too_good(("policies", name, "min_quality"), policy.min_quality, models, config, catalogue)


def _candidates(policy: Policy, config: Config, known: Mapping[str, str]) -> Collection[str]:
    return _listed(None if policy.models is None else (*policy.models, *policy.fallbacks), config, known)


def _listed(names: Collection[str] | None, config: Config, known: Mapping[str, str]) -> Collection[str]:
    listed = {known.get(name.lower()) for name in names or ()}
    return [name for name in config.models if names is None or name in listed]


def _regions(name: str, config: Config, catalogue: Catalogue) -> set[str]:
    """Where the channels of a model are, as the snapshot will have it; empty for one that is not told."""
    entry, found = catalogue.find(name), set()
    for channel in config.models[name].channels:
        provider = config.providers.get(channel.provider)
        if provider is not None:
            offer = None if entry is None else offers.located(entry, provider)
            found.add(channel.region or provider.region or ("" if offer is None else offer.region))
    return found


def _nowhere(path: NodePath, regions: Collection[str], there: Set[str], wrong: bool) -> Iterator[Finding]:
    if not there or not there.isdisjoint(regions):
        return
    known = sorted(there - {""})
    hint = similar(next(iter(regions)), known) if len(regions) == 1 else ""
    told = f"the channels that may answer are in {', '.join(known)}" if known else "no channel declares its `region`"
    yield Finding(path, f"no model answers from {' or '.join(regions) or 'nowhere'}; {told}{hint}", wrong)


def _too_good(
    path: NodePath, least: float, models: Collection[str], config: Config, catalogue: Catalogue
) -> Iterator[Finding]:
    known: list[tuple[float, str]] = []
    for name in models:
        overall = quality(name, config, catalogue)
        by_task = config.models[name].qualities.values()
        if overall is None and not by_task:
            return
        known.append((max([*by_task, *([] if overall is None else [overall])]), name))
    if not known or max(known)[0] >= least:
        return
    best, name = max(known)
    message = f"no model is so good, for all that is declared: the nearest is {name} with {best:g}"
    yield Finding(path, message, wrong=False)
