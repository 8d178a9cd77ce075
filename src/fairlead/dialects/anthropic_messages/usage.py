"""How many tokens an answer of Anthropic's took, and which tools of its provider's it used.

Usage comes in two pieces of a stream, both totals. Every figure is on Anthropic's base: input without what was read from a
cache or written to it.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.record import Usage
from fairlead.dialects import hosted
from fairlead.dialects.json import EMPTY
from fairlead.dialects.weighing import MOST_TOKENS


class _Creation(Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class _OutputDetails(Struct):
    thinking_tokens: int | None = None


class BareUsage(Struct):
    """Every figure on Anthropic's base: input without what was read from a cache or written to it."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: _Creation | None = None
    output_tokens_details: _OutputDetails | None = None


class RawUsage(BareUsage):
    server_tool_use: hosted.Requests | None = None


_USAGE = msgspec.json.Decoder(RawUsage)
_BARE_USAGE = msgspec.json.Decoder(BareUsage)


RAN_CODE = (("code_execution", 1),)


def raw_usage(raw: Raw | UnsetType) -> RawUsage | None:
    """None where nothing usable was reported. A provider's odd figures never make its answer a bad one."""
    if raw is UNSET or bytes(raw) in EMPTY:
        return None
    try:
        return _USAGE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return RawUsage(*msgspec.structs.astuple(_BARE_USAGE.decode(raw)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def later(first: RawUsage | None, second: RawUsage) -> RawUsage:
    """A later report replaces an earlier one, figure by figure: both are totals, and neither need hold all."""
    if first is None:
        return second
    return RawUsage(
        *(getattr(first if getattr(second, name) is None else second, name) for name in RawUsage.__struct_fields__)
    )


def usage_of(found: RawUsage | None, contained: bool = False) -> Usage | None:
    """`contained`: the answer says in which container code ran. Where it only worked through what was searched for, that is
    free."""
    if found is None or found.output_tokens is None:
        return None
    plain, output = found.input_tokens or 0, found.output_tokens
    cached = max(found.cache_read_input_tokens or 0, 0)
    written = max(found.cache_creation_input_tokens or 0, 0)
    long = 0
    if found.cache_creation is not None:
        long = max(found.cache_creation.ephemeral_1h_input_tokens or 0, 0)
        written = max(written, long + max(found.cache_creation.ephemeral_5m_input_tokens or 0, 0))
    whole = plain + cached + written
    if plain < 0 or output < 0 or not 0 < whole + output < MOST_TOKENS:
        return None
    reasoning = 0
    if found.output_tokens_details is not None:
        reasoning = found.output_tokens_details.thinking_tokens or 0
    usage = Usage(whole, output, cached, written - long, long, min(max(reasoning, 0), output))
    if found.server_tool_use is None and not contained:
        return usage
    calls = hosted.of_requests(found.server_tool_use)
    return hosted.with_calls(usage, calls or (RAN_CODE if contained else ()))


def usage_json(usage: Usage) -> bytes:
    """The usage of a whole message, on Anthropic's base."""
    written = usage.cache_write + usage.cache_write_1h
    return (
        b'{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,'
        b'"cache_creation":{"ephemeral_5m_input_tokens":%d,"ephemeral_1h_input_tokens":%d},"output_tokens":%d,'
        b'"output_tokens_details":{"thinking_tokens":%d},"server_tool_use":null,"service_tier":"standard",'
        b'"inference_geo":null}'
    ) % (
        max(usage.input - usage.cached_input - written, 0),
        written,
        usage.cached_input,
        usage.cache_write,
        usage.cache_write_1h,
        usage.output,
        usage.reasoning,
    )
