"""Where the words of a Gemini answer come from, and how sure the model was of them.

Sources stand apart from the text, and what rests on them is told by bytes of UTF-8 of all texts together.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import citations, logprobs
from fairlead.dialects.json import EMPTY
from fairlead.dialects.logprobs import Sure, Token
from fairlead.dialects.neutral import Block, Citation, Text


class _Page(Struct):
    uri: str | None = None
    title: str | None = None


class _Chunk(Struct):
    web: _Page | None = None
    retrievedContext: _Page | None = None
    maps: _Page | None = None


class _Segment(Struct):
    startIndex: int | None = None
    endIndex: int | None = None
    text: str | None = None


class _Support(Struct):
    segment: _Segment | None = None
    groundingChunkIndices: list[int] | None = None


class _Grounding(Struct):
    groundingChunks: list[_Chunk] | None = None
    groundingSupports: list[_Support] | None = None
    webSearchQueries: list[str] | None = None
    searchEntryPoint: Raw | UnsetType = UNSET


class _Source(Struct):
    startIndex: int | None = None
    endIndex: int | None = None
    uri: str | None = None
    title: str | None = None


class _Sources(Struct):
    citationSources: list[_Source] | None = None
    citations: list[_Source] | None = None


class _Token(Struct):
    token: str = ""
    logProbability: float | None = None


class _Tokens(Struct):
    candidates: list[_Token] | None = None


class _Logprobs(Struct):
    chosenCandidates: list[_Token] | None = None
    topCandidates: list[_Tokens] | None = None


_GROUNDING = msgspec.json.Decoder(_Grounding)
_SOURCES = msgspec.json.Decoder(_Sources)
_LOGPROBS = msgspec.json.Decoder(_Logprobs)


def read(
    blocks: Iterable[Block], grounding: Raw | UnsetType, sources: Raw | UnsetType
) -> tuple[list[Citation], list[str]]:
    """(the pages, each with its place in all texts together; what has no place in other dialects)."""
    supported, listed = _present(grounding), _present(sources)
    if not supported and not listed:
        return [], []
    text = "".join(block.text for block in blocks if isinstance(block, Text)).encode()
    try:
        cited, unread = _grounded(_GROUNDING.decode(supported), text) if supported else ([], [])
        found = _SOURCES.decode(listed) if listed else _Sources()
    except msgspec.DecodeError:
        return [], ["grounding"]
    for one in (*(found.citationSources or ()), *(found.citations or ())):
        if citations.is_address(one.uri or ""):
            start, end = _place(text, one.startIndex, one.endIndex)
            cited.append(Citation(one.uri or "", one.title or "", "", start, end))
        else:
            unread.append("citations.source")
    return cited, unread


def _present(raw: Raw | UnsetType) -> bytes:
    found = b"" if raw is UNSET else bytes(raw)
    return b"" if found in EMPTY else found


def _place(text: bytes, start: int | None, end: int | None) -> tuple[int, int]:
    if end is None:
        return -1, -1
    return citations.chars(text, start or 0), citations.chars(text, end)


def _grounded(found: _Grounding, text: bytes) -> tuple[list[Citation], list[str]]:
    unread = ["grounding.webSearchQueries"] if found.webSearchQueries else []
    if _present(found.searchEntryPoint):
        unread.append("grounding.searchEntryPoint")
    pages = [chunk.web or chunk.maps or chunk.retrievedContext or _Page() for chunk in found.groundingChunks or ()]
    if any(not citations.is_address(page.uri or "") for page in pages):
        unread.append("citations.chunk")
    cited: list[Citation] = []
    used: set[int] = set()
    for support in found.groundingSupports or ():
        segment = support.segment or _Segment()
        start, end = _place(text, segment.startIndex, segment.endIndex)
        for index in support.groundingChunkIndices or ():
            if 0 <= index < len(pages) and citations.is_address(pages[index].uri or ""):
                used.add(index)
                cited.append(Citation(pages[index].uri or "", pages[index].title or "", "", start, end))
    cited += [
        Citation(page.uri or "", page.title or "")
        for index, page in enumerate(pages)
        if index not in used and citations.is_address(page.uri or "")
    ]
    return cited, unread


def write(blocks: Iterable[Block]) -> bytes:
    """The field of a candidate with a comma before it; empty where nothing is cited."""
    texts = [block for block in blocks if isinstance(block, Text)]
    if not any(block.citations for block in texts):
        return b""
    said = "".join(block.text for block in texts)
    pages: dict[str, str] = {}
    supports: dict[tuple[int, int], list[int]] = {}
    for one, start, end in citations.placed(texts):
        pages[one.url] = pages.get(one.url) or one.title
        supports.setdefault((start, end), []).append(list(pages).index(one.url))
    return b',"groundingMetadata":' + orjson.dumps(
        {
            "groundingChunks": [{"web": {"uri": url, "title": title}} for url, title in pages.items()],
            "groundingSupports": [
                {
                    "segment": {
                        "startIndex": len(said[:start].encode()),
                        "endIndex": len(said[:end].encode()),
                        "text": said[start:end],
                    },
                    "groundingChunkIndices": list(dict.fromkeys(indexes)),
                }
                for (start, end), indexes in supports.items()
            ],
        }
    )


def read_logprobs(raw: Raw | UnsetType) -> bytes:
    """In the words of Chat Completions; empty where there are none."""
    try:
        found = _LOGPROBS.decode(_present(raw) or b"{}")
    except msgspec.DecodeError:
        return b""
    tops = [[Token(*_sure(one)) for one in top.candidates or ()] for top in found.topCandidates or ()]
    chosen = zip_longest(found.chosenCandidates or (), tops)
    return logprobs.written([Sure(*_sure(one), top_logprobs=others) for one, others in chosen if one is not None])


def _sure(one: _Token) -> tuple[str, float]:
    return one.token, one.logProbability or 0.0


def write_logprobs(raw: bytes) -> bytes:
    """The field of a candidate with a comma before it; empty where there are none."""
    if not raw:
        return b""
    found = logprobs.tokens(raw)
    told: dict[str, object] = {"chosenCandidates": [_token(one) for one in found]}
    if any(one.top_logprobs for one in found):
        told["topCandidates"] = [{"candidates": [_token(other) for other in one.top_logprobs or ()]} for one in found]
    return b',"logprobsResult":' + orjson.dumps(told)


def _token(one: Token) -> dict[str, object]:
    return {"token": one.token, "logProbability": one.logprob}
