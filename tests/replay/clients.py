"""What a client of each dialect asks, and its answers as the official SDK's own types read them, strictly."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anthropic.types
import openai
import openai.types
import openai.types.chat
import openai.types.responses
from google.genai import types as google
from openai.lib.streaming.chat import ChatCompletionStreamState
from pydantic import BaseModel, TypeAdapter

from tests.replay import told
from tests.replay.told import Told

_RESPONSES_EVENT: TypeAdapter[Any] = TypeAdapter(openai.types.responses.ResponseStreamEvent)
_MESSAGES_EVENT: TypeAdapter[Any] = TypeAdapter(anthropic.types.RawMessageStreamEvent)
PING = '{"type":"ping"}'
"""The SDK skips these before it reads them."""
ENDS = {
    "openai_chat": ("[DONE]",),
    "openai_responses": ("response.completed", "response.incomplete"),
    "anthropic_messages": ("message_stop",),
}


@dataclass(frozen=True)
class Client:
    dialect: str
    path: Callable[[str, bool], str]
    asks: Callable[[str, bool], dict[str, Any]]
    whole: Callable[[bytes], object]
    """Reads a whole answer by the SDK's types, strictly."""
    event: Callable[[str], object]

    def question(self, model: str, stream: bool) -> tuple[str, bytes]:
        return self.path(model, stream), json.dumps(self.asks(model, stream)).encode()

    def read(self, body: bytes, stream: bool) -> Told:
        """Raises ValueError for whatever the SDK does not take, AssertionError for a stream without its end."""
        if not stream:
            self.whole(body)
            return told.WHOLE[self.dialect](json.loads(body))
        assert body.endswith((b"\n\n", b"\r\n\r\n"))
        events = told.events(body)
        for data in events:
            if data != "[DONE]" and data != PING:
                self.event(data)
        self._check_end(events)
        if self.dialect == "openai_chat":
            _accumulate(events)
        return told.STREAM[self.dialect](body)

    def _check_end(self, events: list[str]) -> None:
        last = events[-1]
        if self.dialect == "gemini":
            finished = [data for data in events if '"finishReason"' in data or '"blockReason"' in data]
            assert finished
            return
        assert (last if last == "[DONE]" else json.loads(last).get("type")) in ENDS[self.dialect]


def _accumulate(events: list[str]) -> None:
    """As the SDK's own helper puts a stream together."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for data in events:
        if data != "[DONE]":
            state.handle_chunk(openai.types.chat.ChatCompletionChunk.model_validate_json(data))
    with suppress(openai.ContentFilterFinishReasonError, openai.LengthFinishReasonError):
        state.get_final_completion()


def _strictly(model: type[BaseModel]) -> Callable[[bytes | str], object]:
    return lambda data: model.model_validate_json(data, strict=True)


def _chat(model: str, stream: bool) -> dict[str, Any]:
    asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    return asked | {"stream": True, "stream_options": {"include_usage": True}} if stream else asked


def _responses(model: str, stream: bool) -> dict[str, Any]:
    return {"model": model, "input": "Hello", "store": False} | ({"stream": True} if stream else {})


def _messages(model: str, stream: bool) -> dict[str, Any]:
    asked: dict[str, Any] = {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}
    return asked | {"stream": True} if stream else asked


def _gemini(model: str, stream: bool) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


def _gemini_path(model: str, stream: bool) -> str:
    return f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")


CLIENTS = {
    client.dialect: client
    for client in (
        Client(
            "openai_chat",
            lambda model, stream: "/v1/chat/completions",
            _chat,
            _strictly(openai.types.chat.ChatCompletion),
            _strictly(openai.types.chat.ChatCompletionChunk),
        ),
        Client(
            "openai_responses",
            lambda model, stream: "/v1/responses",
            _responses,
            _strictly(openai.types.responses.Response),
            lambda data: _RESPONSES_EVENT.validate_json(data, strict=True),
        ),
        Client(
            "anthropic_messages",
            lambda model, stream: "/v1/messages",
            _messages,
            _strictly(anthropic.types.Message),
            lambda data: _MESSAGES_EVENT.validate_json(data, strict=True),
        ),
        # Google's types forbid what they do not know; strictness would refuse its own way of reading bytes and enums.
        Client(
            "gemini",
            _gemini_path,
            _gemini,
            lambda data: google.GenerateContentResponse.model_validate_json(data),
            lambda data: google.GenerateContentResponse.model_validate_json(data),
        ),
    )
}
