"""What each gate looks for, where nothing else gives an answer away."""

from __future__ import annotations

from itertools import cycle, islice

import pytest

from fairlead.core.gates.length import LONG_LABEL, length
from fairlead.core.gates.logprobs import logprobs
from fairlead.core.gates.refusal import refusal
from fairlead.core.gates.repetition import repetition
from fairlead.core.gates.verdict import FIT, Asked, Given

NOUNS = (
    "river", "harbour", "lantern", "orchard", "valley", "tower", "bridge", "garden", "market", "window", "castle", "meadow",
    "forest", "mountain", "village",
)  # fmt: skip
FRESH = [f"the {one} lies behind the {other} and the {third}" for one in NOUNS for other in NOUNS for third in NOUNS]


def test_lines_that_come_again_and_again_between_others_pass() -> None:  # M4.3
    again = "Please consult the documentation for more details."
    told = "\n".join(f"{again}\n{NOUNS[at]} {at}" for at in range(12))
    verdict = repetition(Asked(), Given(f"{told}\nThat is all there is to say about it."))
    assert verdict is not None
    assert verdict.confidence == 0.1
    assert "lines" in verdict.why
    assert repetition(Asked(), Given("\n".join(FRESH[::97]))) is None


@pytest.mark.parametrize(("count", "confidence"), [(30, None), (70, 0.45), (270, 0.1)])
def test_words_that_come_again_in_one_long_line_pass(count: int, confidence: float | None) -> None:  # M4.3
    """No line does, and the ends of the text are not alike."""
    sentences = FRESH[:: len(FRESH) // 30][:30]
    verdict = repetition(Asked(), Given(". ".join((*islice(cycle(sentences), count), *reversed(sentences[:5])))))
    assert (None if verdict is None else verdict.confidence) == confidence
    assert verdict is None or "sequences" in verdict.why


def test_an_essay_passes_for_a_label() -> None:  # M4.3
    essay = "\n".join(FRESH[:60])[: LONG_LABEL + 200]
    assert length(Asked("classification"), Given(essay[:LONG_LABEL])) is None
    for task in ("classification", "fast_response"):
        verdict = length(Asked(task), Given(essay))
        assert verdict is not None
        assert verdict.confidence == 0.7
    assert length(Asked("creative_writing"), Given(essay)) is None


def test_a_model_that_tossed_coins_is_believed() -> None:  # M4.3
    """It was sure of each token, and nearly as sure of another one."""
    sure = (-0.05,) * 20
    assert logprobs(Asked(), Given("x", logprobs=sure, margins=(2.0,) * 20)) is None
    assert logprobs(Asked(), Given("x", logprobs=sure, margins=(2.0,) * 14 + (0.1,) * 6)) is None
    verdict = logprobs(Asked(), Given("x", logprobs=sure, margins=(2.0,) * 10 + (0.1,) * 10))
    assert verdict is not None
    assert verdict.confidence == 0.5 < FIT


@pytest.mark.parametrize(
    "text",
    [
        "抱歉，这个问题无法在这里展开。",
        "对不起，我不能满足这个要求。",
        "我无法提供这方面的帮助。",
        "我必须拒绝回答这个问题。",
        "您的请求违反了使用规定。",
    ],
)
def test_a_way_to_decline_in_chinese_is_not_known(text: str) -> None:  # M4.3
    verdict = refusal(Asked(said="怎么做这个？"), Given(text))
    assert verdict is not None
    assert verdict.confidence <= 0.3
