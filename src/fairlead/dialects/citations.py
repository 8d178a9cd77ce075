"""Where an answer's words come from, and what of an answer cannot be told in another dialect.

Pages are cited by every dialect: OpenAI's by annotations, Anthropic's by citations of a text block, Gemini's by its
grounding. Positions are counted in characters; Gemini counts the bytes of all texts together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from msgspec import structs

from fairlead.dialects import neutral, signatures
from fairlead.dialects.neutral import Citation, Text

LOGPROBS = frozenset({"openai_chat", "openai_responses", "gemini", "completions"})
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
        if isinstance(block, neutral.Foreign):
            if block.dialect != dialect:
                yield f"server_tool.{block.kind}" if block.kind else "server_tool"
        elif isinstance(block, neutral.Image | neutral.Document | neutral.Audio) and dialect not in MEDIA:
            yield f"answer_media.{type(block).__name__.lower()}"
