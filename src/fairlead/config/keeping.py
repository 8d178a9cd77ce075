"""The text of a configuration as it may be kept: without the secrets that stand in it.

Where all secrets are variables the text stays whole, and can be used again.
"""

from __future__ import annotations

import re

from fairlead.config.document import Unreadable, compose
from fairlead.config.masking import MASK, masked

PASSWORD = re.compile(r"(?<=://)[^/@\s\"'${}]*:[^/@\s\"'${}]+(?=@)")
"""Of whoever is named in an address."""
PLAIN = "masked"
"""What a mask is read as: in YAML an asterisk begins an alias."""


def without_secrets(text: str) -> str:
    """Empty where a secret is written in a way that cannot be told apart from the rest."""
    told = text
    for secret in sorted(written_out(text), key=len, reverse=True):
        told = told.replace(secret, MASK)
    told = masked(PASSWORD.sub(MASK, told))
    return told if written_out(told.replace(MASK, PLAIN)) <= {PLAIN} else ""


def written_out(text: str) -> set[str]:
    """The secrets of a text that stand in it themselves, be it as a variable's default."""
    try:
        root, _ = compose(text, {})
    except Unreadable:
        return {text}
    return {secret for secret in root.secrets() if secret}
