"""A text in pieces: words, figures, code, quotations, signs, each with its kind. Case is kept."""

from __future__ import annotations

import re
import unicodedata

from fairlead.classify.traditional import PAIRS

Token = tuple[str, str]
"""Kind and text."""

SIMPLIFIED = str.maketrans({PAIRS[at]: PAIRS[at + 1] for at in range(0, len(PAIRS), 2)})
QUOTED = "quote"
TOKEN = re.compile(
    r"""
    (?P<word>[A-Za-z]+(?:'[A-Za-z]+)*(?![\w+#'@./]))\s*
  | (?P<han>[㐀-鿿〇]+)
  | (?P<code>```.*?```|`[^`]+`)
  | (?P<address>(?:https?://|www\.)[^\s,]+|[\w.+-]+@[\w-]+\.[\w.]+|(?<!\w)(?:~|\.{0,2})/[\w./-]+)
  | (?P<quote>"[^"]+"|“[^”]+”|‘[^’]+’|「[^」]+」|『[^』]+』|《[^》]+》|(?<!\w)'[^'\n]+'(?!\w))
  | (?P<payload>:(?!\d)\s*\S.*|\n\s*\S.*)
  | (?P<date>\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)|\d{1,2}:\d{2}(?::\d{2})?)
  | (?P<product>[A-Za-z]+(?:\+\+|\#)(?!\w))
  | (?P<ordinal>\d+(?:st|nd|rd|th)\b)
  | (?P<number>(?:(?<![\w)\].])[-−+])?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\d))
  | (?P<mixed>[A-Za-zÀ-ɏ]+(?:['’][A-Za-zÀ-ɏ]+)*(?:\d+[A-Za-z]*)*)
  | (?P<other>[^\W\d_]+)
  | (?P<silent>[\s,;、…'"“”‘’]+|(?<!\d)(?<!\b[A-Za-z])!+|\.+(?![\w])|(?<=[A-Za-z]{2})-(?=[A-Za-z]))
  | (?P<asking>\?[?!\s]*)
  | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
RAISED = str.maketrans({"²": "^2", "³": "^3", "¹": "^1"})
PLAIN_SIGNS = str.maketrans({"。": ".", "’": "'", "—": "-", "–": "-"})


def plainly(text: str) -> str:
    """Wide signs as narrow ones, traditional characters as simplified ones."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(RAISED)).translate(SIMPLIFIED).translate(PLAIN_SIGNS)
    return text.strip()


def tokens(text: str) -> list[Token]:
    """`text` as `plainly` gives it."""
    found = []
    for match in TOKEN.finditer(text):
        kind = match.lastgroup or ""
        found.append(("sign", "?") if kind == "asking" else (kind, match[kind]))
    return found
