"""Structs that are set as other classes are."""

from __future__ import annotations

import gc

import msgspec

from fairlead.core.settable import settable


class Owner:
    pass


@settable
class Held(msgspec.Struct, eq=False):
    owner: Owner
    child: object = None


def test_what_is_set_is_not_found_again() -> None:
    held = Held(Owner())
    held.child = 3
    assert held.child == 3
    del held.child
    assert not hasattr(held, "child")


def test_a_circle_of_them_is_never_let_go() -> None:
    """The collector has known of them from the beginning, for they held an object then."""
    held = Held(Owner())
    assert gc.is_tracked(held)
    held.child = held
    del held
    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) is Held]
