"""LiteLLM: the spend logs of its proxy, from its API or its database (JSON, JSON lines, CSV), and its logging payload.

A row is a request with the cost that LiteLLM found. What a provider counted beside prompt and answer stands in the
metadata, prompts only where their storing was switched on. An answer from LiteLLM's own cache has cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from fairlead.evidence.logs.form import Columns, Fields, Format, ReadFields, amount, count, day, field
from fairlead.evidence.logs.row import Row
from fairlead.evidence.logs.usage import Quoted, checked, counts


class _Metadata(msgspec.Struct):
    usage_object: Quoted | None = None
    status: str | None = None
    user_api_key_team_id: str | None = None


class _Spend(msgspec.Struct):
    model: str | None = None
    model_group: str | None = None
    start: float | str | None = msgspec.field(default=None, name="startTime")
    end: float | str | None = msgspec.field(default=None, name="endTime")
    spend: float | str | None = None
    response_cost: float | str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    api_key: str | None = None
    team_id: str | None = None
    end_user: str | None = None
    status: str | None = None
    cache_hit: str | bool | None = None
    custom_llm_provider: str | None = None
    metadata: _Metadata | str | None = None
    messages: msgspec.Raw = msgspec.Raw(b"null")


_SPENDS = msgspec.json.Decoder(_Spend, strict=False)
_METADATA = msgspec.json.Decoder(_Metadata, strict=False)


def spend(raw: bytes | msgspec.Raw) -> Iterable[Row]:
    one = _SPENDS.decode(raw)
    said = bytes(one.messages)
    yield _row(one, said if _are_some(said) else None)


def table(columns: Columns) -> ReadFields:
    places = [
        columns.find(name.lower())
        for name in ("model", "model_group", "startTime", "endTime", "spend", "prompt_tokens", "completion_tokens",
                     "api_key", "team_id", "end_user", "status", "cache_hit", "custom_llm_provider", "metadata", "messages")
    ]  # fmt: skip

    def read(fields: Fields) -> Row | None:
        (model, group, start, end, paid, prompt, completion, key, team, user, status, hit, provider, more, messages) = (
            field(fields, at) for at in places
        )
        one = _Spend(
            model,
            group,
            start,
            end,
            paid,
            None,
            count(prompt),
            count(completion),
            key,
            team,
            user,
            status,
            hit,
            provider,
            more,
        )
        said = messages.encode("utf-8", "replace")
        return _row(one, said if _are_some(said) else None)

    return read


def _are_some(messages: bytes) -> bool:
    """Where prompts are not stored, an empty object stands."""
    return messages.startswith(b"[") and len(messages) > len(b"[]")


def _row(one: _Spend, said: bytes | None) -> Row:
    more = one.metadata if isinstance(one.metadata, _Metadata) else _metadata(one.metadata)
    told = checked(one.prompt_tokens or 0, one.completion_tokens or 0, 0)
    if more.usage_object is not None:
        told = max(counts(more.usage_object), told, key=lambda each: (each.input, each.cached, each.reasoning))
    model = one.model or one.model_group
    if not model:
        raise ValueError("the row names no model")
    hit = one.cache_hit is True or str(one.cache_hit).lower() == "true"
    return Row(
        model, day(one.start), told.input, told.output, told.cached, told.cache_write, reasoning=told.reasoning,
        cost=0 if hit else amount(one.response_cost if one.spend is None else one.spend),
        failed=(one.status or more.status) == "failure",
        latency_ms=milliseconds(one.start, one.end),
        said=said, tenant=one.team_id or more.user_api_key_team_id or one.end_user or "", key=one.api_key or "", via=one.custom_llm_provider or "",
    )  # fmt: skip


def _metadata(text: str | None) -> _Metadata:
    """What the database's column holds; it may be anything."""
    if not text or not text.startswith("{"):
        return _Metadata()
    try:
        return _METADATA.decode(text)
    except msgspec.DecodeError:
        return _Metadata()


def milliseconds(start: float | str | None, end: float | str | None) -> int:
    if isinstance(start, str) and isinstance(end, str) and start and end:
        try:
            took = (datetime.fromisoformat(end.strip()) - datetime.fromisoformat(start.strip())).total_seconds()
        except (ValueError, TypeError):
            return -1
    elif isinstance(start, float) and isinstance(end, float):
        took = end - start
    else:
        return -1
    return int(took * 1000) if 0 <= took < 86_400 else -1


FORMATS = (
    Format(
        "LiteLLM spend logs",
        frozenset(("starttime", "endtime", "model")),
        columns=table,
        record=spend,
        any_of=frozenset(("spend", "response_cost")),
    ),
)
