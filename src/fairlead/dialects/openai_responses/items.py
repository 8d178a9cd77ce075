"""Items of Responses read into neutral blocks: those of a request's input, and those of an answer's output.

An item of a kind that only this dialect has stays what it is (`Foreign`). So does a part of a message.
"""

from __future__ import annotations

import msgspec
import orjson
from msgspec import Raw, Struct

from fairlead.dialects import citations, neutral, signatures
from fairlead.dialects.logprobs import Sure
from fairlead.dialects.openai_responses import tools
from fairlead.dialects.openai_responses.native import NAME

DATA = "data:"
OF_CALL = signatures.CALL + "="
"""Between the origin of a call's signature and the call's id: the item that holds it stands anywhere near the call."""
REDACTED = "+redacted"
"""Behind the origin of a signature that stands for a thought whose words are not shown."""
RESULTS = frozenset({"function_call_output", "custom_tool_call_output"})
BETWEEN = "\n\n"
LATEST = 2**40
"""Seconds; a time behind it is a mistake."""


class _Kind(Struct):
    type: str | None = None
    role: str | None = None


class Message(Struct):
    content: str | list[Raw] | None = None


class Part(Struct):
    type: str | None = None
    text: str | None = None
    refusal: str | None = None


class Told(Struct):
    """What stands beside a text of an answer."""

    type: str | None = None
    annotations: list[citations.Annotation] | None = None
    logprobs: list[Sure] | None = None


class _ImageUrl(Struct):
    url: str


class Image(Struct):
    image_url: str | _ImageUrl | None = None
    detail: str | None = None


class File(Struct):
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None


class _AudioData(Struct):
    data: str
    format: str | None = None


class Audio(Struct):
    input_audio: _AudioData


class FunctionCall(Struct):
    call_id: str | None = None
    id: str | None = None
    name: str = ""
    namespace: str | None = None
    arguments: str | None = None


class CustomCall(Struct):
    call_id: str | None = None
    id: str | None = None
    name: str = ""
    namespace: str | None = None
    input: str | None = None


class Output(Struct):
    call_id: str = ""
    output: str | list[Raw] | None = None


class Said(Struct):
    text: str | None = None


class Reasoning(Struct):
    id: str | None = None
    summary: list[Said] | None = None
    content: list[Said] | None = None
    encrypted_content: str | None = None


_KIND = msgspec.json.Decoder(_Kind)
_MESSAGE = msgspec.json.Decoder(Message)
_PART = msgspec.json.Decoder(Part)
_PART_KIND = msgspec.json.Decoder(_Kind)
_TOLD = msgspec.json.Decoder(Told)
_IMAGE = msgspec.json.Decoder(Image)
_FILE = msgspec.json.Decoder(File)
_AUDIO = msgspec.json.Decoder(Audio)
_FUNCTION_CALL = msgspec.json.Decoder(FunctionCall)
_CUSTOM_CALL = msgspec.json.Decoder(CustomCall)
_OUTPUT = msgspec.json.Decoder(Output)
_REASONING = msgspec.json.Decoder(Reasoning)


def kind(raw: bytes) -> tuple[str, str]:
    """(type, role) of an item; a message may leave its type out."""
    found = _KIND.decode(raw)
    return found.type or ("message" if found.role else ""), found.role or ""


def message(raw: bytes) -> tuple[neutral.Block, ...]:
    content = _MESSAGE.decode(raw).content
    if isinstance(content, str):
        return (neutral.Text(content),) if content else ()
    return tuple(part(bytes(one)) for one in content or ())


def part(raw: bytes) -> neutral.Block:
    kind_ = _PART_KIND.decode(raw).type or ""
    if kind_ in ("input_text", "output_text", "text", "summary_text", "reasoning_text"):
        return neutral.Text(_PART.decode(raw).text or "")
    if kind_ == "refusal":
        return neutral.Refusal(_PART.decode(raw).refusal or "")
    if kind_ == "input_image":
        return _image(raw)
    if kind_ == "input_file":
        return _file(raw)
    if kind_ == "input_audio":
        sound = _AUDIO.decode(raw).input_audio
        return neutral.Audio(sound.format or "wav", sound.data)
    return neutral.Foreign(NAME, f"content.{kind_}", raw)


def _image(raw: bytes) -> neutral.Block:
    found = _IMAGE.decode(raw)
    url = found.image_url.url if isinstance(found.image_url, _ImageUrl) else found.image_url
    if not url:
        return neutral.Foreign(NAME, "content.input_image", raw)
    media_type, data = inline(url)
    detail = "" if found.detail in (None, "auto") else found.detail or ""
    return neutral.Image(media_type, data, "" if data else url, detail)


def _file(raw: bytes) -> neutral.Block:
    found = _FILE.decode(raw)
    name = found.filename or ""
    if found.file_data:
        media_type, data = inline(found.file_data)
        return neutral.Document(media_type or "application/pdf", data or found.file_data, name=name)
    if found.file_url:
        return neutral.Document(url=found.file_url, name=name)
    return neutral.Foreign(NAME, "content.input_file", raw)


def inline(url: str) -> tuple[str, str]:
    """(media type, base64) of a data: URL; both empty for any other."""
    head, comma, data = url[len(DATA) :].partition(",") if url.startswith(DATA) else ("", "", "")
    if not comma or not head.endswith(";base64"):
        return "", ""
    return head.removesuffix(";base64").split(";")[0], data


def function_call(raw: bytes) -> neutral.ToolCall:
    found = _FUNCTION_CALL.decode(raw)
    name = tools.flat_name(found.namespace or "", found.name)
    return neutral.ToolCall(found.call_id or found.id or "", name, (found.arguments or "").strip() or "{}")


def custom_call(raw: bytes) -> neutral.ToolCall:
    found = _CUSTOM_CALL.decode(raw)
    name = tools.flat_name(found.namespace or "", found.name)
    return neutral.ToolCall(found.call_id or found.id or "", name, tools.arguments_of(found.input or ""))


def result(raw: bytes) -> tuple[neutral.ToolResult, tuple[neutral.Block, ...]]:
    """(the result, what of it no other dialect's results can hold: it follows them)."""
    found = _OUTPUT.decode(raw)
    if isinstance(found.output, str):
        return neutral.ToolResult(found.call_id, (neutral.Text(found.output),)), ()
    content: list[neutral.Text | neutral.Image | neutral.Document] = []
    others: list[neutral.Block] = []
    for one in found.output or ():
        block = part(bytes(one))
        if isinstance(block, neutral.Text | neutral.Image | neutral.Document):
            content.append(block)
        else:
            others.append(block)
    return neutral.ToolResult(found.call_id, tuple(content)), tuple(others)


def thought(raw: bytes, answered: bool = False) -> neutral.Thinking | None:
    """A reasoning item; what another dialect's provider signed is its own again, but what a provider `answered` is that
    provider's. None where nothing is in it."""
    found = _REASONING.decode(raw)
    text = BETWEEN.join(said.text for said in found.summary or () if said.text)
    if not text:
        text = BETWEEN.join(said.text for said in found.content or () if said.text)
    signature = found.encrypted_content or ""
    if not text and not signature:
        return None
    origin, unpacked = ("", signature) if answered else signatures.unpack(signature)
    if not origin:
        return neutral.Thinking(text, signature, NAME, bool(signature) and not text, found.id or "")
    return neutral.Thinking(text, unpacked, origin.removesuffix(REDACTED), origin.endswith(REDACTED))


def packed(origin: str, signature: str, redacted: bool) -> str:
    """A signature as a client of this dialect gets it; its own providers' as it is."""
    if not signature or origin == NAME:
        return signature
    return signatures.pack(origin + REDACTED if redacted else origin, signature)


def packed_for_call(origin: str, signature: str, call_id: str) -> str:
    return signatures.pack(f"{origin}{OF_CALL}{call_id.replace('.', '%2E')}", signature)


class Reader:
    """Reads items that follow each other into the blocks of turns."""

    def __init__(self) -> None:
        self.turns: list[neutral.Turn] = []
        self._waiting: dict[str, tuple[str, str]] = {}
        """(signature, whose it is) of calls that follow, by their ids."""
        self._calls: dict[str, neutral.ToolCall] = {}
        self._results = -1
        """The turn that holds the results which come now; -1 for none."""

    def read(self, raw: bytes) -> None:
        kind_, role = kind(raw)
        if kind_ == "message":
            self._message(role, message(raw))
        elif kind_ in RESULTS:
            self._result(*result(raw))
        elif kind_ == "function_call":
            self._call(function_call(raw))
        elif kind_ == "custom_tool_call":
            self._call(custom_call(raw))
        elif kind_ == "reasoning":
            self._thought(thought(raw))
        elif kind_.endswith(("_call", "_approval_request", "mcp_list_tools")):
            self._said(neutral.Foreign(NAME, kind_, raw))
        else:
            self._turn("user", (neutral.Foreign(NAME, kind_, raw),))

    def _message(self, role: str, blocks: tuple[neutral.Block, ...]) -> None:
        if role == "assistant":
            for block in blocks:
                self._said(block)
        else:
            self._turn("system" if role in ("system", "developer") else "user", blocks)

    def _turn(self, role: neutral.Role, blocks: tuple[neutral.Block, ...]) -> None:
        self._results = -1
        self.turns.append(neutral.Turn(role, blocks))

    def _said(self, block: neutral.Block) -> None:
        """The assistant's items that follow each other are one turn."""
        if self.turns and self.turns[-1].role == "assistant":
            self.turns[-1] = neutral.Turn("assistant", (*self.turns[-1].blocks, block))
        else:
            self._turn("assistant", (block,))

    def _call(self, call: neutral.ToolCall) -> None:
        call.signature, call.origin = self._waiting.pop(call.id, ("", ""))
        self._calls[call.id] = call
        self._said(call)

    def _result(self, found: neutral.ToolResult, others: tuple[neutral.Block, ...]) -> None:
        """Results that follow each other are one turn, `others` of all of them one more behind it."""
        call = self._calls.get(found.id)
        found.name = "" if call is None else call.name
        if self._results < 0:
            self._turn("user", (found,))
            self._results = len(self.turns) - 1
        else:
            self._add(self._results, (found,))
        if not others:
            return
        if self._results + 1 == len(self.turns):
            self.turns.append(neutral.Turn("user", others))
        else:
            self._add(self._results + 1, others)

    def _add(self, at: int, blocks: tuple[neutral.Block, ...]) -> None:
        self.turns[at] = neutral.Turn("user", (*self.turns[at].blocks, *blocks))

    def _thought(self, found: neutral.Thinking | None) -> None:
        if found is None:
            return
        origin, of_call, escaped = found.origin.partition(OF_CALL)
        if not of_call:
            self._said(found)
            return
        call_id = escaped.replace("%2E", ".")
        call = self._calls.get(call_id)
        if call is None:
            self._waiting[call_id] = found.signature, origin
        else:
            call.signature, call.origin = found.signature, origin


def output(raw: bytes) -> list[neutral.Block]:
    """One item of an answer that is no message."""
    kind_, _ = kind(raw)
    if kind_ == "function_call":
        return [function_call(raw)]
    if kind_ == "custom_tool_call":
        return [custom_call(raw)]
    if kind_ == "reasoning":
        found = thought(raw, answered=True)
        return [] if found is None else [found]
    return [neutral.Foreign(NAME, kind_, raw)]


Beside = tuple[neutral.Block, list[Sure], list[str]]
"""A part with its sources, the probabilities of its tokens, and what of it has no place."""


def answered(raw: bytes) -> list[Beside]:
    """The parts of an answer's message."""
    content = _MESSAGE.decode(raw).content
    if isinstance(content, str):
        return [(neutral.Text(content), [], [])]
    return [_beside(bytes(one)) for one in content or ()]


def _beside(raw: bytes) -> Beside:
    block = part(raw)
    if not isinstance(block, neutral.Text):
        return block, [], []
    try:
        told = _TOLD.decode(raw)
    except msgspec.DecodeError:
        return block, [], ["citations"]
    cited, unread = citations.annotated(told.annotations or ())
    return neutral.Text(block.text, citations=tuple(cited)), told.logprobs or [], unread


def heading(body: bytes) -> tuple[str, str, int]:
    """(id, model, time) of a response. None of them is needed."""
    found = orjson.loads(body)
    name, model, created = found.get("id"), found.get("model"), found.get("created_at")
    return (
        name if isinstance(name, str) else "",
        model if isinstance(model, str) else "",
        int(created) if isinstance(created, int | float) and 0 <= created < LATEST else 0,
    )
