"""Experiments that cannot be meant as they stand."""

from __future__ import annotations

import pytest

from fairlead.config.load import loads
from fairlead.errors import ConfigError
from fairlead.registry.experiments import experiments

MODELS = """
providers: {near: {kind: openai, base_url: "http://127.0.0.1:1/v1"}}
models:
  a: {channels: [{provider: near}], aliases: [first], price: {input: 0, output: 0}}
  b: {channels: [{provider: near}], price: {input: 0, output: 0}}
  c: {channels: [{provider: near}], price: {input: 0, output: 0}}
tasks: {legal: {like: summarization}}
experiments:
"""


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{arms: {x: {model: a}}}", r"arms: needs two arms or more"),
        ("{arms: {x: {model: a}, y: {}}}", r"arms\.y: names a `model` or a `policy`"),
        ("{arms: {x: {model: a}, y: {model: b, policy: balanced}}}", r"arms\.y: names a `model` or a `policy`"),
        ("{arms: {x: {model: a}, y: {policy: balanced}}}", r"some are models and some policies"),
        ("{arms: {x: {model: a}, y: {model: First}}}", r"two arms are the same"),
        ("{arms: {x: {model: a, share: 0.7}, y: {model: b, share: 0.5}}}", r"add up to 1\.2"),
        ("{arms: {x: {model: a, share: 1}, y: {model: b}}}", r"leave nothing for the arms without one"),
        ("{arms: {x: {model: a, share: 0}, y: {model: b}}}", r"arms\.x\.share: is 0"),
        ("{arms: {x: {model: a}, y: {model: nobody}}}", r"arms\.y\.model: unknown model 'nobody'"),
        ("{arms: {x: {model: a}, y: {model: b}}, task: chatt}", r"unknown task 'chatt', did you mean 'chat'"),
        ("{arms: {x: {model: a}, y: {model: b}}, by: team}", r"experiments\.e\.by"),
        ("{arms: {x: {policy: balanced}, y: {policy: cost_first}}, measure: checks}", r"only arms that are models"),
        (
            "{arms: {x: {model: a}, y: {model: b}}, since: 2026-12-02, until: 2026-12-01}",
            r"until: is not after `since`",
        ),
    ],
)
def test_an_experiment_that_cannot_be_meant_waits_for_the_first_request(given: str, told: str) -> None:  # M7.5
    with pytest.raises(ConfigError, match=told):
        loads(f"{MODELS}  e: {given}\n")


def test_shares_and_times_are_others_than_those_that_stand_there() -> None:  # M7.5
    given = """  e:
    arms: {x: {model: First, share: 0.5}, y: {model: b}, z: {model: c}}
    task: summarization
    since: 2026-12-01
    until: 2026-12-14
"""
    (one,) = experiments(loads(MODELS + given))
    assert [(arm.name, arm.model, arm.share) for arm in one.arms] == [
        ("x", "a", 0.5),
        ("y", "b", 0.25),
        ("z", "c", 0.25),
    ]
    assert one.tasks == {"summarization", "legal"}
    assert (one.since, one.until) == (1_796_083_200, 1_797_292_800)
    assert (one.running(one.since), one.running(one.since - 1), one.running(1_797_292_800)) == (True, False, False)
    assert (one.by, one.measure, one.least) == ("session", "feedback", 100)
