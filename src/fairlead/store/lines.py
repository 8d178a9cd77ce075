"""Cost lines as they stand in the rows of attempts.

Of most attempts there are two, for their tokens in and out, and all of that stands in the row anyway but for how the cost
falls on them. Such a row has no `lines`: `input_cost` is what its tokens in came to. Any other has its lines as JSON, and so
has every row from before there was that column.
"""

from __future__ import annotations

import msgspec

from fairlead.core.record import CostLine, Usage

COLUMN = "ALTER TABLE attempts ADD COLUMN input_cost INTEGER"
VIEW = """CREATE VIEW cost_lines AS
    SELECT requests.id || '.' || attempts.number AS attempt,
        json_extract(line.value, '$[0]') AS kind, json_extract(line.value, '$[1]') AS quantity,
        json_extract(line.value, '$[2]') AS unit, json_extract(line.value, '$[3]') AS price_row,
        json_extract(line.value, '$[4]') AS amount, json_extract(line.value, '$[5]') AS currency
    FROM attempts JOIN requests ON requests.seq = attempts.request, json_each(coalesce(attempts.lines, json_array(
        json_array('input', input, 'token', attempts.price_row, input_cost, attempts.currency),
        json_array('output', output, 'token', attempts.price_row, attempts.cost - input_cost, attempts.currency)
    ))) AS line"""

written = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(tuple[CostLine, ...]).decode


def input_cost(lines: tuple[CostLine, ...]) -> int | None:
    """None where they are others. Where there are these two, `core.cost` bills all tokens in and all tokens out by them."""
    if len(lines) == 2:
        read, wrote = lines
        if read.kind == "input" and wrote.kind == "output":
            return read.amount
    return None


def lines_of(
    stored: str | None, usage: Usage, price_row: str, cost: int, currency: str, input_cost: int
) -> tuple[CostLine, ...]:
    """Of a row."""
    if stored is not None:
        return _read(stored)
    return (
        CostLine("input", usage.input, "token", price_row, input_cost, currency),
        CostLine("output", usage.output, "token", price_row, cost - input_cost, currency),
    )
