"""The one rule of granting: nobody grants more than they have. Tried with any two keys there could be."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.core.call import Caller
from fairlead.core.grants import ROLES, SCOPES, Keyholder, excess, reaches, within
from fairlead.core.policy import Limits

NAMES = st.none() | st.frozensets(st.sampled_from("abc"))
NUMBERS = st.none() | st.integers(1, 5)

callers = st.builds(
    Caller,
    name=st.just("one"),
    tenant=st.sampled_from(["red", "blue"]),
    role=st.sampled_from(ROLES),
    policy=st.sampled_from([None, "p", "q"]),
    models=NAMES,
    providers=NAMES,
    regions=NAMES,
    sensitive=st.booleans(),
    max_cost=NUMBERS,
    plan=st.sampled_from(["", "small"]),
    channels=NAMES,
    defaults=st.just(()),
    team=st.sampled_from(["", "x", "y"]),
    policies=NAMES,
    scope=st.sampled_from(SCOPES),
)
budgets = st.lists(st.tuples(st.sampled_from(["day", "month"]), st.integers(1, 5)), max_size=3).map(tuple)
holders = st.builds(
    Keyholder,
    callers,
    st.builds(Limits, NUMBERS, NUMBERS, NUMBERS),
    NUMBERS,
    st.just(""),
    st.just(""),
    st.none(),
    budgets,
)


def powers(one: Keyholder) -> set[tuple[str, object]]:
    """All that a key can do, item by item."""
    caller, limits = one.caller, one.limits
    found: set[tuple[str, object]] = {("role", role) for role in ROLES if reaches(caller.role, role)}
    found |= {
        ("reach", place)
        for place in ((tenant, team) for tenant in ("red", "blue") for team in ("", "x", "y"))
        if within(caller, *place)
    }
    for what in ("models", "providers", "regions", "channels", "policies"):
        allowed = getattr(caller, what)
        found |= {(what, name) for name in (*"abc", "another") if allowed is None or name in allowed}
    for what, most in (
        ("rpm", limits.rpm),
        ("tpm", limits.tpm),
        ("concurrency", limits.concurrency),
        ("expires", one.expires_ms),
        ("cost", caller.max_cost),
    ):
        found |= {(what, amount) for amount in (*range(1, 6), 1000) if most is None or amount <= most}
    for per in ("day", "month"):
        most = min((amount for span, amount in one.budgets if span == per), default=1000)
        found |= {(f"spend a {per}", amount) for amount in (*range(1, 6), 1000) if amount <= most}
    if not caller.sensitive:
        found.add(("commercial providers", True))
    return found


@settings(max_examples=400, deadline=None)
@given(holders, holders)
def test_a_grant_goes_beyond_the_grantor(own: Keyholder, other: Keyholder) -> None:  # FAULTS 52
    if not excess(own, other):
        assert powers(other) <= powers(own)
        assert other.caller.policy == own.caller.policy or own.caller.policy is None


@settings(max_examples=100, deadline=None)
@given(holders)
def test_somebody_may_not_hand_on_what_they_have(own: Keyholder) -> None:
    assert excess(own, own) == ""


@settings(max_examples=200, deadline=None)
@given(holders, holders, holders)
def test_a_grant_of_a_grant_goes_beyond_the_first(first: Keyholder, second: Keyholder, third: Keyholder) -> None:
    if not excess(first, second) and not excess(second, third):
        assert powers(third) <= powers(first)


def test_a_bound_of_a_key_is_forgotten_when_grants_are_compared() -> None:
    """Every field of a caller is either compared, or known to give no power."""
    silent = {"name", "key", "defaults", "scope", "role", "tenant", "team"}
    wide = Keyholder(Caller("w", role="admin"), Limits())
    for field, value in (
        ("policy", "p"), ("models", frozenset("a")), ("providers", frozenset("a")), ("regions", frozenset("a")),
        ("sensitive", True), ("max_cost", 1), ("plan", "small"), ("channels", frozenset("a")),
        ("policies", frozenset("a")),
    ):  # fmt: skip
        narrow = msgspec.structs.replace(wide, caller=msgspec.structs.replace(wide.caller, **{field: value}))
        assert excess(narrow, wide), field
        silent.add(field)
    assert silent == set(Caller.__struct_fields__)
