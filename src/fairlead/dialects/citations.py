"""Where an answer's words come from, and what of an answer cannot be told in another dialect.

Pages are cited by every dialect: OpenAI's by annotations, Anthropic's by citations of a text block, Gemini's by its
grounding. Positions are counted in characters; Gemini counts the bytes of all texts together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise

from msgspec import Struct, structs

from fairlead.dialects import neutral, signatures
from fairlead.dialects.neutral import Citation, Cite, Text

LOGPROBS = frozenset({"openai_chat", "openai_responses", "gemini"})
PAGES = LOGPROBS | {"anthropic_messages"}
"""The dialects whose answers cite pages."""
MEDIA = frozenset({"gemini"})
"""The dialects whose answers hold images, audio and documents."""
NO_INDEX = signatures.pack("cited", "")
"""In place of what Anthropic gives to find its own search result again."""


def attached(blocks: tuple[neutral.Block, ...], cited: Iterable[Citation]) -> tuple[neutral.Block, ...]:
    """The blocks with each citation at the text it belongs to, by its place in all texts together."""
    found = list(cited)
    if not found or not any(isinstance(block, Text) for block in blocks):
        return blocks
    kept: list[neutral.Block] = []
    before = 0
    last = max(number for number, block in enumerate(blocks) if isinstance(block, Text))
    for number, block in enumerate(blocks):
        if isinstance(block, Text):
            after = before + len(block.text)
            here = [one for one in found if before <= one.start < after or number == last]
            found = [one for one in found if one not in here]
            block = structs.replace(block, citations=(*block.citations, *(_moved(one, -before) for one in here)))
            before = after
        kept.append(block)
    return tuple(kept)


def _moved(citation: Citation, by: int) -> Citation:
    if citation.start < 0:
        return citation
    return structs.replace(citation, start=citation.start + by, end=citation.end + by)


def is_address(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def span(citation: Citation, said: str) -> tuple[int, int]:
    """Where it belongs in its block's text; all of that where nothing closer is known."""
    if 0 <= citation.start <= citation.end <= len(said):
        return citation.start, citation.end
    return 0, len(said)


def placed(blocks: Iterable[neutral.Block]) -> Iterator[tuple[Citation, int, int]]:
    """Each citation with where it belongs in all texts together."""
    before = 0
    for block in blocks:
        if isinstance(block, Text):
            for citation in block.citations:
                start, end = span(citation, block.text)
                yield citation, before + start, before + end
            before += len(block.text)


def segments(block: Text) -> Iterator[Text]:
    """A text in pieces, each of which rests on its citations as a whole."""
    said = block.text
    spans = [(one, *span(one, said)) for one in block.citations]
    cuts = sorted({0, len(said), *(place for _, start, end in spans for place in (start, end))})
    for start, end in pairwise(cuts):
        yield Text(
            said[start:end], citations=tuple(one for one, first, last in spans if first <= start and end <= last)
        )


def chars(raw: bytes, place: int) -> int:
    """How many characters so many bytes of UTF-8 are."""
    return len(raw[: max(place, 0)].decode("utf-8", "ignore"))


class Annotation(Struct):
    """A source in OpenAI's words. Chat Completions tells a page inside of `url_citation`, Responses beside the type."""

    type: str | None = None
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None
    url_citation: Annotation | None = None


def annotated(found: Iterable[Annotation]) -> tuple[list[Citation], list[str]]:
    """(the pages, what has no address)."""
    cited: list[Citation] = []
    unread: list[str] = []
    for one in found:
        page = one.url_citation or one
        if page.url and is_address(page.url):
            start, end = (-1 if at is None else at for at in (page.start_index, page.end_index))
            cited.append(Citation(page.url, page.title or "", "", start, end))
        else:
            unread.append(f"citations.{one.type or 'other'}")
    return cited, unread


def annotation(citation: Citation, start: int, end: int) -> dict[str, object]:
    """In OpenAI's words."""
    return {"url": citation.url, "title": citation.title, "start_index": start, "end_index": end}


def location(citation: Citation, said: str) -> dict[str, object]:
    """In Anthropic's words, of a text that rests on it as a whole."""
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title or None,
        "cited_text": citation.quote or said,
        "encrypted_index": NO_INDEX,
    }


def untold(answer: neutral.Answer, dialect: str) -> Iterator[str]:
    """What of an answer a caller of this dialect is not told: rules of `translate`, each with what it met."""
    yield from answer.unread
    if answer.logprobs and dialect not in LOGPROBS:
        yield "answer_logprobs"
    for block in answer.blocks:
        if isinstance(block, Text):
            if block.citations and dialect not in PAGES:
                yield "citations"
        elif isinstance(block, neutral.Foreign):
            if block.dialect != dialect:
                yield f"server_tool.{block.kind}" if block.kind else "server_tool"
        elif isinstance(block, neutral.Image | neutral.Document | neutral.Audio) and dialect not in MEDIA:
            yield f"answer_media.{type(block).__name__.lower()}"


# ---- streams


class _Words:
    """A text that is being told: decoded only as far as somebody asked for it."""

    __slots__ = ("cited", "pieces", "text")

    def __init__(self) -> None:
        self.text = ""
        self.pieces: list[bytes] = []
        self.cited: list[Citation] = []

    def block(self) -> Text:
        if self.pieces:
            # Halves of surrogate pairs that stayed alone are nobody's place.
            said: str = json.loads(b'"' + b"".join([piece[1:-1] for piece in self.pieces]) + b'"', strict=False)
            self.text += said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            self.pieces.clear()
        return Text(self.text, citations=tuple(self.cited))


class Spoken:
    """The texts of a stream by their indexes, as the literals they came as, and the pages they rest on."""

    __slots__ = ("_words",)

    def __init__(self) -> None:
        self._words: dict[int, _Words] = {}

    def begin(self, index: int) -> list[bytes]:
        """Where the literals of a text are put."""
        words = self._words[index] = _Words()
        return words.pieces

    def cite(self, event: Cite) -> None:
        self._words[event.index].cited.append(event.citation)

    def blocks(self) -> tuple[Text, ...]:
        return tuple(words.block() for words in self._words.values())

    def cited(self) -> tuple[Text, ...]:
        """All texts, where any of them rests on a page."""
        return self.blocks() if any(words.cited for words in self._words.values()) else ()

    def rests(self, event: Cite) -> str:
        """The words that rest on a citation."""
        said = self._words[event.index].block().text
        start, end = span(event.citation, said)
        return said[start:end]

    def place(self, event: Cite) -> tuple[int, int]:
        """Where in all texts together a citation belongs."""
        before = sum(len(words.block().text) for index, words in self._words.items() if index < event.index)
        start, end = span(event.citation, self._words[event.index].block().text)
        return before + start, before + end

    def cites(self, found: Iterable[Citation], open_: int) -> tuple[list[Cite], bool]:
        """(those of the text that is open, whether there are any of others), by their places in all texts together."""
        texts = zip(self._words, attached(self.blocks(), found), strict=True)
        cited = {index: block.citations for index, block in texts if isinstance(block, Text)}
        here = cited.pop(open_, ())
        return [Cite(open_, one) for one in here], any(cited.values())
