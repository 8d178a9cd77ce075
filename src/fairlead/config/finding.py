"""Finding: one thing a check has to say of a configuration, and where."""

from __future__ import annotations

import msgspec

from fairlead.config.document import NodePath


class Finding(msgspec.Struct, frozen=True):
    path: NodePath
    message: str
    wrong: bool = True
    """False for what is allowed but looks like a mistake."""
