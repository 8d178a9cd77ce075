"""A whole response told as a stream, and a stream gathered into the response it told: for answers that are told again.

The last event of a stream repeats all of it, so gathering is reading that one. Told from a whole one, a text comes in one
piece, and an item of a kind that is not text is told when it begins and once more when it ends.
"""

from __future__ import annotations

from typing import Any

import orjson

from fairlead.dialects.replaying import Json, events, named

CALLS = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
    "mcp_call": ("arguments", "response.mcp_call_arguments"),
}
"""Kind of an item -> the field that is told piece by piece, and how the events are called."""
PARTS = {"output_text": ("text", "response.output_text"), "refusal": ("refusal", "response.refusal")}


def proper(answer: Json) -> bool:
    if answer.get("status") != "completed" or answer.get("error") or answer.get("incomplete_details"):
        return False
    said = False
    for item in answer.get("output") or ():
        if item.get("type") == "message":
            for part in item.get("content") or ():
                if part.get("type") == "refusal":
                    return False
                said = said or bool((part.get("text") or "").strip())
        else:
            said = said or item.get("type") != "reasoning"
    return said


def streamed(answer: Json, options: object) -> bytes | None:
    if not proper(answer):
        return None
    teller = _Teller()
    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    if "completed_at" in begun:
        begun["completed_at"] = None
    teller.tell("response.created", response=begun)
    teller.tell("response.in_progress", response=begun)
    for index, item in enumerate(answer["output"]):
        teller.item(index, item)
    teller.tell("response.completed", response=answer)
    return b"".join(teller.said)


class _Teller:
    def __init__(self) -> None:
        self.said: list[bytes] = []

    def tell(self, kind: str, **more: Any) -> None:
        self.said.append(named(kind, {"type": kind, "sequence_number": len(self.said), **more}))

    def item(self, index: int, item: Json) -> None:
        kind = item.get("type")
        begun = {**item, "status": "in_progress"} if "status" in item else item
        if kind == "message":
            self.tell("response.output_item.added", output_index=index, item={**begun, "content": []})
            for at, part in enumerate(item.get("content") or ()):
                self._part({"item_id": item.get("id"), "output_index": index, "content_index": at}, part)
        elif kind == "reasoning":
            self.tell("response.output_item.added", output_index=index, item={**begun, "summary": []})
            for at, part in enumerate(item.get("summary") or ()):
                self._summary({"item_id": item.get("id"), "output_index": index, "summary_index": at}, part)
        elif kind in CALLS:
            field, event = CALLS[kind]
            place = {"item_id": item.get("id"), "output_index": index}
            self.tell("response.output_item.added", output_index=index, item={**begun, field: ""})
            self.tell(f"{event}.delta", **place, delta=item[field])
            name = {"name": item["name"]} if kind == "function_call" else {}
            self.tell(f"{event}.done", **place, **name, **{field: item[field]})
        else:
            self.tell("response.output_item.added", output_index=index, item=begun)
        self.tell("response.output_item.done", output_index=index, item=item)

    def _part(self, place: Json, part: Json) -> None:
        found = PARTS.get(part.get("type", ""))
        if found is None:
            self.tell("response.content_part.added", **place, part=part)
        else:
            field, event = found
            text = field == "text"
            empty = {**part, field: "", **({"annotations": [], "logprobs": []} if text else {})}
            sure = {"logprobs": part.get("logprobs") or []} if text else {}
            self.tell("response.content_part.added", **place, part=empty)
            self.tell(f"{event}.delta", **place, delta=part[field], **sure)
            for at, one in enumerate(part.get("annotations") or ()):
                self.tell("response.output_text.annotation.added", **place, annotation_index=at, annotation=one)
            self.tell(f"{event}.done", **place, **{field: part[field]}, **sure)
        self.tell("response.content_part.done", **place, part=part)

    def _summary(self, place: Json, part: Json) -> None:
        kind = "response.reasoning_summary"
        self.tell(f"{kind}_part.added", **place, part={**part, "text": ""})
        self.tell(f"{kind}_text.delta", **place, delta=part.get("text", ""))
        self.tell(f"{kind}_text.done", **place, text=part.get("text", ""))
        self.tell(f"{kind}_part.done", **place, part=part)


def gathered(stream: bytes) -> tuple[Json, bool] | None:
    for data in events(stream):
        if b'"response.completed"' not in data:
            continue
        event = orjson.loads(data)
        if event.get("type") == "response.completed":
            return event["response"], True
    return None
