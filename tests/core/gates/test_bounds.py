"""The gates before answers that were made to keep them busy, or to break them."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.core.gates.combine import combine
from fairlead.core.gates.table import GATES
from fairlead.core.gates.verdict import MOST_CONTEXT, MOST_TEXT, Asked, Called, Given, Tool

SIZE = MOST_TEXT
R = Random(7)
HOSTILE = {
    "digits": "1 " * (SIZE // 2),
    "numbers": " ".join(str(R.randrange(10**6)) for _ in range(SIZE // 7)),
    "quotes": '"' * SIZE,
    "marks": "`" * SIZE,
    "fences": "```\n" * (SIZE // 4),
    "open fences": "```python\n" * (SIZE // 10),
    "one letter": "a" * SIZE,
    "one capital": "A" * SIZE,
    "spaces": " " * SIZE,
    "lines": "\n" * SIZE,
    "names": "Ab Cd " * (SIZE // 6),
    "sorry": "i'm sorry " * (SIZE // 10),
    "chinese": "我无法不能" * (SIZE // 5),
    "companies": "公司" * (SIZE // 2),
    "sums": "1 + 1 = " * (SIZE // 8),
    "dots": "a." * (SIZE // 2),
    "python": "```python\n" + "(" * 30_000 + "\n```",
    "sums in python": "```python\n" + "a+" * 15_000 + "a\n```",
    "sql": "```sql\n" + "select (" * 4_000 + "\n```",
    "javascript": "```js\n" + "[(" * 15_000 + "\n```",
    "json": "```json\n" + "[" * 30_000 + "\n```",
    "titles": "《" * SIZE,
    "denials": "it is not so, " * (SIZE // 14),
    "halves": "\ud83d" * 1_000,
    "nothing": "\x00" * 1_000,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_an_answer_keeps_the_gates_busy_without_end(name: str) -> None:
    text = HOSTILE[name]
    context = "".join(chr(97 + R.randrange(26)) if R.random() < 0.8 else " " for _ in range(MOST_CONTEXT // 4)) * 4
    asked = Asked("summarization", text[:2_000], (context,), True, f"Summarise the following text. {text[:100_000]}")
    async with asyncio.timeout(20):
        found = await asyncio.to_thread(lambda: combine(gate(asked, Given(text)) for gate in GATES.values()))
    assert 0 < found.confidence < 1


TEXT = st.text(max_size=300) | st.sampled_from(
    ["", "```python\n(", '{"a": 1}', "我不能", "I'm sorry, but I can't", "1 + 1 = 3"]
)


@settings(max_examples=150, deadline=None)
@given(
    TEXT, TEXT, TEXT, st.sampled_from(["", "json", "schema"]), st.sampled_from(["end", "length", "refused", "blocked"])
)
def test_an_odd_answer_breaks_a_gate(system: str, said: str, text: str, form: str, end: str) -> None:
    schema = b'{"type": "object", "required": ["a"]}' if form == "schema" else b""
    asked = Asked("", system, (said,), True, said, form, schema, (Tool("t", b'{"type": "object"}'),))  # type: ignore[arg-type]
    for calls in ((), (Called("t", text),)):
        answer = Given(text, calls, end)  # type: ignore[arg-type]
        found = combine(gate(asked, answer) for gate in GATES.values())
        assert 0 < found.confidence < 1
        assert found == combine(gate(asked, answer) for gate in GATES.values())
