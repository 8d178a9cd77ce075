"""The published tables P-A and P-B, row by row: what each preset decides is what was printed.

With what all tables have in common: prices and names. P-C's rows have their own file.
"""

from __future__ import annotations

import itertools
import re

import msgspec
import pytest

from fairlead.classify.tasks import TASKS
from fairlead.core.call import Wishes
from fairlead.core.plan import Plan
from fairlead.gateway.choosing import known_task
from fairlead.gateway.understanding import settled
from fairlead.gateway.world import build
from fairlead.registry.catalogue import load as catalogue
from tests.core.scenes import reasons
from tests.golden.published import FOLDER, Preset, found, targets, task, tokens, with_models

FLASH, SONNET, OPUS, GPT = "deepseek-v4-flash", "claude-sonnet-4.6", "claude-opus-4.7", "gpt-5.5"
GEMINI, KIMI, QWEN, PRO = "gemini-3.1-pro", "kimi-k2.6", "qwen3.6-plus", "deepseek-v4-pro"
NAMES = ("a1_tiered", "a2_specialist", "a3_hybrid", "a4_lookup", "a5_blend", "a10_roles", "b_production")
OF_C = ("c1_cost_first", "c2_preferences", "c3_balanced", "c4_failover")
PRESETS = {name: Preset(name) for name in (*NAMES, *OF_C)}
A1, A2, A3, A4, A5, A10, B = (PRESETS[name] for name in NAMES)
LEVELS = ("simple", "medium", "complex")
WORK = list(itertools.product(TASKS, LEVELS))
CODE = ("code_generation", "code_debug")


def test_every_preset_of_these_tables_says_what_it_is_and_is_tested() -> None:  # M3.12
    files = {file.stem: file.read_text(encoding="utf-8") for file in FOLDER.glob("[abc]*.yaml")}
    assert set(files) == set(PRESETS)
    for name, text in files.items():
        table = name.partition("_")[0].upper()
        assert re.match(rf"# {table}\b[^(]*\(2026-04\): .+\.$", text.partition("\n")[0]), name


Book = dict[str, tuple[float, float | None]]
# input and output in USD per million tokens; A prints input only
BOOK_A: Book = {OPUS: (15, None), GPT: (10, None), FLASH: (0.14, None), GEMINI: (3.5, None), SONNET: (3, None)}
BOOK_C: Book = {
    "gpt-5.4": (3.5, 14),
    SONNET: (4, 18),
    "gemini-3-flash": (0.1, 0.4),
    "qwen3.5-plus": (0.004 / 7.1, 0.012 / 7.1),
    FLASH: (1 / 7.1, 2 / 7.1),
}
BOOKS: dict[str, Book] = {"a": BOOK_A, "b": {KIMI: (0, 0)}, "c": BOOK_C}


@pytest.mark.parametrize("name", PRESETS)
def test_the_prices_are_the_printed_ones(name: str) -> None:  # M3.12
    book = BOOKS[name[0]]
    compared = 0
    for model in PRESETS[name].snapshot.models.values():
        if model.name in book and not model.channels[0].self_hosted:
            given, answer = book[model.name]
            rates = model.channels[0].prices[-1].rates
            assert rates.input == pytest.approx(given * 1e9, rel=0.001)
            assert rates.output == pytest.approx((given * 5 if answer is None else answer) * 1e9, rel=0.001)
            compared += 1
    assert compared


# --- A1


@pytest.mark.parametrize(("name", "level"), WORK)
def test_a1_simple_standard_hard(name: str, level: str) -> None:  # M3.12 A1
    tier, model = {"simple": ("simple", FLASH), "medium": ("standard", SONNET), "complex": ("hard", OPUS)}[level]
    first = targets(A1.plan(task(name), *found(complexity=level)))[0]
    assert (first.tier, first.model.name) == (tier, model)


# --- A2


def printed_a2(name: str, level: str, language: str, modality: str) -> str:
    """A2 as it is printed, in its order; empty where it says nothing."""
    if modality != "text" or name == "multimodal":
        return GEMINI
    if name == "agent" or (name in CODE and level == "complex"):
        return OPUS
    if name == "long_document":
        return "llama-4-scout"
    if language in ("zh", "ja", "ko", "vi", "th"):
        return QWEN
    return GPT if name == "desktop" else ""


@pytest.mark.parametrize(("name", "level"), WORK)
def test_a2_each_specialist(name: str, level: str) -> None:  # M3.12 A2
    for language, modality in itertools.product(("en", "de", "zh", "ja", "ko", "vi", "th"), ("text", "image", "audio")):
        plan = A2.plan(task(name), *found(complexity=level, language=language, modality=modality))
        printed = printed_a2(name, level, language, modality)
        if printed:
            assert targets(plan)[0].model.name == printed, (language, modality)
        else:
            assert (plan.rule, plan.strategy) == ("", "specialist"), (language, modality)


def test_a2_what_fits_no_row_goes_to_the_best_by_the_printed_benchmarks() -> None:  # M3.12 A2
    qualities = {model.name: model.qualities.get("code_generation", 0) for model in A2.snapshot.models.values()}
    order = A2.order(task("code_generation"), *found(complexity="medium", language="en"))
    assert order[0] == max(qualities, key=lambda name: qualities[name])
    assert A2.snapshot.models[OPUS].benchmarks["swe-bench-pro"] == 64.3
    assert A2.snapshot.models[OPUS].benchmarks["humaneval"] == 95
    assert A2.snapshot.models[GPT].benchmarks["terminal-bench-2.0"] == 82.7
    assert A2.snapshot.models[GPT].context == 1_050_000
    assert A2.snapshot.models[GEMINI].benchmarks["gpqa-diamond"] == 94.3


# --- A3

OWN, COMMERCIAL = ["llama-4-maverick", FLASH], [OPUS, GPT]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["chat", "code_generation", "summarization"])
@pytest.mark.parametrize(
    ("urgency", "order"),
    [("batch", OWN + COMMERCIAL), ("interactive", COMMERCIAL + OWN), ("normal", COMMERCIAL + OWN)],
)
def test_a3_what_can_wait_stays_at_home(urgency: str, order: list[str], name: str, level: str) -> None:  # M3.12 A3
    asked = (task(name), *found(latency_class=urgency, complexity=level))
    assert A3.order(*asked) == order
    plan = A3.plan(*asked, sensitive=True)
    assert [target.model.name for target in targets(plan)] == OWN
    assert all_self_hosted(plan)
    assert {one.model for one in plan.rejected} == set(COMMERCIAL)


def all_self_hosted(plan: Plan) -> bool:
    return all(channel.self_hosted for target in targets(plan) for channel in target.channels)


def test_a3_sensitive_work_is_refused_before_it_leaves() -> None:  # M3.12 A3
    plan = A3.plan(*found(latency_class="interactive"), sensitive=True, disabled=tuple(OWN))
    assert plan.steps == ()
    assert {one.model for one in plan.rejected} == {*OWN, *COMMERCIAL}


# --- A4

TABLE_A4 = {
    "classification": FLASH,
    "summarization": "gemini-3.1-flash",
    "code_generation": OPUS,
    "agent_execution": GPT,
    "agent": GPT,
    "translation_zh": "qwen-3.6-plus",
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("name", "model"), TABLE_A4.items())
def test_a4_each_row(name: str, model: str, level: str) -> None:  # M3.12 A4
    assert A4.order(task(name), *found(complexity=level))[0] == model
    assert A4.order(task=name, complexity=level)[0] == model


def test_a4_a_chinese_text_is_translated_by_the_model_for_chinese() -> None:  # M3.12 A4
    assert A4.order(task("translation"), *found(language="zh"))[0] == "qwen-3.6-plus"
    assert A4.plan(task("translation"), *found(language="fr")).rule == ""


@pytest.mark.parametrize("name", ["", *TABLE_A4, *(name for name in TASKS if name not in TABLE_A4)])
def test_a4_the_table_first_and_the_classifier_for_the_rest(name: str) -> None:  # M3.12 A4
    world = build(A4.config, catalogue(), b"")
    policy, wish = world.policies["default"], Wishes(task=name)
    assert settled(world, policy, tokens(), wish) == (name in TABLE_A4)


def test_a4_what_stands_in_no_row_is_chosen_by_the_strategy() -> None:  # M3.12 A4
    for name in TASKS:
        plan = A4.plan(task(name), *found(language="en"))
        assert (plan.strategy == "table") == (name in TABLE_A4)
        assert plan.steps


# --- A5


@pytest.mark.parametrize(("name", "level"), WORK)
def test_a5_code_desktops_and_the_rest(name: str, level: str) -> None:  # M3.12 A5
    printed = OPUS if name in CODE else GPT if name == "desktop" else FLASH
    assert A5.order(task(name), *found(complexity=level))[0] == printed


def test_a5_names_what_its_savings_are_measured_against() -> None:  # M3.12 A5
    assert A5.config.report.baseline == GPT


# --- A10


@pytest.mark.parametrize(("name", "level"), WORK)
def test_a10_solo_and_startup(name: str, level: str) -> None:  # M3.12 A10
    asked = (task(name), *found(complexity=level))
    deep = name in ("reasoning", "math") and level == "complex"
    assert A10.order(*asked, policy="solo")[0] == (OPUS if deep else SONNET)
    small = SONNET if deep else "gemini-3.1-flash"
    assert A10.order(*asked, policy="solo", low_budget=True)[0] == small
    assert A10.order(*asked, policy="startup")[0] == {"simple": FLASH, "medium": SONNET, "complex": OPUS}[level]


@pytest.mark.parametrize("name", TASKS)
def test_a10_the_enterprise_takes_specialists_and_keeps_what_is_sensitive(name: str) -> None:  # M3.12 A10
    plan = A10.plan(task(name), policy="enterprise")
    known = [model for model in A10.snapshot.models.values() if name in model.qualities]
    if known:
        best = max(model.qualities[name] for model in known)
        assert targets(plan)[0].model.qualities[name] == best
    assert A10.order(task(name), policy="enterprise", sensitive=True) == ["llama-4-maverick"]


def test_a10_a_benchmark_that_changes_changes_the_specialist() -> None:  # M3.12 A10
    before = A10.order(task("code_generation"), policy="enterprise")
    model = A10.snapshot.models[before[-1]]
    better = msgspec.structs.replace(model, qualities={**model.qualities, "code_generation": 1.0})
    assert with_models(A10, better).order(task("code_generation"), policy="enterprise")[0] == model.name


# --- B

# task -> primary, fallback
TABLE_B = {
    "code_generation": (OPUS, GPT), "code_debug": (OPUS, GPT), "long_document": (KIMI, PRO), "reasoning": (GPT, OPUS),
    "agent": (GPT, OPUS), "chat": (KIMI, QWEN), "translation": (KIMI, QWEN), "creative_writing": (OPUS, GPT),
    "data_analysis": (PRO, GPT), "code": (OPUS, GPT), "long_context": (KIMI, PRO), "creative": (OPUS, GPT),
    "simple": (KIMI, QWEN),
}  # fmt: skip


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("name", "row"), TABLE_B.items())
def test_b_each_task_and_its_budget_mode(name: str, row: tuple[str, str], level: str) -> None:  # M3.12 B1
    primary, fallback = row
    for asked in ((task(name), *found(complexity=level)), (task(name, 0.3), *found(complexity=level))):
        assert B.order(*asked) == [primary, fallback]
        assert B.order(*asked, low_budget=True) == [fallback, primary]
    assert B.order(task=name, complexity=level) == [primary, fallback]


@pytest.mark.parametrize(("name", "row"), TABLE_B.items())
def test_b_the_fallback_answers_where_the_primary_is_down(name: str, row: tuple[str, str]) -> None:  # M3.12 B
    primary, fallback = row
    channel = B.snapshot.models[primary].channels[0].id
    for down in (primary, channel):
        plan = B.plan(task(name), disabled=(down,))
        assert [target.model.name for target in targets(plan)] == [fallback]
        assert "disabled" in reasons(plan).values()
    assert B.order(task(name), low_budget=True, disabled=(fallback,)) == [primary]
    assert B.plan(task(name), disabled=row).steps == ()


def test_b_an_unknown_task_is_simple_chat_with_a_warning() -> None:  # M3.12 B1
    world = build(B.config, catalogue(), b"")
    wish, warnings = known_task(world, world.policies["production"], Wishes(task="knitting"), ())
    assert wish.task == "chat"
    assert len(warnings) == 1
    assert "'knitting'" in warnings[0]
    assert B.order(task=wish.task) == [KIMI, QWEN]
    assert B.order() == [KIMI, QWEN]


@pytest.mark.parametrize("name", list(dict.fromkeys((*TASKS, *TABLE_B))))
def test_b_a_known_task_is_taken_as_it_is(name: str) -> None:  # M3.12 B1
    world = build(B.config, catalogue(), b"")
    wish, warnings = known_task(world, world.policies["production"], Wishes(task=name), ())
    assert (wish.task, warnings) == (name, ())
    assert B.plan(task=name).strategy == "table"


def test_b_the_printed_scores_are_the_quality() -> None:  # M3.12 B4
    assert (B.snapshot.models[OPUS].quality, B.snapshot.models[GPT].quality) == (0.95, 0.92)


# --- the names of all tables


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("Gemma 4", "gemma-4-31b"),
        ("Qwen 3", "qwen3-235b-a22b"),
        ("Gemini 2.5 Flash", "gemini-2.5-flash"),
        ("GPT-5.2-codex", "gpt-5.2-codex"),
        ("GPT-4.1", "gpt-4.1"),
        ("GPT-4.1-mini", "gpt-4.1-mini"),
        ("text-embedding-3-small", "text-embedding-3-small"),
        ("Zhipu GLM", "glm-5.1"),
        ("GLM-5.1", "glm-5.1"),
        ("Doubao", "doubao-seed-2.0-pro"),
        ("Doubao Seed 2.0 Pro", "doubao-seed-2.0-pro"),
        ("DeepSeek V3.2", "deepseek-v3.2"),
        ("DeepSeek V4", FLASH),
        ("DeepSeek V4 Flash", FLASH),
        ("DeepSeek V4-Pro", PRO),
        ("Gemini 3.1 Flash", "gemini-3-flash"),
        ("Gemini 3 Flash Preview", "gemini-3-flash"),
        ("Qwen3.5", "qwen3.5-plus"),
        ("Qwen 3.6-Plus", QWEN),
        ("Kimi K2.6", KIMI),
        ("Llama 4 Scout", "llama-4-scout"),
        ("Llama 4 Maverick", "llama-4-maverick"),
        ("Claude Opus 4.7", OPUS),
        ("Claude Sonnet 4.6", SONNET),
        ("Gemini 3.1 Pro", GEMINI),
        ("GPT-5.4", "gpt-5.4"),
        ("GPT-5.5", GPT),
    ],
)
def test_every_name_of_the_tables_is_known(written: str, canonical: str) -> None:  # M3.12
    entry = catalogue().find(written)
    assert entry is not None
    assert entry.name == canonical
