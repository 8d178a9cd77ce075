"""A provider's own usage object, in the shapes that logs quote it in, as counts on one base."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Quoted(msgspec.Struct):
    """OpenAI counts cached tokens within the prompt, Anthropic beside it: whose shape it is says its names."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: Details | None = None
    output_tokens_details: Details | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class Counts(NamedTuple):
    input: int
    output: int
    cached: int
    cache_write: int
    reasoning: int


def counts(quoted: Quoted) -> Counts:
    detailed = quoted.prompt_tokens_details or quoted.input_tokens_details or Details()
    answered = quoted.completion_tokens_details or quoted.output_tokens_details or Details()
    read = quoted.cache_read_input_tokens or 0
    written = quoted.cache_creation_input_tokens or 0
    if quoted.prompt_tokens is not None:
        given = quoted.prompt_tokens
    else:
        given = (quoted.input_tokens or 0) + read + written
    output = quoted.completion_tokens if quoted.completion_tokens is not None else quoted.output_tokens or 0
    return checked(given, output, detailed.cached_tokens or read, written, answered.reasoning_tokens or 0)


def checked(given: int, output: int, cached: int, written: int = 0, reasoning: int = 0) -> Counts:
    """What is counted within another count cannot exceed it."""
    if min(given, output, cached, written, reasoning) < 0:
        raise ValueError("a count of tokens is negative")
    cached = min(cached, given)
    return Counts(given, output, cached, min(written, given - cached), min(reasoning, output))
