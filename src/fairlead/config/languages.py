"""Languages as `match` writes them: by code. What is told apart stands with the classifier; here is what people write
instead."""

from __future__ import annotations

import re

from fairlead.classify.heads import LATIN_LANGUAGES
from fairlead.classify.language import SCRIPTS, TELLING

TOLD = frozenset(
    (*LATIN_LANGUAGES, "zh", "ja", *(code for _, code in SCRIPTS), *(code for row in TELLING.values() for code, _ in row))
)  # fmt: skip
"""Those a request is found to be in."""
CODE = re.compile(r"[a-z]{2,3}")
NAMES = {
    "arabic": "ar", "bengali": "bn", "bulgarian": "bg", "chinese": "zh", "czech": "cs", "deutsch": "de", "dutch": "nl",
    "english": "en", "español": "es", "farsi": "fa", "français": "fr", "french": "fr", "german": "de", "greek": "el",
    "hebrew": "he", "hindi": "hi", "indonesian": "id", "italian": "it", "italiano": "it", "japanese": "ja",
    "korean": "ko", "mandarin": "zh", "persian": "fa", "polish": "pl", "portuguese": "pt", "romanian": "ro",
    "russian": "ru", "spanish": "es", "swedish": "sv", "thai": "th", "turkish": "tr", "ukrainian": "uk", "urdu": "ur",
    "vietnamese": "vi", "cn": "zh", "jp": "ja", "kr": "ko", "gr": "el", "cz": "cs", "ua": "uk", "iw": "he",
}  # fmt: skip
"""What is written for a code: names, and the codes of countries that are no language's."""
