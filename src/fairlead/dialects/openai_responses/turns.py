"""Turns written as items of Responses."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from msgspec import Raw

from fairlead.dialects import neutral
from fairlead.dialects.dialect import Target
from fairlead.dialects.openai_responses import tools
from fairlead.dialects.openai_responses.native import NAME
from fairlead.dialects.repair import repaired
from fairlead.dialects.translate import Losses

Json = dict[str, object]
LONGEST_ID = 64
PART = "content."
"""Before the kind of what is a part of a message, not an item."""


class Turns:
    """Writes the turns of one request."""

    def __init__(self, target: Target, custom: frozenset[str], losses: Losses) -> None:
        self._custom = custom
        """Names of the tools that take text instead of JSON."""
        self._losses = losses
        self._system = "user" if "no_system" in target.flags else "developer"
        self._texts: set[str] = set()
        """Calls of those tools, by their ids."""

    def items(self, turns: Sequence[neutral.Turn]) -> list[object]:
        found: list[object] = []
        ordered = repaired(turns, self._losses)
        for turn in ordered:
            if turn.role == "system" and self._system == "user":
                self._losses.add("system_role")
            found += self._turn(turn)
        if ordered and ordered[-1].role == "assistant":
            self._losses.add("last_assistant_turn")
        return found

    def _turn(self, turn: neutral.Turn) -> list[object]:
        said = turn.role == "assistant"
        role = self._system if turn.role == "system" else turn.role
        found: list[object] = []
        parts: list[object] = []
        for number, block in enumerate(turn.blocks):
            if getattr(block, "cache", ""):
                self._losses.add("cache_marks")
            item = self._item(block, turn.blocks[number + 1 :])
            if item is not None:
                if parts:
                    found.append({"type": "message", "role": role, "content": parts})
                    parts = []
                found += item
            else:
                parts += self._part(block, said)
        if parts:
            found.append({"type": "message", "role": role, "content": parts})
        return found

    def _item(self, block: neutral.Block, behind: Sequence[neutral.Block]) -> list[object] | None:
        """What is an item of its own, or nothing at all; None for a part of a message."""
        if isinstance(block, neutral.ToolCall):
            return [self._call(block)]
        if isinstance(block, neutral.ToolResult):
            return [self._result(block)]
        if isinstance(block, neutral.Thinking):
            return self._thought(block, behind)
        if isinstance(block, neutral.Foreign) and not block.kind.startswith(PART):
            if block.dialect == NAME:
                return [Raw(block.raw)]
            self._losses.add("foreign_content", block.kind)
            return []
        return None

    def _call(self, call: neutral.ToolCall) -> Json:
        if call.name in self._custom:
            self._texts.add(call.id)
            text = tools.text_of(call.arguments)
            return {"type": "custom_tool_call", "call_id": _id(call.id), "name": call.name, "input": text}
        return {
            "type": "function_call",
            "call_id": _id(call.id),
            "name": call.name,
            "arguments": call.arguments or "{}",
        }

    def _result(self, result: neutral.ToolResult) -> Json:
        kind = "custom_tool_call_output" if result.id in self._texts else "function_call_output"
        content: list[neutral.Block] = list(result.content)
        if result.error:
            self._losses.add("tool_result_error")
            content.insert(0, neutral.Text("Error:"))
        parts = [part for block in content for part in self._part(block, False)]
        output: object = parts
        if len(content) <= 1 and all(isinstance(block, neutral.Text) for block in content):
            output = "".join(block.text for block in content if isinstance(block, neutral.Text))
        return {"type": kind, "call_id": _id(result.id), "output": output}

    def _thought(self, thought: neutral.Thinking, behind: Sequence[neutral.Block]) -> list[object]:
        """A thought is refused where nothing of the same turn follows it."""
        follows = any(not isinstance(block, neutral.Thinking) for block in behind)
        if thought.origin != NAME or not thought.signature or not follows:
            self._losses.add("thinking")
            return []
        item: Json = {"type": "reasoning"}
        if thought.id:
            item["id"] = thought.id
        item["summary"] = [{"type": "summary_text", "text": thought.text}] if thought.text else []
        item["encrypted_content"] = thought.signature
        return [item]

    def _part(self, block: neutral.Block, said: bool) -> list[object]:
        """A part of a message; `said` by the assistant, who says only text and refusals."""
        kind = "output_text" if said else "input_text"
        if isinstance(block, neutral.Text):
            return [{"type": kind, "text": block.text}] if block.text else []
        if isinstance(block, neutral.Refusal):
            if said:
                return [{"type": "refusal", "refusal": block.text}]
            return [{"type": kind, "text": block.text}]
        if isinstance(block, neutral.Foreign) and block.dialect == NAME:
            return [Raw(block.raw)]
        if said or isinstance(block, neutral.Foreign):
            self._losses.add("foreign_content", block.kind if isinstance(block, neutral.Foreign) else "media")
            return []
        if isinstance(block, neutral.Image):
            url = f"data:{block.media_type or 'image/png'};base64,{block.data}" if block.data else block.url
            return [{"type": "input_image", "image_url": url, "detail": block.detail or "auto"}]
        if isinstance(block, neutral.Document):
            return [_document(block)]
        self._losses.add("audio")
        return []


def _document(block: neutral.Document) -> Json:
    text = block.text
    if not text and block.data and block.media_type.startswith("text/"):
        try:
            text = base64.b64decode(block.data, validate=True).decode()
        except ValueError:
            text = ""
    if text:
        return {"type": "input_text", "text": f"{block.name}:\n{text}" if block.name else text}
    if block.url:
        return {"type": "input_file", "file_url": block.url}
    data = f"data:{block.media_type or 'application/pdf'};base64,{block.data}"
    return {"type": "input_file", "filename": block.name or "document.pdf", "file_data": data}


def _id(name: str) -> str:
    """The call's id as providers take it; the same for the call and its result."""
    if len(name) <= LONGEST_ID:
        return name
    return f"{name[: LONGEST_ID - 17]}_{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
