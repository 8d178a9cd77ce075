"""A signature shown in another dialect comes back as it was, and is known to be its maker's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.dialects import signatures


@given(st.sampled_from(["gemini", "anthropic_messages", "openai_chat" + signatures.CALL]), st.text())
def test_a_packed_signature_comes_back_with_its_maker(origin: str, signature: str) -> None:
    assert signatures.unpack(signatures.pack(origin, signature)) == (origin, signature)


@pytest.mark.parametrize("text", ["", "EqQBCkYIBRgCKkD", "fl1.", "fl1.nodot", "fl1..x", "xfl1.gemini.s"])
def test_what_was_never_packed_is_left_as_it_is(text: str) -> None:
    assert signatures.unpack(text) == ("", text)
