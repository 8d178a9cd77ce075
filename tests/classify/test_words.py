"""What the word reader says: about requests as people write them, and the known mistakes of simpler readers."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from fairlead import classify
from fairlead.classify import linear, words
from fairlead.classify.request import read as taken_apart
from fairlead.classify.tasks import BY_NAME, COMPLEXITIES, DOMAINS, LATENCY_CLASSES, TASKS
from fairlead.core.call import Shape, Signal
from tests.classify.behaviours import CHINESE, ENGLISH, OTHERS, table

CODE = {"code_generation", "code_debug"}


def said(request: object, kind: str = "task", tools: int = 0) -> str:
    shape, texts = taken_apart(request, tools)  # type: ignore[arg-type]
    return one(classify.read(shape, texts), kind).name


def one(signals: tuple[Signal, ...], kind: str) -> Signal:
    (found,) = (signal for signal in signals if signal.kind == kind)
    return found


@pytest.mark.parametrize(
    ("lines", "share"), [(ENGLISH, 0.8), (CHINESE, 0.8), (OTHERS, 0.7)], ids=["en", "zh", "others"]
)
def test_most_requests_are_taken_for_what_they_are(lines: str, share: float) -> None:  # M2.1
    requests = table(lines)
    wrong = [(task, said(text), text) for task, text in requests if said(text) != task]
    assert len(wrong) <= (1 - share) * len(requests), wrong


def test_the_tables_are_large_enough_to_mean_something() -> None:
    assert len(table(ENGLISH) + table(CHINESE) + table(OTHERS)) >= 150


@pytest.mark.parametrize(
    "text",
    [
        "What do import tariffs mean for the price of shoes?",
        "Is first class worth the money on a short flight?",
        "What happens to the undef value in the company's old ledgers?",
        "进口关税是什么意思？",
        "短途航班的头等舱值得买吗？",
    ],
)
def test_words_that_code_uses_too_do_not_make_code(text: str) -> None:
    assert said(text) not in CODE


@pytest.mark.parametrize(
    "text",
    [
        "Why do bridges need expansion joints?",
        "Analyze the effect of remote work on city centres.",
        "为什么桥梁需要伸缩缝？",
        "分析远程办公对市中心的影响",
    ],
)
def test_why_and_analyze_at_the_beginning_ask_for_reasons(text: str) -> None:
    assert said(text) == "reasoning"


@pytest.mark.parametrize(
    "text",
    [
        "Write a SQL query that returns the ten largest orders per customer",
        "写一条SQL语句，查询每个客户最大的十个订单",
        "帮我用Python写一个读取CSV的函数",
        "請用 Python 寫一個讀取 CSV 的函式",
    ],
)
def test_sql_and_code_asked_for_in_chinese_are_code(text: str) -> None:
    assert said(text) in CODE
    assert said(text, "domain") == "code"


def test_plain_chinese_is_not_always_simple() -> None:
    hard = "深入分析房价、利率和人口十年内如何相互影响，列出假设，构建三种情景，逐步论证并评估各自的把握程度"
    assert said(hard, "complexity") != "simple"
    assert said("你好", "complexity") == "simple"


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [
        ("請將這段話翻譯成英文：會議改到週四", "请将这段话翻译成英文：会议改到周四"),
        ("寫一首關於長江的詩", "写一首关于长江的诗"),
    ],
)
def test_traditional_characters_are_read_like_simplified_ones(traditional: str, simplified: str) -> None:
    assert said(traditional) == said(simplified)
    assert said(traditional, "language") == "zh"


@pytest.mark.parametrize(
    ("system", "text"),
    [
        ("You are an autonomous agent. Use the tools provided.", "list the files in this folder"),
        ("You are a coding agent in a repository. Keep going until done.", "find the failing test and fix it"),
        ("你是智能体，使用提供的工具完成目标。", "列出这个文件夹里的文件"),
    ],
)
def test_an_agents_work_stays_an_agents_work_however_simple(system: str, text: str) -> None:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    assert said(messages, tools=5) == "agent"
    assert said(messages, "domain", tools=5) == "agentic"


def test_pictures_and_sound_make_a_request_multimodal() -> None:
    for part in ({"type": "image_url", "image_url": {"url": "x"}}, {"type": "input_audio", "input_audio": {}}):
        messages = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, part]}]
        assert said(messages) == "multimodal"
        assert said(messages, "domain") == "vision"


def test_a_question_about_a_long_text_is_a_long_document() -> None:
    clauses = "The tenant keeps the premises in repair and pays the fees within thirty days of the invoice. " * 400
    assert said(f"{clauses}\n\nBased on the agreement above, when does the contract end?") == "long_document"
    assert (
        said(f"根据以下合同回答问题。\n{'承租人应保持房屋完好，并在三十日内支付费用。' * 800}\n合同什么时候到期？")
        == "long_document"
    )


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where did you put the keys to the shed?", "en"),
        ("钥匙放在哪里了", "zh"),
        ("鍵はどこに置きましたか", "ja"),
        ("열쇠를 어디에 두었어요?", "ko"),
        ("Где лежат ключи от сарая?", "ru"),
        ("أين وضعت المفاتيح؟", "ar"),
        ("चाबियाँ कहाँ रखी हैं?", "hi"),
        ("Wo hast du die Schlüssel für den Schuppen hingelegt?", "de"),
        ("Où as-tu mis les clés de la maison ?", "fr"),
        ("¿Dónde has puesto las llaves de la casa?", "es"),
        ("Onde você colocou as chaves da casa?", "pt"),
        ("Dove hai messo le chiavi della casa?", "it"),
    ],
)
def test_the_language_is_told(text: str, language: str) -> None:
    assert said(text, "language") == language


@pytest.mark.parametrize(
    "text",
    [
        "Can a patient with kidney disease take ibuprofen and warfarin together?",
        "Is my landlord legally allowed to evict me without notice?",
        "孕妇发高烧可以吃布洛芬吗？",
    ],
)
def test_where_an_error_does_harm_the_domain_is_critical(text: str) -> None:
    assert said(text, "domain") == "critical"


def test_how_sure_it_is_of_harm_is_what_that_was_worth_elsewhere() -> None:  # M2.3
    text = "Can a patient with kidney disease take ibuprofen and warfarin together?"
    shape, texts = taken_apart(text)
    found, model = words.find(shape, texts), linear.load()
    no, yes = linear.odds(model, found.piece, found.words)[words._CRITICAL]
    assert found.domain_confidence == pytest.approx(model.curves["English"]["critical"].read(yes / (no + yes)))


def test_what_a_probability_is_worth_lies_between_what_was_seen_of_its_neighbours() -> None:  # M2.3
    worth = linear.curve(((0.2, 0.1), (0.4, 0.5), (0.8, 0.7)))
    assert [worth.read(said) for said in (0.0, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)] == pytest.approx(
        [0.1, 0.1, 0.3, 0.5, 0.6, 0.7, 0.7]
    )
    assert linear.curve(((0.5, 0.6),)).read(0.9) == linear.curve(((0.5, 0.6),)).read(0.1) == 0.6


@pytest.mark.parametrize("text", ["translate " * 90, "🙂" * 640, "\ud800" * 640])
def test_however_often_one_thing_is_said_the_answer_is_a_probability(text: str) -> None:
    found = words.find(*taken_apart(text))
    assert 0 < found.probability <= 1
    assert 0 < found.confidence <= 1


def test_everyday_requests_are_not_critical() -> None:
    requests = table(ENGLISH) + table(CHINESE)
    wrong = [text for _, text in requests if said(text, "domain") == "critical"]
    assert len(wrong) <= 0.04 * len(requests), wrong


def test_there_is_exactly_one_signal_of_each_kind_and_all_names_are_known() -> None:
    signals = classify.read(Shape(chars=5, utf8=5, turns=1), [("user", "hello")])
    assert one(signals, "task").name in TASKS
    assert one(signals, "complexity").name in COMPLEXITIES
    assert one(signals, "domain").name in DOMAINS
    assert one(signals, "latency_class").name in LATENCY_CLASSES
    assert one(signals, "modality").name == "text"
    assert all(0 <= signal.confidence <= 1 for signal in signals)
    assert 0 <= float(one(signals, "task").value) <= 1


def test_nothing_and_signs_alone_can_be_read() -> None:
    for text in ("", " ", "?", "\x03", "🙂", "\ud800", "a" * 5_000, "\n" * 5_000, "🙂" * 2_000):
        assert (
            one(classify.read(Shape(chars=len(text), utf8=len(text), turns=1), [("user", text)]), "task").name in TASKS
        )
    assert one(classify.read(Shape(chars=0, utf8=0, turns=0), []), "task").name in TASKS


@pytest.mark.parametrize("filling", ["def f(x): return x\n", "请把这首诗翻译成法语。", "\x00 ¿? "])
def test_what_lies_between_head_and_tail_changes_nothing(filling: str) -> None:
    def signals(middle: str) -> tuple[Signal, ...]:
        text = "Summarize the report. " * 40 + middle + " That was all of it." * 40
        return classify.read(Shape(chars=200_000, utf8=200_000, turns=1), [("user", text)])

    size = 200_000 // len(filling)
    assert signals(filling * size) == signals("x" * len(filling) * size)


def test_the_reasons_are_words_of_the_request() -> None:
    texts = [("user", "Translate this sentence into French: the cat sleeps")]
    loud = [reason.feature.lower() for reason in classify.explain(Shape(chars=51, utf8=51, turns=1), texts)]
    assert any("transl" in feature for feature in loud)


SCRIPT = """
import json, sys
from fairlead import classify
from fairlead.classify import linear, words
from fairlead.core.call import Shape
texts = json.load(sys.stdin)
print(json.dumps([[list(map(str, (s.kind, s.name, s.value, s.confidence)))
                   for s in classify.read(Shape(chars=len(t), utf8=len(t), turns=1), [("user", t)])] for t in texts]))
"""


def test_another_process_with_another_hash_seed_says_the_same() -> None:
    texts = [text for _, text in table(ENGLISH)[:10] + table(CHINESE)[:10]]
    answers = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1


def test_a_text_and_a_conversation_are_read_by_name() -> None:
    reading = classify.classify("Why is the sky blue?")
    assert (reading.task, reading.language, reading.domain) == ("reasoning", "en", BY_NAME["reasoning"].domain)
    assert reading.sensitive is False
    spoken = classify.classify([{"role": "user", "content": "Write to ann.lee@example.org about the lease"}])
    assert spoken.sensitive is True
    assert "email" in spoken.found


def test_numpy_is_not_loaded_before_words_are_read() -> None:
    script = "import sys, fairlead.classify, fairlead.classify.tasks; sys.exit('numpy' in sys.modules)"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", script], env=env, check=False).returncode == 0


@pytest.mark.parametrize("text", ["Translate this into French: good morning", "2 + 2?", "", "x " * 150_000])
@pytest.mark.parametrize("more", [{}, {"images": 1}, {"audio": 2, "tools": 1}, {"tools": 3}, {"json_schema": True}])
def test_what_was_read_before_reads_as_if_for_the_first_time(text: str, more: dict[str, int]) -> None:
    texts = [("user", text)]
    shape = Shape(len(text), len(text), 1, **more)  # type: ignore[arg-type]
    afresh = words.signals(shape, words.find(shape, texts))
    assert classify.read(shape, texts) == classify.read(shape, texts) == afresh
