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
  | (?P<address>(?:https?://|www\.)[^\s,]+|(?<![A-Za-z0-9_.+-])[A-Za-z0-9_.+-]+@[\w-]+\.[\w.]+|(?<!\w)(?:~|\.{0,2})/[\w./-]+)
  | (?P<quote>"[^"]+"|“[^”]+”|‘[^’]+’|「[^」]+」|『[^』]+』|《[^》]+》|(?<!\w)'[^'\n]+'(?!\w))
  | (?P<payload>:(?!\d)\s*\S.*|\n\s*\S.*)
  | (?P<date>\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)|\d{1,2}:\d{2}(?::\d{2})?)
  | (?P<product>[A-Za-z]+(?:\+\+|\#)(?!\w))
  | (?P<ordinal>\d+(?:st|nd|rd|th)\b)
  | (?P<number>(?:(?<![\w)\].])[-−+])?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\d))
  | (?P<mixed>[A-Za-zÀ-ɏ]+(?:['’][A-Za-zÀ-ɏ]+)*(?:\d+[A-Za-z]*)*)
  | (?P<other>[^\W\d_]+)
  | (?P<telling>(?<=\d)['"’”]|(?<=[不没别未非]),)
  | (?P<silent>[\s,;、…'"“”‘’]+|(?<!\d)(?<!\b[A-Za-z])!+(?![\dA-Za-z_(=!])|\.+(?![\w])|(?<=[A-Za-z]{2})-(?=[A-Za-z]))
  | (?P<asking>\?[?!\s]*)
  | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁱⁿ]+")
LOWERED = re.compile(r"(?<=[₀-₉])(?=\d)|(?<=\d)(?=[¼-¾⅐-⅞])")
"""Between signs that would be one figure on one line: log₂8, 5¼."""
PLAIN_SIGNS = str.maketrans({"。": ".", "’": "'", "—": "-", "–": "-"})


def plainly(text: str, as_written: bool = False) -> str:
    """Wide signs as narrow ones, traditional characters as simplified ones unless they are to stay; what is raised stays so:
    10⁵ is 10^5."""
    if not text.isascii():
        text = LOWERED.sub(" ", RAISED.sub(r"^\g<0>", text))
        text = unicodedata.normalize("NFKC", text).translate(PLAIN_SIGNS)
        text = text if as_written else text.translate(SIMPLIFIED)
    return text.strip()


def tokens(text: str) -> list[Token]:
    """`text` as `plainly` gives it."""
    found = []
    for match in TOKEN.finditer(text):
        kind = match.lastgroup or ""
        found.append(("sign", "?") if kind == "asking" else ("sign" if kind == "telling" else kind, match[kind]))
    return found
