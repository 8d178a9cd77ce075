"""Documents on their way between dialects."""

from __future__ import annotations

import json

import pytest

from fairlead.dialects.dialect import Target
from fairlead.dialects.neutral import Document, Request, Turn
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest

ODD = pytest.mark.parametrize("data", ["é", "7", "/w=="], ids=["no letters of base64", "half a byte", "no UTF-8"])


@ODD
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_a_text_that_cannot_be_decoded_does_not_go_on_as_a_file(dialect: str, data: str) -> None:
    request = Request(model="m", turns=(Turn("user", (Document("text/plain", data),)),))
    written = DIALECTS[dialect].write_request(request, Target("m", "openai"), Losses(dialect))
    assert f"data:text/plain;base64,{data}" in json.dumps(json.loads(written), ensure_ascii=False)


@ODD
def test_a_text_that_cannot_be_decoded_is_a_mistake_of_ours(data: str) -> None:
    request = Request(model="m", turns=(Turn("user", (Document("text/plain", data),)),))
    with pytest.raises(BadRequest) as refused:
        DIALECTS["anthropic_messages"].write_request(request, Target("m", "anthropic"), Losses("anthropic_messages"))
    assert refused.value.code == "not_translatable"


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages"])
def test_a_text_that_can_be_decoded_is_refused(dialect: str) -> None:
    request = Request(model="m", turns=(Turn("user", (Document("text/plain", "aGVsbG8="),)),))
    written = DIALECTS[dialect].write_request(request, Target("m", "openai"), Losses(dialect))
    assert "hello" in json.dumps(json.loads(written))
