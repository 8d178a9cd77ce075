"""Terms of the operator's own, thousands of them, found as `Phrases` are; a digit belongs to the word it stands at."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.classify.phrases import Phrases
from fairlead.classify.sensitivity.page import Page

LONGEST = 200


class Terms:
    def __init__(self, terms: Iterable[str]) -> None:
        listed = [" ".join(term.split()) for term in terms]
        for term in listed:
            if not term or len(term) > LONGEST:
                raise ValueError(f"a term has 1 to {LONGEST} characters, found {len(term)}")
        self._phrases = Phrases(listed, numbered=True)

    def find(self, page: Page, found: dict[str, float]) -> None:
        """Adds `term:<term>` for every term of the page."""
        for term in self._phrases.find(page.text, page.raw):
            found.setdefault(f"term:{term}", 1.0)
