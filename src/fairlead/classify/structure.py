"""What a request needs from a model, read off its structure: certain, so confidence 1.

`needs` signals carry the names of `core.model.CAPABILITIES`; the constraints turn them into rejections.
"""

from __future__ import annotations

from fairlead.core.call import Shape, Signal

_IMAGE = (Signal("needs", "vision", True), Signal("modality", "image", True))
_SOUND = (Signal("needs", "audio", True), Signal("modality", "audio", True))
_DOCUMENT = (Signal("needs", "documents", True), Signal("modality", "document", True))
_WITH_TOOLS = (Signal("needs", "tools", True), Signal("structure", "tools", True))
_JSON_SCHEMA = Signal("needs", "json_schema", True)
_LOGPROBS = Signal("needs", "logprobs", True)
_THINKING = Signal("needs", "thinking", True)


def find(shape: Shape) -> list[Signal]:
    found = [Signal("structure", "turns", shape.turns), Signal("structure", "chars", shape.chars)]
    if shape.images:
        found += _IMAGE
    if shape.audio:
        found += _SOUND
    if shape.documents:
        found += _DOCUMENT
    if shape.tools:
        found += _WITH_TOOLS
    if shape.json_schema:
        found.append(_JSON_SCHEMA)
    if shape.logprobs:
        found.append(_LOGPROBS)
    if shape.reasoning not in (None, "none", "minimal"):
        found.append(_THINKING)
    return found
