"""Text within text: written in escapes, entities or percents, or as base64 of a type that is text.

Each has a sign that most texts lack; only what stands around one is undone and read once more, in one pass, so that the
time is linear in the text whatever stands in it. What is further off has been read as it stands: at the ends of such a
stretch digits are made letters, for a number cut in two, or cut off from the word before it, would pass for another.
"""

from __future__ import annotations

import binascii
import codecs
import html
import re
from collections.abc import Iterator
from html.entities import html5
from urllib.parse import unquote_to_bytes

AT_ONCE = 65_536
HEAD = 256
"""Where the comma of a data URL stands at the latest."""
REACH = 128
"""How much is read on either side of what is covered."""
STEP = 128
MOST = 1024
"""From one sign on so much is taken along, before the next is searched: at first, and where they stand close."""
SHORT = 1024
"""To look for stretches in a text no longer than this takes as long as to read all of it."""
EDGE = 48
"""At either end of a stretch no number is read; longer than the words before a number that say what it is."""
DATA = "data:"
BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SIGNS = {
    "\\": re.compile(r"\\(?:u[0-9a-fA-F]{4}|[nrt])"),
    "%": re.compile(r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2}){0,63}"),
    "&": re.compile(r"&(?:#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6});?|[A-Za-z]{2,12}[0-9]{0,2};)"),
}
"""The sign of each, and how it goes on. One pattern for all would look at every character; these look for their sign."""
_LINE, _SPACE = re.compile(r"\\n"), re.compile("%20")
"""The commonest: a pattern of plain characters is sooner done with than `str.replace`, which counts them first."""
_ENTITY = re.compile(f"({_SIGNS['&'].pattern})")
_USUAL = {said: html.unescape(said) for said in ("&quot;", "&amp;", "&lt;", "&gt;", "&nbsp;", "&#x27;", "&#39;")}
_GOES_ON = "0123456789 .-()"
_NUMBERLESS = bytes(ord("q") if chr(code) in "0123456789@" else code for code in range(256))
_SIGN = re.compile(";(?i:base64),")
_RUN = re.compile(r"[A-Za-z0-9+/_-]*")
_TEXTUAL = re.compile(
    r"\s*(?:text/|application/(?:[\w.-]{1,64}\+)?(?:json|xml|(?:x-)?yaml|javascript|sql|csv|x-ndjson|rtf)\b|image/svg\+xml)",
    re.IGNORECASE,
)


def within(text: str) -> Iterator[str]:
    """What stands there covered; nothing for most texts."""
    for sign in _SIGN.finditer(text) if ";" in text else ():
        start = text.rfind(DATA, max(sign.start() - HEAD, 0), sign.start())
        if start >= 0 and is_text(text[start + len(DATA) : sign.start()]):
            run = _RUN.match(text, sign.end())
            yield from opened(run[0] if run else "")
    if covered(text):
        yield from plainly(text)


def covered(text: str) -> bool:
    """Whether any of the signs stands there."""
    return "\\" in text or "%" in text or "&" in text


def is_text(media_type: str) -> bool:
    return _TEXTUAL.match(media_type) is not None


def opened(base64: str) -> Iterator[str]:
    """What base64 says, and what is covered in that in turn."""
    whole = "".join(base64.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        raw = binascii.a2b_base64(whole[: len(whole) - (len(whole) % 4 == 1)] + "==")
    except ValueError:
        return
    text = raw.decode("utf-16" if raw.startswith(BOMS) else "utf-8", "replace")
    yield text
    yield from plainly(text)


def plainly(text: str) -> Iterator[str]:
    """What stands around escapes, entities and percents, with these as what they stand for; the whole of a short text."""
    if len(text) <= SHORT:
        if any(sign in text and pattern.search(text) for sign, pattern in _SIGNS.items()):
            yield _undone(text)
        return
    for start, end in _stretches(text):
        first, last, before, after = start, end, "", ""
        if end < len(text):
            last = max(end - EDGE, start)
            while last > start and text[last - 1] in _GOES_ON:
                last -= 1
            after = f"{_numberless(text[last:end])}q"
        if start:
            first = _further(text, min(start + EDGE, last), last)
            before = f"q{_numberless(text[start:first])}"
        yield _undone(f"{before}{text[first:last]}{after}")


def _further(text: str, at: int, end: int) -> int:
    """Where what a number could go on with ends."""
    while at < end and text[at] in _GOES_ON:
        at += 1
    return at


def _numberless(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").translate(_NUMBERLESS).decode("utf-8", "surrogatepass")


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """The neighbourhoods of what is covered, those that touch as one."""
    near = sorted(place for sign, pattern in _SIGNS.items() if sign in text for place in _near(pattern, text))
    if not near:
        return
    start, end = near[0]
    for one, other in near:
        if one > end or end - start > AT_ONCE:
            yield start, end
            start, end = one, other
        end = max(end, other)
    yield start, end


def _near(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    found, step, end = pattern.search(text), STEP, 0
    while found is not None:
        start = max(found.start() - REACH, 0)
        step = min(2 * step, MOST) if start < end else STEP
        on = max(found.end(), found.start() + step)
        end = min(on + REACH, len(text))
        yield start, end
        found = pattern.search(text, on)


def _undone(text: str) -> str:
    if "\\" in text:
        text = _SIGNS["\\"].sub(_escaped, _LINE.sub("\n", text))
    if "%" in text and _SIGNS["%"].search(text):
        # What a space is written as goes first: it is most of them.
        text = unquote_to_bytes(_SPACE.sub(" ", text).encode("utf-8", "replace")).decode("utf-8", "replace")
    if "&" in text:
        parts = _ENTITY.split(text)
        parts[1::2] = [_USUAL.get(said) or _entity(said) for said in parts[1::2]]
        return "".join(parts)
    return text


def _escaped(covered: re.Match[str]) -> str:
    said = covered[0]
    return chr(int(said[2:], 16)) if said[1] == "u" else "\n"


def _entity(said: str) -> str:
    return html.unescape(said) if said[1] == "#" else html5.get(said[1:], said)
