"""What a request needs from a model, read off its structure: certain, so confidence 1.

`needs` signals carry the names of `core.model.CAPABILITIES`; the constraints turn them into rejections.
"""

from __future__ import annotations

from fairlead.core.call import Shape, Signal

_VISION = Signal("needs", "vision", True)
_AUDIO = Signal("needs", "audio", True)
_DOCUMENTS = Signal("needs", "documents", True)
_TOOLS = Signal("needs", "tools", True)
_JSON_SCHEMA = Signal("needs", "json_schema", True)
_LOGPROBS = Signal("needs", "logprobs", True)
_THINKING = Signal("needs", "thinking", True)


def find(shape: Shape) -> list[Signal]:
    found = [Signal("structure", "turns", shape.turns)]
    if shape.images:
        found.append(_VISION)
    if shape.audio:
        found.append(_AUDIO)
    if shape.documents:
        found.append(_DOCUMENTS)
    if shape.tools:
        found.append(_TOOLS)
    if shape.json_schema:
        found.append(_JSON_SCHEMA)
    if shape.logprobs:
        found.append(_LOGPROBS)
    if shape.reasoning not in (None, "none", "minimal"):
        found.append(_THINKING)
    return found
