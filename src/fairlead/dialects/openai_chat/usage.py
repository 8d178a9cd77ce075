"""How many tokens an answer of Chat Completions took, as the providers that speak it tell, and which tools of theirs it
used."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from fairlead.core.record import Usage
from fairlead.core.tools import Calls, counted
from fairlead.dialects import hosted
from fairlead.dialects.json import EMPTY
from fairlead.dialects.weighing import MOST_TOKENS


class _PromptDetails(Struct, gc=False):
    cached_tokens: int | None = 0
    cache_write_tokens: int | None = 0
    audio_tokens: int | None = 0
    image_tokens: int | None = 0


class _CompletionDetails(Struct, gc=False):
    reasoning_tokens: int | None = 0
    audio_tokens: int | None = 0
    image_tokens: int | None = 0


_Count = Annotated[int, Meta(ge=0)] | None


class _BareUsage(Struct, gc=False):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    total_tokens: int | None = None


class RawUsage(_BareUsage, gc=False):
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    cached_tokens: int | None = None
    num_cached_tokens: int | None = None
    server_tool_use_details: hosted.Requests | None = None
    server_tool_use: hosted.Requests | None = None
    server_side_tool_usage_details: hosted.Details | None = None
    num_search_queries: int | None = None


class Reported(Struct):
    """What stands beside the choices of an answer or of a chunk of one."""

    usage: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    x_groq: Raw | UnsetType = UNSET


class _Groq(Struct):
    usage: Raw | UnsetType = UNSET


_USAGE = msgspec.json.Decoder(RawUsage)
_BARE_USAGE = msgspec.json.Decoder(_BareUsage)
_GROQ = msgspec.json.Decoder(_Groq | None)


def reported_usage(found: Reported) -> Usage | None:
    """As `read_usage`. Some send it in `x_groq` instead."""
    usage = read_usage(found.usage)
    if usage is not None or found.x_groq is UNSET:
        return usage
    try:
        groq = _GROQ.decode(found.x_groq)
    except msgspec.DecodeError:
        return None
    return None if groq is None else read_usage(groq.usage)


def read_usage(raw: Raw | UnsetType) -> Usage | None:
    """None where nothing usable was reported. A provider's odd figures never make its answer a bad one."""
    if raw is UNSET or bytes(raw) in EMPTY:
        return None
    try:
        found = _USAGE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            bare = _BARE_USAGE.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        found = RawUsage(bare.prompt_tokens, bare.completion_tokens, bare.total_tokens)
    return plausible(found)


def plausible(found: RawUsage) -> Usage | None:
    """As `read_usage`, of what was told."""
    prompt, completion, total = found.prompt_tokens, found.completion_tokens, found.total_tokens
    if prompt is None or completion is None:
        return None
    both = prompt + completion
    if not 0 < both < MOST_TOKENS:
        return None
    cached = found.prompt_cache_hit_tokens or found.cached_tokens or found.num_cached_tokens
    read, made = found.prompt_tokens_details, found.completion_tokens_details
    written = reasoning = media = None
    if read is not None:
        cached, written = read.cached_tokens or cached, read.cache_write_tokens
        media = read.audio_tokens or read.image_tokens
    if made is not None:
        reasoning = made.reasoning_tokens
        media = made.audio_tokens or made.image_tokens or media
    # Some count reasoning beside the completion instead of in it; only their total tells.
    if total is not None and total > both:
        beside = total - both
        if beside < MOST_TOKENS:
            completion += beside
            reasoning = max(reasoning or 0, beside)
    if cached or written or reasoning:
        cached = min(max(cached or 0, 0), prompt)
        written = min(max(written or 0, 0), prompt - cached)
        usage = Usage(prompt, completion, cached, written, 0, min(max(reasoning or 0, 0), completion))
    else:
        usage = Usage(prompt, completion)
    if (
        found.server_tool_use_details
        or found.server_tool_use
        or found.server_side_tool_usage_details
        or found.num_search_queries
    ):
        usage = hosted.with_calls(usage, _calls(found))
    return _with_media(usage, read or _PromptDetails(), made or _CompletionDetails()) if media else usage


def _calls(found: RawUsage) -> Calls:
    return (
        hosted.of_requests(found.server_tool_use_details or found.server_tool_use)
        or hosted.of_details(found.server_side_tool_usage_details)
        or counted({"web_search": found.num_search_queries})
    )


def _with_media(usage: Usage, read: _PromptDetails, made: _CompletionDetails) -> Usage:
    return msgspec.structs.replace(
        usage,
        image_input=min(max(read.image_tokens or 0, 0), usage.input),
        audio_input=min(max(read.audio_tokens or 0, 0), usage.input),
        image_output=min(max(made.image_tokens or 0, 0), usage.output),
        audio_output=min(max(made.audio_tokens or 0, 0), usage.output),
    )
