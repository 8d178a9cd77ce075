"""Every pattern of the package searches in time that grows with the text and not with its square or worse. # FAULTS 60

A repeat without bound inside another is what makes a search take years, so there is none but those below, in each of
which what ends one turn of the inner repeat cannot begin the next, and which was tried on texts of every letter.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import msgspec

import fairlead

REPEATS = (kinds.MAX_REPEAT, kinds.MIN_REPEAT)
LOOKED_AT = {
    "fairlead.cache.verifier.tokens.TOKEN",
    "fairlead.config.masking.ISSUED",
    "fairlead.core.gates.claims._MARKS",
    "fairlead.core.gates.claims._NAME",
    "fairlead.core.gates.contradiction._SENTENCE",
    "fairlead.core.gates.length._WORD",
    "fairlead.providers.limits._DURATION",
}


def patterns(of: object, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    if isinstance(of, re.Pattern):
        yield of
    elif depth < 4 and isinstance(of, list | tuple | set | frozenset) and len(of) < 5_000:
        for one in of:
            yield from patterns(one, depth + 1)
    elif depth < 4 and isinstance(of, dict) and len(of) < 5_000:
        yield from patterns(list(of.values()), depth)
    elif depth < 4 and isinstance(of, msgspec.Struct):
        yield from patterns([getattr(of, name, None) for name in of.__struct_fields__], depth)


def all_patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    for module in pkgutil.walk_packages(fairlead.__path__, "fairlead."):
        if not module.name.endswith("__main__"):
            for name, value in vars(importlib.import_module(module.name)).items():
                for pattern in patterns(value):
                    yield f"{module.name}.{name}", pattern


def nested(tree: Any, inside: bool = False) -> bool:
    """Whether a repeat without bound stands in another."""
    for kind, told in tree:
        if kind in REPEATS:
            endless = told[1] == kinds.MAXREPEAT
            if (endless and inside) or nested(told[2], inside or endless):
                return True
        else:
            parts = [told[3]] if kind is kinds.SUBPATTERN else told[1] if kind is kinds.BRANCH else []
            if any(nested(part, inside) for part in parts):
                return True
    return False


def test_a_pattern_takes_years_for_some_text() -> None:
    found: dict[tuple[Any, int], str] = {}
    for name, pattern in all_patterns():
        found.setdefault((pattern.pattern, pattern.flags), name)
    assert len(found) > 100
    odd = {name for (text, flags), name in found.items() if nested(parser.parse(text, flags))}
    assert odd - LOOKED_AT == set()


def test_nested_repeats_are_not_seen() -> None:
    for text in ("(a+)+$", "(?:a|b*)*c", "((x{2,}y?)+)+", "(a*b?){3,}"):
        assert nested(parser.parse(text)), text
    for text in ("a+b+", "(ab)+", "(?:a{1,9})+", "(a+){3}"):
        assert not nested(parser.parse(text)), text
