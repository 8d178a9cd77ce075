"""The gates in the order they are asked, by name. A new one is one small file, a line here and one in `names`."""

from __future__ import annotations

from fairlead.core.gates.code import code
from fairlead.core.gates.empty import empty
from fairlead.core.gates.format import form
from fairlead.core.gates.grounded import grounded
from fairlead.core.gates.language import language_match
from fairlead.core.gates.length import length
from fairlead.core.gates.logprobs import logprobs
from fairlead.core.gates.refusal import refusal
from fairlead.core.gates.repetition import repetition
from fairlead.core.gates.tools import tools
from fairlead.core.gates.truncated import truncated
from fairlead.core.gates.verdict import Gate

GATES: dict[str, Gate] = {
    "empty": empty,
    "truncated": truncated,
    "refusal": refusal,
    "format": form,
    "tools": tools,
    "repetition": repetition,
    "length": length,
    "language": language_match,
    "code": code,
    "grounded": grounded,
    "logprobs": logprobs,
}
