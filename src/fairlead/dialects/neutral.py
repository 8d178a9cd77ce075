"""What every dialect can say, said once: the middle of each translation.

A dialect reads its own bytes into these types and writes its own bytes from them, so n dialects need 2n directions, not
n x n. Same-dialect traffic never comes here: it passes untouched.

Texts that stream are kept as the JSON string literals they came as (`Delta.data`): every dialect here is JSON, so no
text is decoded and encoded again on its way.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from fairlead.core.record import Usage

Role = Literal["system", "user", "assistant"]
Mode = Literal["auto", "none", "required", "tool"]
Stop = Literal["end", "stop_sequence", "length", "tool_use", "content_filter", "refusal", "pause", "context"]
"""Why a model stopped. `context` is the end of its context window, `pause` a long turn to be sent again as it is."""
Kind = Literal["text", "thinking", "tool", "refusal"]

# ---- content


class Citation(Struct, gc=False):
    """A page that a text rests on."""

    url: str
    title: str = ""
    quote: str = ""
    """The words of the page."""
    start: int = -1
    """Where in the block's text it belongs, in characters; -1 where that is not told."""
    end: int = -1


class Text(Struct):
    text: str
    cache: str = ""
    """A cache mark behind this block: its lifetime ("5m", "1h"), empty for none."""
    citations: tuple[Citation, ...] = ()
    """Of an answer."""


class Image(Struct, gc=False):
    """By its bytes (`data`, base64) or by its address (`url`)."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    detail: str = ""
    cache: str = ""


class Document(Struct, gc=False):
    media_type: str = ""
    data: str = ""
    url: str = ""
    text: str = ""
    """A document given as plain text."""
    name: str = ""
    cache: str = ""


class Audio(Struct, gc=False):
    format: str
    data: str


class Thinking(Struct, gc=False):
    """A model's reasoning. `signature` is what its maker wants back unchanged; `origin` is the dialect that made it."""

    text: str
    signature: str = ""
    origin: str = ""
    redacted: bool = False
    """Only `signature` says anything, and only to its maker."""
    id: str = ""


class ToolCall(Struct):
    id: str
    name: str
    arguments: str
    """JSON text of an object, "{}" when there are none. What a model wrote badly is kept as it is."""
    signature: str = ""
    """What the maker of the call wants back with it (Gemini's thoughtSignature)."""
    origin: str = ""
    cache: str = ""


class ToolResult(Struct):
    id: str
    content: tuple[Text | Image | Document, ...]
    name: str = ""
    error: bool = False
    cache: str = ""


class Refusal(Struct, gc=False):
    text: str


class Foreign(Struct, gc=False):
    """Something only its own dialect knows (a server tool's call or result, a container): its JSON as it came."""

    dialect: str
    kind: str
    raw: bytes


Block = Text | Image | Document | Audio | Thinking | ToolCall | ToolResult | Refusal | Foreign


class Turn(Struct):
    role: Role
    blocks: tuple[Block, ...]


# ---- requests


class Tool(Struct):
    name: str
    description: str = ""
    parameters: bytes = b""
    """Its JSON schema; empty when none was given."""
    strict: bool | None = None
    cache: str = ""
    freeform: bytes = b""
    """Of a tool that takes text instead of JSON: itself as its own dialect says it. Elsewhere `parameters` hold that
    text as one argument."""


class ForeignTool(Struct):
    """A tool the provider itself runs, or of a kind only one dialect has: its JSON as it came."""

    dialect: str
    kind: str
    raw: bytes


class Format(Struct):
    """The form an answer has to have. An empty `schema` stands for any JSON object."""

    schema: bytes = b""
    name: str = ""
    description: str = ""
    strict: bool | None = None


class Reasoning(Struct):
    """At most one of `effort` (none, minimal, low, medium, high, xhigh, max) and `budget` (tokens) is set; neither
    leaves the amount to the model. `visible` asks for the thoughts, or a summary of them."""

    effort: str = ""
    budget: int | None = None
    visible: bool | None = None


class Request(Struct, kw_only=True):
    model: str
    turns: tuple[Turn, ...]
    """System turns come where they stood; most dialects put them in front."""
    tools: tuple[Tool, ...] = ()
    foreign_tools: tuple[ForeignTool, ...] = ()
    tool_choice: Mode | None = None
    tool_name: str = ""
    """The tool of `tool_choice` "tool"."""
    parallel: bool | None = None
    """Whether several tools may be called in one turn."""
    format: Format | None = None
    reasoning: Reasoning | None = None
    max_output: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    answers: int = 1
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    user: str = ""
    verbosity: str = ""
    stream: bool = False
    others: dict[str, bytes] = {}
    """Fields of the request that have no place here, by name, as JSON: only their own dialect knows them."""


# ---- answers


class Answer(Struct, kw_only=True):
    id: str
    model: str
    blocks: tuple[Block, ...]
    stop: Stop
    stop_sequence: str = ""
    usage: Usage | None = None
    created: int = 0
    logprobs: bytes = b""
    """How sure the model was of each token, in the words of Chat Completions; empty where that is not told."""
    unread: tuple[str, ...] = ()
    """What of the provider's answer has no place here: rules of `translate`, each with what it met."""


# ---- streamed answers: Begin, then blocks (Open, Delta..., Cite..., Close), then Finish; Used wherever usage is told


class Begin(Struct, gc=False):
    id: str
    model: str
    created: int = 0


class Open(Struct, gc=False):
    """A block begins. Indexes rise by one; several tool blocks may be open at once, other blocks follow each other."""

    index: int
    kind: Kind
    id: str = ""
    name: str = ""


class Delta(Struct, gc=False):
    """More of a block: `data` is a JSON string literal, quotes included. For a tool it is a piece of its arguments."""

    index: int
    kind: Kind
    data: bytes
    logprobs: bytes = b""
    """Of the tokens of a text, as in an Answer."""


class Run(Struct, gc=False):
    """Deltas of one block that came together: each of `data` is one."""

    index: int
    kind: Kind
    data: list[bytes]

    def deltas(self) -> list[Delta]:
        return [Delta(self.index, self.kind, data) for data in self.data]


class Cite(Struct):
    """A page that a text rests on which is still open; the words that do have come."""

    index: int
    citation: Citation


class Sign(Struct, gc=False):
    """The signature of a block (see Thinking and ToolCall), packed with its maker's dialect (see `signatures`); a
    redacted thought is an Open, a Sign and a Close."""

    index: int
    signature: str
    redacted: bool = False


class Close(Struct, gc=False):
    index: int


class Used(Struct, gc=False):
    """All that was used so far: a later one replaces an earlier one."""

    usage: Usage


class Finish(Struct, gc=False):
    stop: Stop
    stop_sequence: str = ""


class Broken(Struct, gc=False):
    """The provider reported an error in the stream."""

    message: str
    code: str = ""


class End(Struct, gc=False):
    """The provider's own mark that the answer is whole. Without it, or a Finish, a stream was cut."""

    told: str = ""
    """What is said of the stream beside its answer (what it lost, who went on with it), where its readers know no comments."""


Event = Begin | Open | Delta | Run | Cite | Sign | Close | Used | Finish | Broken | End
