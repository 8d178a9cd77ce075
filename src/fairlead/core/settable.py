"""Structs whose fields are set again and again.

msgspec looks at whatever a field is set to: a struct that held nothing of the garbage collector's is shown to it as soon as
it does. That takes ten times as long as the setting. A struct that holds such a thing from its beginning, as whoever belongs
to a runtime does, has been shown and needs none of it; nor does one that is set to nothing but figures.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

Kind = TypeVar("Kind", bound=type[msgspec.Struct])


def settable(kind: Kind) -> Kind:
    """Its fields are set as those of any other class. Only for such structs as are told above."""
    kind.__setattr__ = object.__setattr__  # type: ignore[method-assign]
    kind.__delattr__ = object.__delattr__  # type: ignore[method-assign]
    return kind
