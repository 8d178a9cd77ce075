"""A whole answer of Gemini's told as a stream, and a stream gathered into the answer it told. A stream's events have the
shape of whole answers, so that one of them may tell it all."""

from __future__ import annotations

from typing import Any

import orjson

from fairlead.dialects.replaying import Json, events, written


def proper(answer: Json) -> bool:
    candidates = answer.get("candidates")
    if not isinstance(candidates, list) or not candidates or (answer.get("promptFeedback") or {}).get("blockReason"):
        return False
    return all(one.get("finishReason") == "STOP" and _says(one) for one in candidates)


def _says(candidate: Json) -> bool:
    parts = (candidate.get("content") or {}).get("parts") or ()
    return any(not part.get("thought") and ("text" not in part or part["text"].strip()) for part in parts)


def streamed(answer: Json, options: object) -> bytes | None:
    return written(answer) if proper(answer) else None


def gathered(stream: bytes) -> tuple[Json, bool] | None:
    answer: Json = {}
    candidates: dict[int, Json] = {}
    ended = exact = True
    for data in events(stream):
        event = orjson.loads(data)
        if not isinstance(event, dict) or "error" in event:
            return None
        answer.update({name: value for name, value in event.items() if name != "candidates"})
        for told in event.get("candidates") or ():
            index = told.get("index", 0)
            known = candidates.get(index)
            if known is None:
                candidates[index] = told
                told.setdefault("content", {}).setdefault("parts", [])
            else:
                exact = _add(known, told) and exact
    answer["candidates"] = [candidates[index] for index in sorted(candidates)]
    for one in candidates.values():
        one["content"]["parts"] = _joined(one["content"]["parts"])
        ended = ended and "finishReason" in one
    return (answer, exact) if candidates and ended else None


def _add(known: Json, told: Json) -> bool:
    exact = True
    for name, value in told.items():
        if name == "content":
            content = value or {}
            known["content"]["parts"] += content.get("parts") or ()
            known["content"].setdefault("role", content.get("role", "model"))
        elif name in ("index", "finishReason", "finishMessage", "tokenCount", "avgLogprobs") or name not in known:
            known[name] = value
        elif value != known[name]:
            exact = False  # what is told piece by piece, like the pages it rests on, is put together by who asked
    return exact


def _joined(parts: list[Json]) -> list[Json]:
    """Texts that follow each other are one."""
    found: list[Json] = []
    for part in parts:
        last: Any = found[-1] if found else None
        if last is not None and _plain(last) and _plain(part) and last.get("thought") == part.get("thought"):
            found[-1] = {**last, "text": last["text"] + part["text"]}
        elif not (_plain(part) and not part["text"] and found):
            found.append(part)
    return found


def _plain(part: Json) -> bool:
    return isinstance(part.get("text"), str) and part.keys() <= {"text", "thought"}
