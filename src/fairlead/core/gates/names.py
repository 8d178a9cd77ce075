"""The gates that there are without being declared, by name: which of them suit every answer, and what each looks at.

They stand here without their code, so that a configuration can be checked without loading any.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fairlead.core.quality import USUAL

BUILT_IN: Final = {
    "empty": "an answer without a word and without a call",
    "truncated": "an answer that breaks off",
    "refusal": "an answer that declines, in a dozen languages",
    "format": "JSON where it was asked for, and the schema where one was given",
    "tools": "calls of tools that are not declared, or with arguments that do not fit",
    "repetition": "an answer that goes round in a loop",
    "length": "an answer shorter or longer than was asked for",
    "language": "an answer in another language than was asked for",
    "code": "blocks of Python, JSON, SQL or JavaScript that cannot be parsed",
    "grounded": "names, numbers and quotes that stand nowhere in what was supplied, and contradictions",
    "logprobs": "how sure the model was of its own tokens, where the provider tells it",
}
SUITS_ALL: Final = ("empty", "truncated", "refusal", "format", "tools", "repetition", "length", "language", "code")
"""What `usual` stands for."""


def spelt_out(names: Iterable[str]) -> tuple[str, ...]:
    """With `usual` as what it stands for, each once, in order."""
    return tuple(dict.fromkeys(one for name in names for one in (SUITS_ALL if name == USUAL else (name,))))
