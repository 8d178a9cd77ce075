"""A Chat Completions request as the simulated provider reads it: bytes in, a checked `Ask` or a `Refusal` out.

Fields it does not know are ignored. What it refuses, it refuses in OpenAI's error shape, naming the field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from fairlead.providers.simulated import prose

MESSAGE_TOKENS = 4
REPLY_TOKENS = 3
PART_TOKENS = {"image_url": 512, "input_audio": 256, "file": 1024}

_TASK = re.compile(r"\[task:([A-Za-z0-9_.-]{1,64})\]")
_LENGTH = re.compile(r"\[tokens:(\d{1,6})\]")
_CALLS = re.compile(r"\[calls:(\d{1,2})\]")
_PATH = re.compile(r" - at `\$\.?(.*)`$")

Positive = Annotated[int, msgspec.Meta(ge=1)]


class Part(msgspec.Struct):
    type: str
    text: str | None = None


class Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    tool_calls: list[msgspec.Raw] | None = None


class Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(msgspec.Struct):
    type: str = "function"
    function: Function | None = None


class Named(msgspec.Struct):
    name: str


class ToolChoice(msgspec.Struct):
    type: str
    function: Named | None = None


class Schema(msgspec.Struct):
    name: str
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: Schema | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Reasoning(msgspec.Struct):
    """How much is to be thought as an object: by an effort, or by a number of tokens."""

    effort: str | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    enabled: bool | None = None
    exclude: bool | None = None


class Thinking(msgspec.Struct):
    """The same as an object of another make."""

    type: Literal["enabled", "disabled", "adaptive"] = "enabled"
    budget_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Body(msgspec.Struct):
    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    stop: str | Annotated[list[str], msgspec.Meta(max_length=4)] | None = None
    seed: int | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    tools: list[Tool] | None = None
    tool_choice: str | ToolChoice | None = None
    response_format: ResponseFormat | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    reasoning: Reasoning | None = None
    thinking: Thinking | None = None


class Refusal(Exception):
    """The request is answered with an error; `body` is it, in OpenAI's shape."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code

    @property
    def body(self) -> bytes:
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return error_body(self.message, kind, self.param, self.code)


def error_body(message: str, kind: str, param: str | None = None, code: str | None = None) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


class Ask(msgspec.Struct, frozen=True):
    """What the engine needs of a request."""

    body: Body
    digest: bytes
    """Over everything the engine reads except how the answer is to be transported."""
    prompt_tokens: int
    tongue: str
    task: str
    length: int | None
    """The `[tokens:N]` mark."""
    tool: Function | None
    """The function to call if one is to be called."""
    calls: int
    """The `[calls:N]` mark: how many calls to make at once."""

    @property
    def stream(self) -> bool:
        return self.body.stream is True

    @property
    def include_usage(self) -> bool:
        options = self.body.stream_options
        return options is not None and options.include_usage is True

    @property
    def limit(self) -> int | None:
        wide, narrow = self.body.max_completion_tokens, self.body.max_tokens
        return wide if wide is not None else narrow

    @property
    def stops(self) -> tuple[str, ...]:
        stop = self.body.stop
        return () if not stop else (stop,) if isinstance(stop, str) else tuple(text for text in stop if text)

    @property
    def effort(self) -> str:
        """How much is to be thought, in a word; empty where nothing says so."""
        body = self.body
        asked, thinking = body.reasoning, body.thinking
        if body.reasoning_effort is not None:
            return body.reasoning_effort
        if asked is not None:
            return "none" if asked.enabled is False else asked.effort or "medium"
        return "" if thinking is None else "none" if thinking.type == "disabled" else "medium"

    @property
    def budget(self) -> int | None:
        """The same as a number of tokens, where it is told as one."""
        asked, thinking = self.body.reasoning, self.body.thinking
        if asked is not None and asked.max_tokens is not None:
            return asked.max_tokens
        return None if thinking is None else thinking.budget_tokens

    @property
    def shows_thoughts(self) -> bool:
        return self.body.reasoning is None or self.body.reasoning.exclude is not True

    @property
    def last(self) -> Message:
        return self.body.messages[-1]


_DECODER = msgspec.json.Decoder(Body)


def read(body: bytes, headers: Mapping[bytes, bytes]) -> Ask:
    parsed = _parse(body)
    _check(parsed)
    texts = [_text(message) for message in parsed.messages]
    prompt = "\n".join(texts)
    header = headers.get(b"x-sim-task", b"").decode("latin-1")
    task = _TASK.search(prompt)
    length = _LENGTH.search(prompt)
    calls = _CALLS.search(prompt)
    turns = zip(reversed(parsed.messages), reversed(texts), strict=True)
    last = next((text for message, text in turns if message.role == "user"), "")
    return Ask(
        body=parsed,
        digest=_digest(parsed),
        prompt_tokens=_prompt_tokens(parsed, texts),
        tongue=prose.language(last),
        task=header or (task[1] if task else "default"),
        length=int(length[1]) if length else None,
        tool=_tool(parsed),
        calls=max(1, int(calls[1])) if calls and parsed.parallel_tool_calls is not False else 1,
    )


def speaks_of_a_tool(ask: Ask) -> bool:
    """Whether the last message is a user's and asks for a tool, by its name or in plain words."""
    if ask.last.role != "user" or ask.tool is None:
        return False
    text = _text(ask.last).lower()
    return ask.tool.name.lower() in text or "tool" in text or "工具" in text or "调用" in text


def _parse(body: bytes) -> Body:
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError as error:
        words = str(error)
        place = _PATH.search(words)
        missing = re.search(r"missing required field `(\w+)`", words)
        param = place[1] if place else ""
        if missing:
            param = f"{param}.{missing[1]}" if param else missing[1]
        raise Refusal(400, f"Invalid request: {words}.", param.removesuffix(".") or None) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"We could not parse the JSON body of your request: {error}.") from error


def _check(body: Body) -> None:
    if body.stream_options is not None and body.stream is not True:
        raise Refusal(400, "stream_options is only allowed when stream is true.", "stream_options")
    if body.top_logprobs is not None and body.logprobs is not True:
        raise Refusal(400, "top_logprobs needs logprobs to be true.", "top_logprobs")
    for number, tool in enumerate(body.tools or ()):
        if tool.type == "function" and tool.function is None:
            raise Refusal(400, f"Missing required field: tools[{number}].function.", f"tools[{number}].function")
    wanted = body.response_format
    if wanted is not None and wanted.type == "json_schema" and wanted.json_schema is None:
        raise Refusal(400, "Missing required field: response_format.json_schema.", "response_format.json_schema")
    choice = body.tool_choice
    if choice is None:
        return
    if not body.tools:
        raise Refusal(400, "tool_choice is only allowed when tools are given.", "tool_choice")
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        raise Refusal(400, f"Invalid tool_choice {choice!r}: use none, auto, required or a function.", "tool_choice")
    if isinstance(choice, ToolChoice) and choice.type == "function" and _tool(body) is None:
        name = choice.function.name if choice.function else ""
        raise Refusal(400, f"tool_choice names the function {name!r}, which is not in tools.", "tool_choice")


def _tool(body: Body) -> Function | None:
    functions = [tool.function for tool in body.tools or () if tool.function is not None]
    if isinstance(body.tool_choice, ToolChoice) and body.tool_choice.type == "function":
        wanted = body.tool_choice.function.name if body.tool_choice.function else ""
        return next((function for function in functions if function.name == wanted), None)
    return functions[0] if functions else None


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part.text or "" for part in message.content or ())


def _prompt_tokens(body: Body, texts: list[str]) -> int:
    total = REPLY_TOKENS + MESSAGE_TOKENS * len(texts) + sum(map(prose.count, texts))
    for message in body.messages:
        if isinstance(message.content, list):
            total += sum(PART_TOKENS.get(part.type, 0) for part in message.content)
        for call in message.tool_calls or ():
            total += prose.count(bytes(call).decode())
    declared = [msgspec.json.encode(tool) for tool in body.tools or ()]
    if body.response_format is not None and body.response_format.json_schema is not None:
        declared.append(msgspec.json.encode(body.response_format.json_schema))
    return total + sum(prose.count(text.decode()) for text in declared)


def _digest(body: Body) -> bytes:
    bare = msgspec.structs.replace(body, stream=None, stream_options=None)
    return hashlib.blake2b(msgspec.json.encode(bare, order="sorted"), digest_size=16).digest()
