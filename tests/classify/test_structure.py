"""What a request needs of a model is read off its structure, by the names the constraints know."""

from __future__ import annotations

import pytest

from fairlead.classify import structure
from fairlead.core.call import Shape
from fairlead.core.model import CAPABILITIES


def needs(shape: Shape) -> set[str]:
    return {signal.name for signal in structure.find(shape) if signal.kind == "needs"}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Shape(5, 5, 1), set()),
        (Shape(5, 5, 1, images=2), {"vision"}),
        (Shape(5, 5, 1, audio=1), {"audio"}),
        (Shape(5, 5, 1, documents=1), {"documents"}),
        (Shape(5, 5, 1, tools=1), {"tools"}),
        (Shape(5, 5, 1, json_schema=True), {"json_schema"}),
        (Shape(5, 5, 1, json_object=True), set()),
        (Shape(5, 5, 1, logprobs=True), {"logprobs"}),
        (Shape(5, 5, 1, reasoning="high"), {"thinking"}),
        (Shape(5, 5, 1, reasoning="none"), set()),
        (Shape(5, 5, 1, reasoning="minimal"), set()),
        (Shape(5, 5, 1, images=1, tools=3, json_schema=True), {"vision", "tools", "json_schema"}),
    ],
)
def test_each_part_of_a_request_needs_its_capability(shape: Shape, expected: set[str]) -> None:
    assert needs(shape) == expected
    assert expected <= set(CAPABILITIES)


def test_structure_is_certain() -> None:
    assert {signal.confidence for signal in structure.find(Shape(5, 5, 7, images=1, tools=1))} == {1.0}
    assert structure.find(Shape(5, 5, 7))[0].value == 7
