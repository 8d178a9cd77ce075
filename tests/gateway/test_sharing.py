"""What side calls may take is everybody's: no tenant uses up what another needs, and none of it is lost."""

from __future__ import annotations

from fairlead.gateway.sharing import Places, Purse


def spend(purse: Purse, tenant: str, tenants: int, each: int = 1) -> int:
    """All that it is given."""
    spent = 0
    while purse.affords(each, tenant, tenants):
        purse.hold(each, tenant)
        purse.settle(each, each, tenant)
        spent += each
    return spent


def test_a_tenant_uses_up_the_days_budget_of_others() -> None:  # M4.3 M6.2
    purse = Purse(100)
    assert spend(purse, "greedy", 5) == 60  # its own tenth, and the half that is everybody's
    assert [spend(purse, tenant, 5) for tenant in ("b", "c", "d", "e")] == [10, 10, 10, 10]
    assert not purse.affords(1, "greedy", 5)


def test_several_greedy_tenants_leave_a_modest_one_nothing() -> None:  # M4.3
    purse = Purse(100)
    greedy = [spend(purse, tenant, 4) for tenant in ("a", "b", "c")]
    assert sum(greedy) == 88
    assert spend(purse, "modest", 4) == 12


def test_who_is_alone_is_given_a_part_only() -> None:  # M4.3
    assert spend(Purse(100), "only", 1) == 100
    assert spend(Purse(0), "only", 1) == 0
    assert Purse(None).affords(10**15, "a", 3)


def test_what_is_held_does_not_count() -> None:  # M4.3
    purse = Purse(100)
    purse.hold(60, "a")
    assert not purse.affords(1, "a", 5)
    purse.settle(60, 0, "a")
    assert purse.affords(60, "a", 5)


def test_keys_of_another_tenant_that_come_later_let_more_be_spent_than_the_budget() -> None:  # M6.2
    purse = Purse(100)
    spent = spend(purse, "a", 1) + spend(purse, "b", 2) + spend(purse, "c", 40)
    assert spent == 100


def test_what_was_spent_before_a_restart_counts_as_somebody_elses() -> None:  # M6.2
    purse = Purse(100)
    purse.take_up({"a": 75})
    assert (spend(purse, "a", 2), spend(purse, "b", 2)) == (0, 25)


def test_a_tenant_takes_all_places() -> None:  # M4.3
    places = Places(8)
    taken = [places.take("greedy", 3) for _ in range(8)]
    assert taken.count(True) == 4
    assert [places.take("b", 3) for _ in range(4)].count(True) == 2
    assert places.take("c", 3)
    places.leave("greedy")
    assert places.take("c", 3)


def test_a_single_place_is_nobodys_or_two_tenants_at_once() -> None:  # M4.3
    places = Places(1)
    assert places.take("a", 2)
    assert not places.take("b", 2)
    places.leave("a")
    assert places.take("b", 2)


def test_who_is_alone_is_given_half_of_the_places() -> None:  # M4.3
    places = Places(8)
    assert [places.take("only", 1) for _ in range(9)] == [True] * 8 + [False]
