"""A request that is asked in other words than the caller's: the same in all that matters for choosing and checking."""

from __future__ import annotations

from msgspec import Struct

from fairlead.core.call import Shape
from fairlead.dialects.dialect import View
from fairlead.dialects.wishes import Options


class Remade(Struct):
    """`text` is what was put behind the caller's words."""

    view: View
    text: str

    @property
    def model(self) -> str:
        return self.view.model

    @property
    def stream(self) -> bool:
        return self.view.stream

    @property
    def answers(self) -> int:
        return self.view.answers

    @property
    def options(self) -> Options | None:
        return self.view.options

    @property
    def user(self) -> str:
        return self.view.user

    @property
    def predicted(self) -> int:
        return self.view.predicted

    def shape(self) -> Shape:
        return self.view.shape()

    @property
    def max_output(self) -> int | None:
        return self.view.max_output
