"""Plain logs: prompts and, if there are any, answers, a JSON object or a CSV line each, under the usual names.

Whatever has a prompt, a text or messages is understood, also inside `request` or `body`. Where the usage is not told,
tokens are counted from the texts and said to be estimates; without an answer, a typical one is assumed.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fairlead.classify.tokens import TYPICAL_OUTPUT, from_size, input_tokens
from fairlead.core.call import Shape
from fairlead.evidence.logs.form import Columns, Fields, Format, ReadFields, amount, count, day, field
from fairlead.evidence.logs.row import Row
from fairlead.evidence.logs.usage import Quoted, counts

NOTHING = msgspec.Raw(b"")
ASKED = ("messages", "prompt", "input", "text", "question", "instruction", "query")
ANSWERED = ("response", "output", "completion", "answer", "response_text")
WHEN = ("timestamp", "created_at", "created", "time", "date", "ts")
PAID = ("cost_usd", "cost", "total_cost", "spend")
TOOK = ("latency_ms", "duration_ms", "elapsed_ms")
KIND = ("task", "task_type", "category")
WHOSE = ("tenant", "team", "project", "user", "user_id")
NO_ERROR = frozenset((b"", b"null", b'""', b"false", b"{}"))
FAILURES = frozenset(("error", "failed", "failure"))


class _Answer(msgspec.Struct):
    model: str | None = None
    usage: Quoted | None = None
    created: float | None = None


class _Line(msgspec.Struct):
    messages: msgspec.Raw = NOTHING
    prompt: msgspec.Raw = NOTHING
    input: msgspec.Raw = NOTHING
    text: msgspec.Raw = NOTHING
    question: msgspec.Raw = NOTHING
    instruction: msgspec.Raw = NOTHING
    query: msgspec.Raw = NOTHING
    request: msgspec.Raw = NOTHING
    body: msgspec.Raw = NOTHING
    response: msgspec.Raw = NOTHING
    output: msgspec.Raw = NOTHING
    completion: msgspec.Raw = NOTHING
    answer: msgspec.Raw = NOTHING
    response_text: msgspec.Raw = NOTHING
    model: str | None = None
    usage: Quoted | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    timestamp: str | float | None = None
    created_at: str | float | None = None
    created: str | float | None = None
    time: str | float | None = None
    date: str | float | None = None
    ts: str | float | None = None
    cost_usd: str | float | None = None
    cost: str | float | None = None
    total_cost: str | float | None = None
    spend: str | float | None = None
    latency_ms: float | None = None
    duration_ms: float | None = None
    elapsed_ms: float | None = None
    task: str | None = None
    task_type: str | None = None
    category: str | None = None
    tenant: str | None = None
    team: str | None = None
    project: str | None = None
    user: str | None = None
    user_id: str | None = None
    key: str | None = None
    status: str | int | None = None
    error: msgspec.Raw = NOTHING


_LINES = msgspec.json.Decoder(_Line, strict=False)
_ANSWERS = msgspec.json.Decoder(_Answer, strict=False)
_TEXTS = msgspec.json.Decoder(str)


def line(raw: bytes | msgspec.Raw) -> Iterable[Row]:
    one = _LINES.decode(raw)
    for inner in (one.request, one.body):
        if bytes(inner).startswith(b"{"):
            asked = _LINES.decode(inner)
            one.messages = one.messages or asked.messages
            one.prompt, one.input = one.prompt or asked.prompt, one.input or asked.input
            one.model = one.model or asked.model
    said = _first(one, ASKED)
    if not said:
        raise ValueError("there is no prompt, text or messages in it")
    answered = _first(one, ANSWERED)
    answer = _ANSWERS.decode(answered) if answered.startswith(b"{") else _Answer()
    quoted = one.usage or answer.usage or Quoted(
        one.prompt_tokens, one.completion_tokens, None, None, one.input_tokens, one.output_tokens
    )  # fmt: skip
    told = counts(quoted)
    estimated = not told.input and not told.output
    asked_text = _TEXTS.decode(said) if said.startswith(b'"') else said
    when = _named(one, WHEN)
    took = next((each for name in TOOK if (each := getattr(one, name)) is not None), None)
    yield Row(
        one.model or answer.model or "",
        day(answer.created if when is None else when),
        _size(asked_text) if estimated else told.input,
        _answer_size(answered) if estimated else told.output,
        told.cached or min(one.cached_tokens or 0, told.input), told.cache_write, reasoning=told.reasoning,
        cost=amount(_named(one, PAID)), failed=_failed(one), latency_ms=-1 if took is None else int(took),
        task=_named(one, KIND) or "", said=asked_text, tenant=_named(one, WHOSE) or "", key=one.key or "",
        estimated=estimated,
    )  # fmt: skip


def _first(one: _Line, names: tuple[str, ...]) -> bytes:
    for name in names:
        raw = bytes(getattr(one, name))
        if raw and raw != b"null":
            return raw
    return b""


def _named(one: _Line, names: tuple[str, ...]) -> str | None:
    for name in names:
        value: str | None = getattr(one, name)
        if value is not None and value != "":
            return value
    return None


def _failed(one: _Line) -> int:
    wrong = bytes(one.error) not in NO_ERROR
    status = one.status
    return int(wrong or status in FAILURES or (isinstance(status, int) and status >= 400))


def _size(said: str | bytes) -> int:
    if isinstance(said, str):
        return input_tokens(Shape(chars=len(said), utf8=len(said.encode("utf-8", "replace")), turns=1))
    return from_size(len(said))


def _answer_size(answered: bytes) -> int:
    return from_size(len(answered)) if answered else TYPICAL_OUTPUT


def table(columns: Columns) -> ReadFields:
    asked, answered, model = columns.get_any(*ASKED), columns.find(*ANSWERED), columns.find("model")
    when, paid, took = columns.find(*WHEN), columns.find(*PAID), columns.find(*TOOK)
    task, whose, key = columns.find(*KIND), columns.find(*WHOSE), columns.find("key")
    given, output = columns.find("prompt_tokens", "input_tokens"), columns.find("completion_tokens", "output_tokens")
    cached = columns.find("cached_tokens")

    def read(fields: Fields) -> Row | None:
        said = fields[asked]
        told_input, told_output = count(field(fields, given)), count(field(fields, output))
        estimated = not told_input and not told_output
        answer = field(fields, answered).encode("utf-8", "replace")
        latency = field(fields, took)
        return Row(
            field(fields, model), day(field(fields, when)),
            _size(said) if estimated else told_input, _answer_size(answer) if estimated else told_output,
            min(count(field(fields, cached)), told_input), cost=amount(field(fields, paid)),
            latency_ms=count(latency) if latency else -1, task=field(fields, task), said=said,
            tenant=field(fields, whose), key=field(fields, key), estimated=estimated,
        )  # fmt: skip

    return read


FORMATS = (
    Format(
        "prompts and answers",
        frozenset(),
        columns=table,
        record=line,
        any_of=frozenset((*ASKED, "request", "body")),
    ),
)
