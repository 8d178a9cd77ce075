"""OpenAI: usage and costs, as the dashboard exports them (CSV) and as the organization's API tells them (JSON).

Usage comes in buckets of a minute, an hour or a day: many requests a row. An API answer without `group_by=model` has
no model, and nothing can be said of such a row; it is refused with that advice. Costs are amounts without tokens.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fairlead.evidence.logs.form import Columns, Fields, Format, ReadFields, amount, count, day, field
from fairlead.evidence.logs.row import Row
from fairlead.evidence.logs.usage import checked

VIA = "openai"
HALF_PRICE = frozenset(("batch", "flex"))
"""Service tiers that are billed at half the list price."""
NO_MODEL = "the row names no model: ask for the usage with group_by=model"


class _Amount(msgspec.Struct, gc=False):
    value: float | str | None = None
    currency: str = "usd"


class _Result(msgspec.Struct):
    object: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_cached_tokens: int | None = None
    num_model_requests: int | None = None
    project_id: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    model: str | None = None
    batch: bool | None = None
    service_tier: str | None = None
    amount: _Amount | None = None
    line_item: str | None = None


class _Bucket(msgspec.Struct):
    start_time: float
    results: list[_Result] = []
    result: list[_Result] = []


_BUCKETS = msgspec.json.Decoder(_Bucket, strict=False)


def bucket(raw: bytes | msgspec.Raw) -> Iterable[Row]:
    found = _BUCKETS.decode(raw)
    when = day(found.start_time)
    for one in (*found.results, *found.result):
        if one.amount is not None:
            if (bill := _bill(one.line_item, when, one.amount.value, one.amount.currency)) is not None:
                yield bill
            continue
        if not (one.input_tokens or one.output_tokens):
            continue
        if not one.model:
            raise ValueError(NO_MODEL)
        told = checked(one.input_tokens or 0, one.output_tokens or 0, one.input_cached_tokens or 0)
        yield Row(
            one.model, when, told.input, told.output, told.cached, requests=one.num_model_requests or 0,
            tenant=one.project_id or "", key=one.api_key_id or one.user_id or "", via=VIA,
            batch=bool(one.batch) or one.service_tier in HALF_PRICE,
        )  # fmt: skip


def usage(columns: Columns) -> ReadFields:
    start, model, requests = columns["start_time"], columns.get_any("model"), columns["num_model_requests"]
    given, output = columns["input_tokens"], columns.find("output_tokens")
    cached, batch, tier = columns.find("input_cached_tokens"), columns.find("batch"), columns.find("service_tier")
    project, key, user = columns.find("project_id"), columns.find("api_key_id"), columns.find("user_id")

    def read(fields: Fields) -> Row | None:
        if not fields[given] and not field(fields, output):
            return None
        if not fields[model]:
            raise ValueError(NO_MODEL)
        told = checked(count(fields[given]), count(field(fields, output)), count(field(fields, cached)))
        return Row(
            fields[model], day(fields[start]), told.input, told.output, told.cached, requests=count(fields[requests]),
            tenant=field(fields, project), key=field(fields, key) or field(fields, user), via=VIA,
            batch=field(fields, batch).lower() == "true" or field(fields, tier) in HALF_PRICE,
        )  # fmt: skip

    return read


def costs(columns: Columns) -> ReadFields:
    start, value = columns["start_time"], columns["amount_value"]
    currency, item = columns.find("amount_currency"), columns.find("line_item")

    def read(fields: Fields) -> Row | None:
        return _bill(field(fields, item), day(fields[start]), fields[value], field(fields, currency))

    return read


def _bill(item: str | None, when: int, value: float | str | None, currency: str) -> Row | None:
    """A line item is named like `gpt-4o-2024-08-06, input`."""
    if (currency or "usd").lower() != "usd":
        raise ValueError(f"an amount in {currency}: only USD is understood")
    paid = amount(value)
    if not paid:
        return None
    return Row((item or "").partition(",")[0].strip(), when, cost=paid, requests=0, via=VIA, bill=True)


FORMATS = (
    Format("OpenAI usage (CSV)", frozenset(("start_time", "num_model_requests", "input_tokens")), columns=usage),
    Format("OpenAI costs (CSV)", frozenset(("start_time", "amount_value")), columns=costs),
    Format(
        "OpenAI usage or costs (API)",
        frozenset(("start_time", "end_time")),
        record=bucket,
        any_of=frozenset(("results", "result")),
    ),
)
