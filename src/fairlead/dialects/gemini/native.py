"""Google's Gemini API: what we read of a request and of its answers. Everything else passes by untouched.

Requests come in camelCase and in snake_case, even mixed in one body: both spellings of what fairlead acts on are typed
here. Answers are always camelCase. The model and whether to stream stand in the path.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.call import Shape
from fairlead.core.record import Usage
from fairlead.dialects import hosted, neutral
from fairlead.dialects import thinking as scale
from fairlead.dialects.body import decode
from fairlead.dialects.json import EMPTY, given
from fairlead.dialects.uncounted import GEMINI, rest
from fairlead.dialects.weighing import MOST_TOKENS, unreadable
from fairlead.dialects.wishes import Options
from fairlead.errors import BadRequest, RequestError

DIALECT = "gemini"
NAME_LIMIT = 256
MOST_OUTPUT = 2**31 - 1
MOST_ANSWERS = 8
LARGEST_PAGE = 1000


# ---- requests


class Blob(Struct):
    mimeType: str | None = None
    mime_type: str | None = None


class Part(Struct):
    text: str | None = None
    inlineData: Blob | None = None
    inline_data: Blob | None = None
    fileData: Blob | None = None
    file_data: Blob | None = None
    functionCall: Raw | UnsetType = UNSET
    function_call: Raw | UnsetType = UNSET
    functionResponse: Raw | UnsetType = UNSET
    function_response: Raw | UnsetType = UNSET


class Content(Struct):
    role: str | None = None
    parts: list[Part] | Part | None = None


class Thoughts(Struct):
    thinkingLevel: str | None = None
    thinking_level: str | None = None
    thinkingBudget: int | None = None
    thinking_budget: int | None = None
    includeThoughts: bool | None = None
    include_thoughts: bool | None = None


class Generation(Struct):
    maxOutputTokens: int | None = None
    max_output_tokens: int | None = None
    candidateCount: int | None = None
    candidate_count: int | None = None
    responseLogprobs: bool | None = None
    response_logprobs: bool | None = None
    responseMimeType: str | None = None
    response_mime_type: str | None = None
    responseSchema: Raw | UnsetType = UNSET
    response_schema: Raw | UnsetType = UNSET
    responseJsonSchema: Raw | UnsetType = UNSET
    response_json_schema: Raw | UnsetType = UNSET
    thinkingConfig: Thoughts | None = None
    thinking_config: Thoughts | None = None


class Request(Struct):
    contents: list[Content] | Content | None = None
    systemInstruction: Content | str | None = None
    system_instruction: Content | str | None = None
    tools: Raw | UnsetType = UNSET
    generationConfig: Generation | None = None
    generation_config: Generation | None = None
    model: str | None = None
    fairlead: Options | None = None


class CountRequest(Request):
    generateContentRequest: Raw | UnsetType = UNSET
    generate_content_request: Raw | UnsetType = UNSET


_REQUEST = msgspec.json.Decoder(Request)
_COUNT = msgspec.json.Decoder(CountRequest)
_LIST = msgspec.json.Decoder(list[Raw])
_TOOL = msgspec.json.Decoder(dict[str, Raw])
FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(CountRequest)) | {
    "toolConfig", "tool_config", "safetySettings", "safety_settings", "cachedContent", "cached_content", "labels",
}  # fmt: skip
_NO_GENERATION = Generation()
_NO_THOUGHTS = Thoughts()


class GeminiView:
    """The decoded request with what can be read off it, worked out on first use."""

    __slots__ = (
        "_neutral", "_shape", "body", "contents", "generation", "generations", "model", "options", "request", "stream", "thoughts",
    )  # fmt: skip
    user = ""  # the dialect has no place for it
    predicted = 0

    def __init__(self, request: Request, body: bytes, model: str, stream: bool) -> None:
        self.request = request
        self.body = body
        self.model = model
        self.stream = stream
        self.options = request.fairlead
        self.contents = _listed(request.contents)
        self.generations = tuple(
            one for one in (request.generationConfig, request.generation_config) if one is not None
        )
        """Both where both spellings are there: which of them is read is Google's to say, so what is dearer counts."""
        self.generation = self.generations[0] if self.generations else _NO_GENERATION
        self.thoughts = self.generation.thinkingConfig or self.generation.thinking_config or _NO_THOUGHTS
        self._shape: Shape | None = None
        self._neutral: neutral.Request | None = None

    @property
    def answers(self) -> int:
        return self._largest("candidateCount", "candidate_count") or 1

    @property
    def shows_thoughts(self) -> bool:
        """Whether the caller wants to see thoughts."""
        return bool(self.thoughts.includeThoughts or self.thoughts.include_thoughts)

    def texts(self) -> Iterator[tuple[str, str]]:
        system = self.request.systemInstruction or self.request.system_instruction
        if isinstance(system, str):
            yield "system", system
        elif system is not None:
            for part in _parts(system):
                if part.text is not None:
                    yield "system", part.text
        for content in self.contents:
            role = "assistant" if content.role == "model" else "user"
            for part in _parts(content):
                if part.text is not None:
                    yield role, part.text

    def shape(self) -> Shape:
        if self._shape is None:
            self._shape = _shape(self)
        return self._shape

    @property
    def max_output(self) -> int | None:
        return self._largest("maxOutputTokens", "max_output_tokens")

    def _largest(self, *names: str) -> int | None:
        told = [getattr(one, name) for one in self.generations for name in names]
        return max((count for count in told if count is not None), default=None)

    def neutral(self) -> neutral.Request:
        if self._neutral is None:
            from fairlead.dialects.gemini import reading

            self._neutral = reading.read(self)
        return self._neutral


def _listed(contents: list[Content] | Content | None) -> list[Content]:
    if contents is None:
        return []
    return contents if isinstance(contents, list) else [contents]


def _parts(content: Content) -> list[Part]:
    if content.parts is None:
        return []
    return content.parts if isinstance(content.parts, list) else [content.parts]


def _shape(view: GeminiView) -> Shape:
    chars = utf8 = images = audio = documents = 0
    for _, text in view.texts():
        chars += len(text)
        utf8 += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    tools, declared = _declared(view.request.tools)
    for content in view.contents:
        for part in _parts(content):
            blob = part.inlineData or part.inline_data or part.fileData or part.file_data
            if blob is not None:
                kind = (blob.mimeType or blob.mime_type or "").partition("/")[0]
                images += kind == "image"
                audio += kind == "audio"
                documents += kind not in ("image", "audio")
            for raw in (part.functionCall, part.function_call, part.functionResponse, part.function_response):
                declared += 0 if raw is UNSET else len(raw)
    generation = view.generation
    schemas = (
        generation.responseSchema,
        generation.response_schema,
        generation.responseJsonSchema,
        generation.response_json_schema,
    )
    schema = next((bytes(raw) for raw in schemas if given(raw)), b"")
    mime = generation.responseMimeType or generation.response_mime_type
    declared += len(schema)
    return Shape(
        chars=chars,
        utf8=utf8,
        turns=len(view.contents),
        images=images,
        audio=audio,
        documents=documents,
        tools=tools,
        tool_bytes=declared,
        json_schema=bool(schema),
        json_object=mime == "application/json" and not schema,
        logprobs=bool(generation.responseLogprobs or generation.response_logprobs),
        reasoning=_reasoning(view.thoughts),
        max_output=view.max_output,
        answers=view.answers,
        rest=rest(view.body, utf8 + declared, len(view.contents), GEMINI),
    )


def _reasoning(thoughts: Thoughts) -> str | None:
    level = thoughts.thinkingLevel or thoughts.thinking_level
    if level is not None:
        return level.lower()
    budget = thoughts.thinkingBudget if thoughts.thinkingBudget is not None else thoughts.thinking_budget
    if budget is None or budget < 0:
        return None
    return scale.effort_of(budget)


def tools_of(raw: Raw | UnsetType) -> list[dict[str, Raw]]:
    """The tools as they stand, a single one too."""
    if raw is UNSET or bytes(raw) in EMPTY:
        return []
    try:
        listed = _LIST.decode(raw) if bytes(raw)[:1] == b"[" else [raw]
        return [_TOOL.decode(one) for one in listed]
    except msgspec.DecodeError:
        raise BadRequest("tools has to be a list of objects.", param="tools", code="wrong_type") from None


def _declared(raw: Raw | UnsetType) -> tuple[int, int]:
    """(how many tools, bytes of their declarations)."""
    if raw is UNSET:
        return 0, 0
    count = 0
    for tool in tools_of(raw):
        for field, value in tool.items():
            if field in ("functionDeclarations", "function_declarations"):
                try:
                    count += len(_LIST.decode(value))
                except msgspec.DecodeError:
                    count += 1
            else:
                count += 1
    return count, len(raw)


def read_request(body: bytes, model: str = "", stream: bool = False) -> GeminiView:
    """Decode and check; every complaint names the field and what it should be."""
    return _view(decode(body, _REQUEST, FIELDS), body, model, stream)


def _view(request: Request, body: bytes, model: str, stream: bool) -> GeminiView:
    name = model or (request.model or "").removeprefix("models/")
    if not name:
        raise BadRequest("There is no model in the path; name a model, or 'auto'.", param="model")
    if len(name) > NAME_LIMIT:
        raise BadRequest(f"model is longer than {NAME_LIMIT} characters; no model has such a name.", param="model")
    view = GeminiView(request, body, name, stream)
    if not view.contents:
        raise BadRequest("contents is empty; send at least one content.", param="contents")
    for field, value, most in (
        ("generationConfig.maxOutputTokens", view.max_output, MOST_OUTPUT),
        ("generationConfig.candidateCount", view.answers, MOST_ANSWERS),
    ):
        if value is not None and not 1 <= value <= most:
            raise BadRequest(f"{field} is {value}; it has to be from 1 to {most}.", param=field)
    return view


# ---- counting tokens


def read_count(body: bytes, model: str = "") -> GeminiView:
    """Tokens are counted of `contents`, or of a whole `generateContentRequest`."""
    request = decode(body, _COUNT, FIELDS)
    whole = request.generateContentRequest
    if whole is UNSET:
        whole = request.generate_content_request
    if whole is UNSET or bytes(whole) in EMPTY:
        return _view(request, body, model, False)
    view = read_request(bytes(whole), model)
    view.options = view.options or request.fairlead
    return view


def write_count(tokens: int) -> bytes:
    return b'{"totalTokens":%d}' % tokens


# ---- answers


class UsageMetadata(Struct):
    promptTokenCount: int | None = None
    candidatesTokenCount: int | None = None
    thoughtsTokenCount: int | None = None
    toolUsePromptTokenCount: int | None = None
    cachedContentTokenCount: int | None = None
    totalTokenCount: int | None = None
    promptTokensDetails: Raw | UnsetType = UNSET
    cacheTokensDetails: Raw | UnsetType = UNSET
    candidatesTokensDetails: Raw | UnsetType = UNSET


class _Modality(Struct):
    modality: str | None = None
    tokenCount: int | None = None


class Feedback(Struct):
    blockReason: str | None = None
    blockReasonMessage: str | None = None


class _Answer(Struct):
    candidates: Raw | UnsetType = UNSET
    promptFeedback: Feedback | None = None
    usageMetadata: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)
_USAGE = msgspec.json.Decoder(UsageMetadata)
_MODALITIES = msgspec.json.Decoder(list[_Modality])


def read_usage(raw: Raw | UnsetType) -> Usage | None:
    """None where nothing usable was reported. A provider's odd figures never make its answer a bad one."""
    if raw is UNSET or bytes(raw) in EMPTY:
        return None
    try:
        found = _USAGE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found.promptTokenCount is None:
        return None
    tools, thoughts = found.toolUsePromptTokenCount or 0, found.thoughtsTokenCount or 0
    prompt = found.promptTokenCount + tools
    output = (found.candidatesTokenCount or 0) + thoughts
    if min(found.promptTokenCount, tools, thoughts, output) < 0 or not 0 < prompt + output < MOST_TOKENS:
        return None
    cached = min(max(found.cachedContentTokenCount or 0, 0), prompt)
    usage = Usage(prompt, output, cached, 0, 0, min(thoughts, output))
    if b"AUDIO" in bytes(raw) or b"IMAGE" in bytes(raw):
        return _with_media(usage, found)
    return usage


def _with_media(usage: Usage, found: UsageMetadata) -> Usage:
    """What came from a cache is billed as that, whatever it is."""
    read, cached, made = map(
        _modalities, (found.promptTokensDetails, found.cacheTokensDetails, found.candidatesTokensDetails)
    )
    return msgspec.structs.replace(
        usage,
        image_input=min(max(read["IMAGE"] - cached["IMAGE"], 0), usage.input),
        audio_input=min(max(read["AUDIO"] - cached["AUDIO"], 0), usage.input),
        image_output=min(made["IMAGE"], usage.output),
        audio_output=min(made["AUDIO"], usage.output),
    )


def _modalities(raw: Raw | UnsetType) -> dict[str, int]:
    found = {"IMAGE": 0, "AUDIO": 0}
    if raw is not UNSET:
        try:
            for one in _MODALITIES.decode(raw):
                if one.modality in found:
                    found[one.modality] += max(one.tokenCount or 0, 0)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {"IMAGE": 0, "AUDIO": 0}
    return found


def account(body: bytes) -> tuple[Usage | None, str]:
    """(usage, why it is no answer). The second is empty for a proper one."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return unreadable(body)
    usage = read_usage(answer.usageMetadata)
    if given(answer.error):
        return usage or Usage(), "the provider sent an error with status 200"
    if usage is not None:
        usage = hosted.with_calls(usage, hosted.of_candidates(answer.candidates))
    if answer.candidates is UNSET or bytes(answer.candidates) in EMPTY:
        if answer.promptFeedback is not None and answer.promptFeedback.blockReason:
            return usage, ""
        return usage, "the provider's answer holds no candidates"
    return usage, ""


# ---- errors

STATUS: dict[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    431: "INVALID_ARGUMENT",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_TYPES = "type.googleapis.com/google.rpc."


def status_name(status: int) -> str:
    return STATUS.get(status) or ("INVALID_ARGUMENT" if 400 <= status < 500 else "INTERNAL")


def error_body(error: RequestError, request_id: str) -> bytes:
    about = {"requestId": request_id} if error.param is None else {"requestId": request_id, "param": error.param}
    details: list[dict[str, Any]] = [
        {"@type": f"{_TYPES}ErrorInfo", "reason": error.code.upper(), "domain": "fairlead", "metadata": about}
    ]
    if error.retry_after is not None:
        details.append({"@type": f"{_TYPES}RetryInfo", "retryDelay": f"{math.ceil(error.retry_after)}s"})
    told = {"code": error.status, "message": error.message, "status": status_name(error.status), "details": details}
    return orjson.dumps({"error": told})


def error_event(error: RequestError, request_id: str) -> bytes:
    """An error after the stream has begun: the last chunk is the error, and no finish reason comes."""
    return b"data: " + error_body(error, request_id) + b"\r\n\r\n"


# ---- the list of models


def models_page(names: Iterable[str], size: int = 50, token: str = "") -> bytes:
    """A page of the models behind the one `token` stands for."""
    listed = sorted(names)
    if token:
        try:
            last = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        except ValueError:
            raise BadRequest("pageToken is not one that was given out here.", param="pageToken") from None
        listed = [name for name in listed if name > last]
    size = max(1, min(size or 50, LARGEST_PAGE))
    page: dict[str, Any] = {"models": [_model(name) for name in listed[:size]]}
    if len(listed) > size:
        page["nextPageToken"] = base64.urlsafe_b64encode(listed[size - 1].encode()).rstrip(b"=").decode()
    return orjson.dumps(page)


def one_model(name: str) -> bytes:
    return orjson.dumps(_model(name.removeprefix("models/")))


def _model(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
    }
