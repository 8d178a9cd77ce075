"""Turns written as messages of Chat Completions."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence

import orjson

from fairlead.dialects import neutral
from fairlead.dialects.dialect import Target
from fairlead.dialects.openai_chat import kinds
from fairlead.dialects.openai_chat.message import GOOGLE, NAME
from fairlead.dialects.repair import repaired
from fairlead.dialects.translate import Losses

Json = dict[str, object]
LONGEST_ID = 40
MISTRAL_ID = re.compile(r"[a-zA-Z0-9]{9}")
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LATER = "The result is in the message that follows."


class Turns:
    """Writes the turns of one request."""

    def __init__(self, target: Target, custom: frozenset[str], losses: Losses) -> None:
        self._target = target
        self._kind = target.kind
        self._custom = custom
        """Names of the tools that take text instead of JSON."""
        self._losses = losses

    def messages(self, turns: Sequence[neutral.Turn]) -> list[Json]:
        ordered = repaired(turns, self._losses)
        if self._kind in kinds.FRONT_SYSTEM:
            ordered = self._system_in_front(ordered)
        found: list[Json] = []
        for turn in ordered:
            if turn.role == "system":
                found += self._system(turn)
            elif turn.role == "assistant":
                found += self._assistant(turn)
            else:
                found += self._user(turn)
        if found and found[-1]["role"] == "assistant":
            field = kinds.PREFIX.get(self._kind)
            if field is None:
                self._losses.add("last_assistant_turn")
            else:
                found[-1][field] = True
        return found

    def _system_in_front(self, turns: tuple[neutral.Turn, ...]) -> tuple[neutral.Turn, ...]:
        front = tuple(turn for turn in turns if turn.role == "system")
        if turns[: len(front)] == front:
            return turns
        self._losses.add("system_position")
        return front + tuple(turn for turn in turns if turn.role != "system")

    def _system(self, turn: neutral.Turn) -> list[Json]:
        content = self._content(turn.blocks)
        if not content:
            return []
        if "no_system" in self._target.flags:
            self._losses.add("system_role")
            return [{"role": "user", "content": content}]
        return [{"role": "system", "content": content}]

    def _user(self, turn: neutral.Turn) -> list[Json]:
        found: list[Json] = []
        media: list[neutral.Block] = []
        rest: list[neutral.Block] = []
        for block in turn.blocks:
            if isinstance(block, neutral.ToolResult):
                found.append(self._result(block, media))
            else:
                rest.append(block)
        content = self._content((*media, *rest))
        if content:
            found.append({"role": "user", "content": content})
        return found

    def _result(self, result: neutral.ToolResult, media: list[neutral.Block]) -> Json:
        texts: list[neutral.Block] = [part for part in result.content if isinstance(part, neutral.Text) and part.text]
        others = [part for part in result.content if not isinstance(part, neutral.Text)]
        if others:
            self._losses.add("tool_result_media")
            media.append(neutral.Text(f"From the tool {result.name}:" if result.name else "From the tool:"))
            media += others
            texts = texts or [neutral.Text(LATER)]
        if result.error:
            self._losses.add("tool_result_error")
            texts.insert(0, neutral.Text("Error:"))
        if result.cache:
            self._losses.add("cache_marks")
        return {"role": "tool", "tool_call_id": self._id(result.id), "content": self._content(texts) or ""}

    def _assistant(self, turn: neutral.Turn) -> list[Json]:
        message: Json = {"role": "assistant"}
        said: list[neutral.Block] = []
        calls: list[Json] = []
        refusal = ""
        for block in turn.blocks:
            if isinstance(block, neutral.ToolCall):
                calls.append(self._call(block))
            elif isinstance(block, neutral.Refusal):
                if self._kind in kinds.OPENAI:
                    refusal += block.text
                else:
                    self._losses.add("refusal_turn")
                    said.append(neutral.Text(block.text))
            elif not isinstance(block, neutral.Thinking):
                said.append(block)
        content = self._content(said)
        if not content and not calls and not refusal:
            self._thoughts(turn, message, bool(calls))
            return []
        message["content"] = content or None
        self._thoughts(turn, message, bool(calls))
        if refusal:
            message["refusal"] = refusal
        if calls:
            message["tool_calls"] = calls
        return [message]

    def _thoughts(self, turn: neutral.Turn, message: Json, calls: bool) -> None:
        thoughts = [block for block in turn.blocks if isinstance(block, neutral.Thinking)]
        if self._kind in kinds.DETAILS:
            details = [_detail(thought, number) for number, thought in enumerate(thoughts) if thought.origin == NAME]
            if details:
                message["reasoning_details"] = details
            thoughts = [thought for thought in thoughts if thought.origin != NAME]
        elif self._kind in kinds.OWN_REASONING:
            own = "".join(thought.text for thought in thoughts if thought.origin == NAME)
            if own and calls:
                message["reasoning_content"] = own
            thoughts = [thought for thought in thoughts if thought.origin != NAME]
        if thoughts:
            self._losses.add("thinking")

    def _call(self, call: neutral.ToolCall) -> Json:
        if call.cache:
            self._losses.add("cache_marks")
        if call.name in self._custom:
            return {
                "id": self._id(call.id), "type": "custom", "custom": {"name": call.name, "input": call.arguments},
            }  # fmt: skip
        found: Json = {
            "id": self._id(call.id),
            "type": "function",
            "function": {"name": call.name, "arguments": self._arguments(call)},
        }
        if call.signature and call.origin == GOOGLE and "gemini" in self._target.model:
            found["extra_content"] = {"google": {"thought_signature": call.signature}}
        return found

    def _arguments(self, call: neutral.ToolCall) -> str:
        """Arguments go back as the model wrote them; templates of some servers need an object."""
        if not call.arguments:
            return "{}"
        if self._kind in kinds.OPENAI or self._kind == "":
            return call.arguments
        try:
            whole = isinstance(orjson.loads(call.arguments), dict)
        except orjson.JSONDecodeError:
            whole = False
        if whole:
            return call.arguments
        self._losses.add("tool_arguments", call.name)
        return orjson.dumps({"input": call.arguments}).decode()

    def _id(self, name: str) -> str:
        """The call's id as the target takes it; the same for the call and its result."""
        if self._kind == "mistral":
            return name if MISTRAL_ID.fullmatch(name) else _short(name, 9)
        return name if len(name) <= LONGEST_ID else name[: LONGEST_ID - 10] + "_" + _short(name, 9)

    def _content(self, blocks: Sequence[neutral.Block]) -> str | list[Json]:
        """Text alone as a string, anything else as parts; empty where nothing is left."""
        parts: list[Json] = []
        for block in blocks:
            part = self._part(block)
            if part is not None:
                parts.append(part)
        if all(part["type"] == "text" and len(part) == 2 for part in parts):
            if len(parts) == 1:
                return str(parts[0]["text"])
            if self._kind in kinds.TEXT_ONLY:
                return "\n\n".join(str(part["text"]) for part in parts)
        return parts

    def _part(self, block: neutral.Block) -> Json | None:
        part: Json | None
        if isinstance(block, neutral.Text):
            part = {"type": "text", "text": block.text} if block.text else None
        elif isinstance(block, neutral.Image):
            url = f"data:{block.media_type or 'image/png'};base64,{block.data}" if block.data else block.url
            image = {"url": url, "detail": block.detail} if block.detail else {"url": url}
            part = {"type": "image_url", "image_url": image}
        elif isinstance(block, neutral.Audio):
            part = {"type": "input_audio", "input_audio": {"data": block.data, "format": block.format}}
        elif isinstance(block, neutral.Document):
            part = self._document(block)
        elif isinstance(block, neutral.Refusal):
            part = {"type": "text", "text": block.text}
        elif isinstance(block, neutral.Foreign):
            if block.dialect == NAME:
                part = orjson.loads(block.raw)
            else:
                self._losses.add("foreign_content", block.kind)
                part = None
        else:
            part = None
        cache = getattr(block, "cache", "")
        if cache and part is not None:
            if self._kind in kinds.CACHE_MARKS:
                part["cache_control"] = {"type": "ephemeral", "ttl": "1h"} if cache == "1h" else {"type": "ephemeral"}
            else:
                self._losses.add("cache_marks")
        return part

    def _document(self, block: neutral.Document) -> Json | None:
        text = block.text
        if not text and block.data and block.media_type.startswith("text/"):
            try:
                text = base64.b64decode(block.data, validate=True).decode()
            except ValueError:
                text = ""
        if text:
            return {"type": "text", "text": f"{block.name}:\n{text}" if block.name else text}
        if self._kind not in kinds.FILES:
            self._losses.add("document", block.media_type)
        if block.url and self._kind != "openrouter":
            self._losses.add("document", "url")
        media_type = block.media_type or "application/pdf"
        data = f"data:{media_type};base64,{block.data}" if block.data else block.url
        return {"type": "file", "file": {"filename": block.name or "document.pdf", "file_data": data}}


def _short(name: str, length: int) -> str:
    number = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:12])
    letters = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        letters.append(BASE62[rest])
    return "".join(letters)


def _detail(thought: neutral.Thinking, number: int) -> Json:
    form, _, signature = thought.signature.partition(":")
    if thought.redacted:
        detail: Json = {"type": "reasoning.encrypted", "data": signature}
    else:
        detail = {"type": "reasoning.text", "text": thought.text}
        if signature:
            detail["signature"] = signature
    if form:
        detail["format"] = form
    if thought.id:
        detail["id"] = thought.id
    return detail | {"index": number}
