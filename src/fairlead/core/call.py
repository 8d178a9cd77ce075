"""Call: one request as the rest of fairlead sees it, whatever client or side job it came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol, get_args

import msgspec

from fairlead.core.experiments import Arm
from fairlead.core.sensitivity import BINDS, SIGNAL

Operation = Literal["generate", "embed", "count", "retrieve", "opaque"]
Purpose = Literal["answer", "classify", "judge", "embed", "shadow", "extract", "bench"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
"""What a model may be asked for; all but the first are side calls."""
MAX_DEPTH = 1


class Signal(msgspec.Struct, frozen=True, array_like=True, gc=False, cache_hash=True):
    """One thing found out about a request. New signals need no new field anywhere."""

    kind: str
    name: str
    value: float | int | str | bool
    confidence: float = 1.0


class Rest(msgspec.Struct, frozen=True):
    """Bytes of what a body holds beside all that is counted by name."""

    text: int = 0
    documents: int = 0
    """Of those that are more than their text."""
    recorded: int = 0
    """Of sound and film."""


NO_REST = Rest()


class Shape(msgspec.Struct, frozen=True):
    """The structure of a request, read off without judging its words."""

    chars: int
    """Characters of text in all messages."""
    utf8: int
    """The same text in UTF-8 bytes; the difference tells scripts apart."""
    turns: int
    images: int = 0
    audio: int = 0
    documents: int = 0
    tools: int = 0
    tool_bytes: int = 0
    """Bytes of tool declarations and of schemas: they are input tokens too."""
    json_schema: bool = False
    json_object: bool = False
    logprobs: bool = False
    reasoning: str | None = None
    """The reasoning effort asked for, in the caller's word."""
    max_output: int | None = None
    answers: int = 1
    """How many alternatives are asked for (`n`)."""
    longest: Shape | None = None
    """Of the longest of several inputs that are each taken by itself."""
    rest: Rest = NO_REST
    predicted: int = 0
    """Bytes of a text that the answer is expected to be."""


class View(Protocol):
    """What a dialect lets the others read of a body. Computed on first use, then kept."""

    @property
    def user(self) -> str:
        """Whom the caller asks for, in the dialect's own field; empty where it does not say."""
        ...

    @property
    def answers(self) -> int:
        """How many alternatives are asked for."""
        ...

    @property
    def predicted(self) -> int:
        """Bytes of a text that the answer is expected to be: what of it is not said is charged as if it were."""
        ...

    @property
    def max_output(self) -> int | None:
        """The tokens of output that the caller allows; None where it does not say."""
        ...

    def shape(self) -> Shape: ...

    def texts(self) -> Iterator[tuple[str, str]]:
        """(role, text) of every text part, in order."""
        ...


class Caller(msgspec.Struct, frozen=True, omit_defaults=True, cache_hash=True):
    """Who asks, and what their key allows. None means "no restriction"."""

    name: str
    tenant: str = "default"
    role: str = "caller"
    policy: str | None = None
    models: frozenset[str] | None = None
    providers: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    sensitive: bool = False
    """Everything this key sends stays on self-hosted models."""
    max_cost: int | None = None
    """Nano-units of USD that a request of its plan may be expected to cost."""
    plan: str = ""
    channels: frozenset[str] | None = None
    """Ids."""
    defaults: tuple[tuple[str, str], ...] = ()
    """What the key says of its requests where they say nothing, knob by knob."""
    team: str = ""
    policies: frozenset[str] | None = None
    """Names of the policies that may choose for it."""
    scope: str = "gateway"
    """How far its role reaches: the gateway, its tenant, or its team."""
    key: str = ""
    """The id of a key that was issued: its name may be given to another once it is gone."""


class Wishes(msgspec.Struct, frozen=True, omit_defaults=True, cache_hash=True):
    """What the caller declared with the request: it can narrow a choice, never widen it."""

    quality_floor: float | None = None
    max_cost: int | None = None
    """Nano-units of USD."""
    max_latency_ms: int | None = None
    sensitive: bool = False
    strict: bool = False
    """Refuse what cannot be translated exactly."""
    session: str = ""
    task: str = ""
    tags: tuple[str, ...] = ()
    complexity: str = ""
    domain: str = ""
    latency_class: str = ""
    low_budget: bool = False
    """A rule's fallback goes first; without a rule the cheapest that will do."""
    models: tuple[str, ...] = ()
    """Only these may answer, in this order (`models` as OpenRouter's callers write it)."""
    providers: tuple[str, ...] | None = None
    """Only channels of these providers."""
    not_providers: tuple[str, ...] = ()
    provider_order: tuple[str, ...] = ()
    """Channels of these providers first."""
    stay: bool = False
    """No failover to anything but the first choice."""
    sort: Literal["", "price", "throughput", "latency"] = ""
    """Channels of a model by this instead of the order declared."""
    max_rates: tuple[int, int] | None = None
    """Nano-units of USD per million tokens of input and output, at most."""
    no_collection: bool = False
    """Only where what is sent is not kept."""
    continues: bool | None = None
    """Whether another goes on with a streamed text that broke off; None leaves it to the policy."""
    user: str = ""
    """Whom the caller asks for. Never written into the books."""
    memory: bool | None = None
    """Whether what is remembered may be put in, and what is said remembered; None leaves it to the policy."""
    prior_result: str = ""
    """Id of the request whose answer is gone on with."""
    cache: str = ""
    """`on`, `refresh` or `off`: what the answer cache may do; empty leaves it to the configuration."""

    @property
    def plain(self) -> bool:
        """Whether nothing is wished that makes a candidate of one request none for another like it."""
        return (
            self.quality_floor is None
            and self.max_latency_ms is None
            and self.providers is None
            and not self.not_providers
            and not self.models
            and self.max_rates is None
            and not self.no_collection
            and not self.stay
        )


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """Where a conversation stands: who answered last, and how much of it that one has in its prompt cache."""

    model: str
    channel: str
    cached: int = 0
    """Tokens."""


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What the shell looked up for the decision, so that the decision itself stays pure."""

    at: int
    """Epoch seconds: which price rows hold."""
    standing: Standing | None = None
    tiers: tuple[tuple[str, int], ...] = ()
    """What is left of the day's budget, by tier, in nano-units."""
    home: str = ""
    """Id of the only channel that may answer: its provider keeps what the request names."""
    left: tuple[tuple[str, int], ...] = ()
    """What hard budgets leave for the request, in nano-units: by model, and under the empty name whichever it is."""
    eased: str = ""
    """Why others choose than would have: a soft budget is spent."""
    arm: Arm | None = None
    """Of the experiment that the request may be part of."""
    meant: str = ""
    """The model that would have been chosen but for the soft budget."""

    @property
    def plain(self) -> bool:
        """Whether nothing was found but the time."""
        return (
            self.standing is None
            and self.arm is None
            and not self.tiers
            and not self.home
            and not self.left
            and not self.eased
            and not self.meant
        )


class Beside(msgspec.Struct):
    """What the side calls about a request have come to so far."""

    calls: int = 0
    cost: int = 0
    """Nano-units of USD."""
    priced: bool = True
    """Whether every price was known."""

    def add(self, cost: int, priced: bool) -> None:
        self.calls += 1
        self.cost += cost
        self.priced = self.priced and priced


class Call(msgspec.Struct, frozen=True, gc=False):
    id: str
    operation: Operation
    dialect: str
    model: str
    """As the caller wrote it: a name, an alias, `name@channel`, `auto`, `auto:cheap`..."""
    stream: bool
    body: bytes
    view: View
    caller: Caller
    wishes: Wishes
    facts: Facts
    signals: tuple[Signal, ...] = ()
    warnings: tuple[str, ...] = ()
    """What was understood otherwise than it was said."""
    path: str = ""
    """Of an opaque operation: where at the provider it goes, behind the version."""
    forward: bytes = b""
    """Rendered header lines of the caller's that a provider speaking its dialect may see."""
    beside: Beside | None = None
    """Added up where anything may be asked about requests at all."""
    purpose: Purpose = "answer"
    parent: str | None = None
    depth: int = 0

    @property
    def user(self) -> str:
        """Whom the caller asks for; empty where it does not say."""
        return self.wishes.user or self.view.user

    @property
    def sensitive(self) -> bool:
        """Declared, by key, or found in what it says."""
        return is_sensitive(self)


def is_sensitive(call: Call) -> bool:
    """A property takes its time, and every attempt asks."""
    if call.caller.sensitive or call.wishes.sensitive:
        return True
    for signal in call.signals:  # noqa: SIM110 - asked of every channel of every request
        if signal.value is BINDS and signal.kind == SIGNAL:
            return True
    return False


def child(
    parent: Call, call_id: str, purpose: Purpose, operation: Operation, model: str, body: bytes, view: View
) -> Call:
    """A side call (judge, classifier, embedding, shadow copy): same pipeline, holds, deadline and ledger.

    It inherits who asks, how sensitive the matter is and why, and may have no children of its own.
    """
    if parent.depth >= MAX_DEPTH:
        raise ValueError(f"call {parent.id} is itself a side call and may not make another")
    return msgspec.structs.replace(
        parent,
        id=call_id,
        operation=operation,
        model=model,
        stream=False,
        body=body,
        view=view,
        facts=msgspec.structs.replace(parent.facts, home="") if parent.facts.home else parent.facts,
        signals=tuple(signal for signal in parent.signals if signal.kind == SIGNAL),
        warnings=(),
        purpose=purpose,
        parent=parent.id,
        depth=parent.depth + 1,
        beside=None,
    )
