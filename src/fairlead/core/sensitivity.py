"""What can make a request sensitive by its words: the names of the kinds, and what may follow when one is found."""

from __future__ import annotations

from typing import Literal, get_args

SensitiveKind = Literal["email", "phone", "card", "iban", "id_cn", "ssn", "passport", "secret"]
KINDS: tuple[SensitiveKind, ...] = get_args(SensitiveKind)

USUAL: tuple[SensitiveKind, ...] = ("secret", "card", "iban", "id_cn", "ssn")
"""Looked for where something is self-hosted and nothing else is said: what has no business in an ordinary prompt."""

Action = Literal["self_hosted", "refuse", "mark"]
ACTIONS: tuple[Action, ...] = get_args(Action)

SIGNAL = "sensitivity"
"""The kind of signal; its name is what was found, `term:<term>` for a term of the operator's own."""
BINDS = True
MARKS = "mark"
"""Values of the signal: it makes the request sensitive, or it is only on record."""
