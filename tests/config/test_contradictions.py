"""Settings of choosing that would refuse or mislead requests are found before there is one, with their line."""

from __future__ import annotations

import pytest

from tests.config.test_load import MINIMAL, problems, read

LAST = len(MINIMAL.splitlines())
WRONG = {
    "policies: {p: {}}\nroutes: [{policy: tiered, reason: r}]": "2: routes[0].policy: strategy tiered needs `tiers`",
    "agents: {x: {policy: cascade}}": "1: agents.x.policy: strategy cascade needs `cascade`",
    "intents: {x: {policy: tiered}}": "1: intents.x.policy: strategy tiered needs `tiers`",
    "tenants: {t: {policy: tiered}}": "1: tenants.t.policy: strategy tiered needs `tiers`",
    "plans: {t: {policy: tiered}}": "1: plans.t.policy: strategy tiered needs `tiers`",
    "agents: {x: {policy: pinned}}": "1: agents.x.policy: policy pinned names no `model`",
    "routes: [{reason: r}]": "1: routes[0]: names no `model`",
    "routes: [{reason: r, model: own-8b, policy: balanced}]": "1: routes[0].model: the route goes by policy balanced",
    "agents: {x: {model: own-8b, policy: balanced}}": "1: agents.x.policy: the agent is own-8b",
    "agents: {x: {model: own-8b}}\ngroups:\n  g: {agents: [x]}\n  h: {agents: [g]}": "4: groups.h.agents[0]: 'g' is a group",
    "groups: {g: {agents: [g]}}": "1: groups.g.agents[0]: 'g' is a group",
    "agents: {x: {model: own-8b}}\ngroups: {x: {agents: [x]}}": "2: groups.x: an agent has this name too",
    "tenants: {t: {timezone: Mars/Olympus}}": "1: tenants.t.timezone: unknown time zone 'Mars/Olympus'",
    "tenants: {t: {timezone: ../../etc/passwd}}": "1: tenants.t.timezone: unknown time zone '../../etc/passwd'",
    "tenants: {t: {timezone: Asia/Shangai}}": "did you mean 'Asia/Shanghai'?",
    "tenants: {t: {channels: [own-8b@upp]}}": "unknown channel 'own-8b@upp', did you mean 'own-8b@up'?",
    "tasks: {a: {like: b}, b: {like: a}}": "1: tasks.a.like: goes round in a circle: a -> b -> a",
    "tasks: {a: {keyword: ' '}}": "1: tasks.a.keyword: an empty keyword",
    "policies: {p: {rules: [{model: own-8b, reason: r, match: {keyword: ''}}]}}": "match.keyword: an empty keyword",
    "policies:\n  p:\n    rules:\n      - {name: a, model: own-8b, reason: r, match: {task: math}}\n      - {name: a, model: own-8b, reason: r}": (
        "5: policies.p.rules[1].name: a second rule named 'a', as rules[0] is; 'a-2' is free"
    ),
    "routes:\n  - {name: a, policy: balanced, reason: r, match: {task: math}}\n  - {name: a, policy: cost_first, reason: r}": (
        "3: routes[1].name: a second route named 'a', as routes[0] is; 'a-2' is free"
    ),
    "policies: {p: {strategy: tiered, tiers: [{name: a, models: [own-8b], budget: 1}, {name: a, models: [gpt-5.4]}]}}": (
        "1: policies.p.tiers[1].name: a second tier named 'a', as tiers[0] is; 'a-2' is free"
    ),
    "tasks: {math: {like: chat}}": "1: tasks.math.like: task math ships and means: ",
    "tasks: {math: {description: sums of our own}}": "give yours another name, such as my_math",
    "tasks: {Math: {keyword: sum}}": "1: tasks.Math: differs from 'math' only in case; write 'math'",
    "tasks: {law: {keyword: sue}, Law: {keyword: plea}}": "1: tasks.Law: differs from 'law' only in case",
    "policies: {p: {rules: [{model: own-8b, reason: r, match: {language: chinese}}]}}": (
        "match.language: expected the code of a language, found 'chinese', did you mean 'zh'?"
    ),
    "routes: [{policy: balanced, reason: r, match: {language: [en, zh-CN]}}]": "language[1]: expected the code of a language, found 'zh-CN', did you mean 'zh'?",
    "routes: [{policy: balanced, reason: r, match: {language: EN}}]": "found 'EN', did you mean 'en'?",
    "routes: [{policy: balanced, reason: r, match: {language: germn}}]": "found 'germn', did you mean 'de'?",
    "routes: [{policy: balanced, reason: r, match: {language: cn}}]": "found 'cn', did you mean 'zh'?",
    "routes: [{policy: balanced, reason: r, match: {language: klingonese}}]": "found 'klingonese'; known: ar, bg, bn",
    "policies: {p: {floors: {hard: 0.9}}}": "1: policies.p.floors.hard: unknown complexity or task 'hard'",
    "policies: {p: {floors: {complx: 0.9}}}": "unknown complexity or task 'complx', did you mean 'complex'?",
    "policies: {p: {models: [own-8b], rules: [{model: gpt-5.4, reason: r}]}}": "rules[0].model: 'gpt-5.4' is not among",
    "routes: [{policy: balanced, reason: r, match: {min_input_tokens: 9, max_input_tokens: 8}}]": "is above max_input_tokens",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_leads_nowhere_is_an_error_at_its_line(text: str) -> None:
    found = problems(f"{MINIMAL}{text}\n")
    expected = WRONG[text]
    if expected[0].isdigit():
        line, _, rest = expected.partition(": ")
        expected = f"f.yaml:{LAST + int(line)}: {rest}"
    assert any(expected in one for one in found), found


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("quality-floor: high", "expected a number from 0 to 1, found 'high'"),
        ("quality-floor: '1.5'", "expected a number from 0 to 1"),
        ("max-cost: cheap", "expected USD such as 0.01"),
        ("max-latency: '0'", "expected whole milliseconds"),
        ("task: sumarization", "unknown task 'sumarization', did you mean 'summarization'?"),
        ("sensitivity: high", "unknown sensitivity 'high'; known: normal, sensitive"),
    ],
)
def test_a_wish_of_a_key_that_no_request_could_have_is_an_error(wish: str, words: str) -> None:
    one = "  - {name: test, key: fl_test}\n"
    with_wish = MINIMAL.replace(one, f"  - {{name: test, key: fl_test, wishes: {{{wish}}}}}\n")
    assert any(words in problem for problem in problems(with_wish))


def test_wishes_that_a_request_could_have_are_none() -> None:
    text = "wishes: {task: Legal, budget: low, quality-floor: '0.9', max-cost: '0.01', max-latency: '900'}"
    read(MINIMAL.replace("key: fl_test}", f"key: fl_test, {text}}}") + "tasks: {legal: {like: summarization}}\n")


def test_a_first_row_for_everything_is_pointed_out_unless_its_budget_may_end() -> None:
    tiers = "policies: {p: {strategy: tiered, tiers: [{name: a, models: [own-8b]%s}, {name: b, models: [gpt-5.4]}]}}\n"
    pointed_out = [one for one in read(MINIMAL + tiers % "").warnings if "only where money runs out" in one]
    assert len(pointed_out) == 1
    assert not any("what stands below" in one for one in read(MINIMAL + tiers % ", budget: 5").warnings)
    rules = "policies: {p: {rules: [{model: own-8b, reason: r}, {model: own-8b, reason: r, match: {language: zh}}]}}\n"
    assert any("never answers" in one for one in read(MINIMAL + rules).warnings)


def test_a_tenant_that_is_almost_declared_is_pointed_out() -> None:
    text = MINIMAL.replace("key: fl_test}", "key: fl_test, tenant: teama}") + "tenants: {teamA: {models: [own-8b]}}\n"
    assert any("did you mean 'teamA'?" in one for one in read(text).warnings)


def test_a_language_that_is_not_told_apart_yet_is_refused_or_passed_in_silence() -> None:
    text = MINIMAL + "routes: [{policy: balanced, reason: r, match: {language: [ms, zh]}}]\n"
    told = [one for one in read(text).warnings if "language" in one]
    assert len(told) == 1
    assert "no request is found to be in 'ms'" in told[0]


def test_further_keywords_for_a_task_that_ships_are_refused() -> None:
    read(MINIMAL + "tasks: {math: {keyword: [calculus]}}\n")


SIMULATED = """\
providers: {sim: {kind: simulated}, own: {kind: simulated, models: {flaky: {}}}}
models:
  mine: {channels: [{provider: %s, model: %s}], price: {input: 0, output: 0}}
"""


def test_a_channel_leads_to_a_simulated_model_that_is_not_there() -> None:
    read(SIMULATED % ("sim", "sim-nano"))
    read(SIMULATED % ("own", "flaky"))
    for provider, model, hint in (
        ("sim", "sim-nanno", "did you mean 'sim-nano'?"),
        ("sim", "gpt-5.4", "known: sim-nano, "),
        ("sim", "flaky", "known: sim-nano, "),
        ("own", "sim-nano", "known: flaky"),
    ):
        (told,) = problems(SIMULATED % (provider, model))
        assert f"models.mine.channels[0].model: provider {provider!r} simulates no model {model!r}" in told
        assert hint in told


def test_what_has_no_name_yet_is_said_to_have_one_twice() -> None:
    text = "policies: {p: {strategy: tiered, tiers: [{models: [own-8b]}, {models: [gpt-5.4]}]}}\n"
    assert not any("a second" in one for one in problems(MINIMAL + text))


def test_whoever_wants_to_be_remembered_where_nothing_is_hears_nothing() -> None:  # M5.2
    text = MINIMAL.replace("key: fl_test}", "key: fl_test, wishes: {memory: 'true'}}")
    text += "policies: {p: {strategy: balanced, memory: true}}\n"
    told = [one for one in read(text).warnings if "memory.enabled" in one]
    assert len(told) == 2
    assert not any("memory.enabled" in one for one in read(text + "memory: {enabled: true}\n").warnings)
