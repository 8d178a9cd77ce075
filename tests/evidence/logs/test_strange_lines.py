"""Whatever stands in a file, reading it comes to its end, and what is no row is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead.evidence.logs import FORMATS, WRONG, Log
from fairlead.evidence.logs.form import Columns, Format
from tests.evidence.logs.test_formats import (
    ANTHROPIC_COSTS,
    ANTHROPIC_USAGE,
    LEDGER,
    LITELLM,
    OPENAI_COSTS,
    OPENAI_USAGE,
    OPENROUTER_ACTIVITY,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
NAMES = ("model", "messages", "prompt", "usage", "spend", "startTime", "endTime", "results", "start_time", "starting_at",
         "created_at", "started_ms", "input", "date", "metadata", "status", "response", "total_cost")  # fmt: skip
TABLES = (OPENAI_USAGE, OPENAI_COSTS, ANTHROPIC_USAGE, ANTHROPIC_COSTS, OPENROUTER_ACTIVITY,
          f"{','.join(LITELLM)}\n", f"{','.join(LEDGER)}\n", "prompt,model,cost,prompt_tokens,date\n")  # fmt: skip


@pytest.mark.parametrize("form", [each for each in FORMATS if each.record], ids=lambda each: each.name)
@settings(max_examples=60, deadline=None)
@given(
    line=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8).map(lambda each: json.dumps(each).encode())
    | st.binary(max_size=40)
)
def test_an_object_breaks_an_importer(form: Format, line: bytes) -> None:
    assert form.record is not None
    try:
        rows = list(form.record(line))
    except WRONG:
        return
    for row in rows:
        assert row.input >= row.cached + row.cache_write + row.cache_write_1h
        assert min(row.cached, row.cache_write, row.cache_write_1h, row.output - row.reasoning) >= 0
        assert row.day >= -1


@pytest.mark.parametrize("text", TABLES, ids=range(len(TABLES)))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_line_of_a_table_breaks_an_importer(text: str, data: Any) -> None:
    header = text.splitlines()[0].split(",")
    columns = Columns({name.lower(): at for at, name in enumerate(header)})
    form = next(each for each in FORMATS if each.fits(frozenset(columns), table=True))
    assert form.columns is not None
    cells = st.sampled_from(
        ("", "0", "-1", "12", "1e9", "nan", "inf", "2026-01-01", "true", "{", "[{}]", "\x00", "9" * 30)
    )
    fields = data.draw(st.lists(cells, max_size=len(header) + 1))
    try:
        row = form.columns(columns)(fields)
    except WRONG:
        return
    assert row is None or row.input >= row.cached + row.cache_write + row.cache_write_1h


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text('{}[]",:\n0ab\\data', max_size=200).map(str.encode))
def test_bytes_break_the_reading(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(content)
    told: list[int] = []
    try:
        log = Log(file, lambda _file, line, _reason: told.append(line))
    except (ValueError, OSError, EOFError):
        return
    assert len(list(log.rows())) == log.read
    assert len(told) == log.wrong


def test_a_line_is_too_long_for_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlead.evidence.logs.source.LONGEST", 200)
    file = tmp_path / "log"
    file.write_text(
        "\n".join((json.dumps({"prompt": "a"}), json.dumps({"prompt": "b" * 1000}), '{"prompt": "c"}')) + "\n"
    )
    told: list[int] = []
    log = Log(file, lambda _file, line, _reason: told.append(line))
    assert [row.said for row in log.rows()] == ["a", "c"]
    assert told == [2]


def test_deep_nesting_breaks_the_reading(tmp_path: Path) -> None:
    file = tmp_path / "log"
    deep = "[" * 100_000
    file.write_text(f'{{"prompt": "a"}}\n{{"prompt": {deep}\n{{"prompt": "b", "usage": {deep}}}\n{{"prompt": "c"}}\n')
    log = Log(file, lambda *_: None)
    assert [row.said for row in log.rows()] == ["a", "c"]
    assert log.wrong == 2
