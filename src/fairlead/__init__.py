"""fairlead: a router and gateway for language models.

`Gateway` and `SyncGateway` are the library's door; they load when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairlead.version import __version__

if TYPE_CHECKING:
    from fairlead.core.decide import decide
    from fairlead.library import Answer, Gateway, SyncGateway

__all__ = ["Answer", "Gateway", "SyncGateway", "__version__", "decide"]


def __getattr__(name: str) -> object:
    if name in ("Answer", "Gateway", "SyncGateway"):
        from fairlead import library

        return getattr(library, name)
    if name == "decide":
        from fairlead.core.decide import decide

        return decide
    raise AttributeError(f"module 'fairlead' has no attribute {name!r}")
