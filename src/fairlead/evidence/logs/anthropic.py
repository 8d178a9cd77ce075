"""Anthropic: usage and costs, as the console exports them (CSV) and as the admin API's reports tell them (JSON).

None of them counts requests. The API's amounts are in cents. What is read from a cache and written to it stands beside
the uncached input there, and within the input here.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fairlead.evidence.logs.form import Columns, Fields, Format, ReadFields, amount, count, day, field
from fairlead.evidence.logs.row import Row

VIA = "anthropic"
CENT = 0.01
NO_MODEL = "the row names no model: ask for the report with group_by[]=model"


class _Written(msgspec.Struct, gc=False):
    ephemeral_1h_input_tokens: int | None = None
    ephemeral_5m_input_tokens: int | None = None


class _Result(msgspec.Struct):
    uncached_input_tokens: int | None = None
    cache_creation: _Written | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    api_key_id: str | None = None
    workspace_id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    amount: str | float | None = None
    currency: str | None = None


class _Bucket(msgspec.Struct):
    starting_at: str
    results: list[_Result] = []


_BUCKETS = msgspec.json.Decoder(_Bucket, strict=False)


def bucket(raw: bytes | msgspec.Raw) -> Iterable[Row]:
    found = _BUCKETS.decode(raw)
    when = day(found.starting_at)
    for one in found.results:
        if one.amount is not None:
            if (bill := _bill(one.model, when, amount(one.amount, CENT), one.currency)) is not None:
                yield bill
            continue
        written = one.cache_creation or _Written()
        row = _usage(
            one.model or "", when, one.uncached_input_tokens or 0, one.cache_read_input_tokens or 0,
            written.ephemeral_5m_input_tokens or 0, written.ephemeral_1h_input_tokens or 0, one.output_tokens or 0,
        )  # fmt: skip
        if row is not None:
            row.tenant, row.key, row.batch = one.workspace_id or "", one.api_key_id or "", one.service_tier == "batch"
            yield row


def usage(columns: Columns) -> ReadFields:
    date, model = columns["usage_date_utc"], columns["model_version"]
    plain, output = columns["usage_input_tokens_no_cache"], columns["usage_output_tokens"]
    read_back = columns.find("usage_input_tokens_cache_read")
    written = columns.find("usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write")
    written_1h = columns.find("usage_input_tokens_cache_write_1h")
    workspace, key, kind = columns.find("workspace"), columns.find("api_key"), columns.find("usage_type")

    def read(fields: Fields) -> Row | None:
        row = _usage(
            fields[model], day(fields[date]), count(fields[plain]), count(field(fields, read_back)),
            count(field(fields, written)), count(field(fields, written_1h)), count(fields[output]),
        )  # fmt: skip
        if row is not None:
            row.tenant, row.key = field(fields, workspace), field(fields, key)
            row.batch = "batch" in field(fields, kind).lower()
        return row

    return read


def costs(columns: Columns) -> ReadFields:
    date, model, value = columns["usage_date_utc"], columns.find("model"), columns["cost_usd"]

    def read(fields: Fields) -> Row | None:
        return _bill(field(fields, model), day(fields[date]), amount(fields[value]), "USD")

    return read


def _usage(model: str, when: int, plain: int, cached: int, written: int, written_1h: int, output: int) -> Row | None:
    if min(plain, cached, written, written_1h, output) < 0:
        raise ValueError("a count of tokens is negative")
    given = plain + cached + written + written_1h
    if not given and not output:
        return None
    if not model:
        raise ValueError(NO_MODEL)
    return Row(model, when, given, output, cached, written, written_1h, requests=0, via=VIA)


def _bill(model: str | None, when: int, paid: int | None, currency: str | None) -> Row | None:
    if (currency or "USD").upper() != "USD":
        raise ValueError(f"an amount in {currency}: only USD is understood")
    return Row(model or "", when, cost=paid, requests=0, via=VIA, bill=True) if paid else None


FORMATS = (
    Format(
        "Anthropic usage (CSV)",
        frozenset(("usage_date_utc", "model_version", "usage_input_tokens_no_cache", "usage_output_tokens")),
        columns=usage,
    ),
    Format("Anthropic costs (CSV)", frozenset(("usage_date_utc", "cost_usd")), columns=costs),
    Format("Anthropic usage or costs (API)", frozenset(("starting_at", "ending_at", "results")), record=bucket),
)
