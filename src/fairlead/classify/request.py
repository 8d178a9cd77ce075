"""Reading a request on its own, outside the gateway: a text, or messages as chat APIs take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import msgspec

from fairlead.classify import linear, words
from fairlead.classify.sensitivity import Detector
from fairlead.core.call import Shape
from fairlead.errors import BadRequest

_DETECTOR = Detector()


class Reading(msgspec.Struct, frozen=True):
    """What was understood of one request."""

    task: str
    complexity: str
    domain: str
    language: str
    latency_class: str
    sensitive: bool
    """Whether it holds personal data or secrets."""
    confidence: float
    """That the task is right."""
    ms: float
    found: tuple[str, ...] = ()
    """What it holds that should not leave: `email`, `card`, `secret`..."""


def classify(request: str | Sequence[Mapping[str, Any]]) -> Reading:
    linear.load()
    started = perf_counter()
    shape, texts = read(request)
    found = words.find(shape, texts)
    held = tuple(signal.name for signal in _DETECTOR.find(text for _, text in texts))
    taken = round((perf_counter() - started) * 1e3, 4)
    return Reading(
        found.task, found.complexity, found.domain, found.language, found.latency_class, bool(held),
        round(found.confidence, 4), taken, held,
    )  # fmt: skip


def read(request: str | Sequence[Mapping[str, Any]], tools: int = 0) -> tuple[Shape, list[tuple[str, str]]]:
    """The shape of a request and its (role, text) pairs."""
    if isinstance(request, str):
        request = [{"role": "user", "content": request}]
    texts: list[tuple[str, str]] = []
    seen = {"image": 0, "audio": 0, "document": 0}
    for at, message in enumerate(request):
        if not isinstance(message, Mapping):
            raise BadRequest(f"messages[{at}] is not a message with a role and content", param=f"messages[{at}]")
        role = message.get("role", "user")
        content = message.get("content") or ""
        if isinstance(content, str):
            texts.append((role, content))
            continue
        for part in content:
            kind = str(part.get("type", "")) if isinstance(part, Mapping) else ""
            if isinstance(text := part.get("text") if kind else None, str):
                texts.append((role, text))
            elif "image" in kind:
                seen["image"] += 1
            elif "audio" in kind:
                seen["audio"] += 1
            elif "file" in kind or "document" in kind:
                seen["document"] += 1
    whole = [text for _, text in texts]
    return (
        Shape(
            chars=sum(map(len, whole)),
            utf8=sum(len(text) if text.isascii() else len(text.encode("utf-8", "replace")) for text in whole),
            turns=sum(message.get("role") not in ("system", "developer") for message in request),
            images=seen["image"], audio=seen["audio"], documents=seen["document"], tools=tools,
        ),
        texts,
    )  # fmt: skip
