"""Falsehoods planted in true answers: one number, name or quote at a time is changed, and has to be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

import pytest

from fairlead.core.gates.grounded import grounded
from fairlead.core.gates.verdict import Asked, Given
from fairlead.core.quality import THRESHOLD
from tests.core.gates.labelled import CONTEXTS

TRUE: dict[str, tuple[str, ...]] = {
    "harbour": (
        "The harbour was built between 1876 and 1887 by 340 workers and cost 1.2 million crowns.",
        'Karl Jensen designed it. At its opening the mayor said that "no storm shall move these stones".',
        "A storm destroyed the first pier in 1879. Some sixty boats use the harbour in summer.",
    ),
    "orchard": (
        "The two fields yielded 18.4 and 27.9 tonnes, together 46.3 tonnes, after 52 tonnes last year.",
        "Ruth Calloway, Tomás Ferreira and Wei Jun were present. Frost destroyed 35% of the blossom on 23 April.",
        'The repair costs 7,850 pounds. "We cannot carry another year like this one without a loan", Ruth Calloway said.',
        "A loan of 40,000 pounds at 4.25% from the Farmers Bank of Hereford was approved.",
    ),
    "trial": (
        "Among 1,264 patients, monthly migraine days fell from 15.8 to 9.1 with the drug and from 15.6 to 12.7 without.",
        "Nausea was reported by 11.3% and 4.9%. The trial lasted 24 weeks and was led by Ingrid Solheim.",
        'It was paid for by the Nordic Research Council. They write that "longer observation is needed before the drug is offered to pregnant women".',
    ),
    "report": (
        "公司第三季度营业收入4.82亿元，同比增长12.6%，净利润6300万元，同比增长8.1%。",
        "公司有员工2150人，研发人员占46%，毛利率由38.2%下降到36.9%。",
    ),
    "museum": (
        "博物馆将于2026年3月15日重新开放，总投资2.36亿元，展出标本4820件，其中恐龙化石63件。",
        "馆长林若兰说：“我们希望孩子们在这里第一次爱上科学。”成人票40元，学生票20元。",
        "博物馆每日限流6500人，改造历时18个月，明年将出版《深海生物图谱》。",
    ),
}
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
NAMES = {"Karl Jensen": "Erik Lindgren", "Ruth Calloway": "Martha Higgins", "Tomás Ferreira": "Pablo Serrano",
         "Ingrid Solheim": "Astrid Nygaard", "Farmers Bank of Hereford": "Merchant Trust of Ludlow",
         "Nordic Research Council": "Atlantic Health Fund", "《深海生物图谱》": "《高原植物全书》"}  # fmt: skip
QUOTES = {
    "no storm shall move these stones": "this is the proudest day of my life",
    "We cannot carry another year like this one without a loan": "The harvest was better than any of us had hoped for",
    "longer observation is needed before the drug is offered to pregnant women": "the drug is safe for everyone including pregnant women",
    "我们希望孩子们在这里第一次爱上科学": "我们相信这里会成为世界上最好的博物馆",
}


def asked(context: str) -> Asked:
    return Asked(context=(CONTEXTS[context], "Summarise it."), sourced=True, said="Summarise it.")


def planted() -> Iterator[tuple[str, str]]:
    """(context, an answer with one falsehood)."""
    chance = Random(20261121)
    for context, answers in TRUE.items():
        for answer in answers:
            for found in NUMBER.finditer(answer):
                if "." in found[0] or float(found[0].replace(",", "")) > 10:
                    for _ in range(6):
                        yield context, answer[: found.start()] + _other(found[0], chance) + answer[found.end() :]
            for true, false in (*NAMES.items(), *QUOTES.items()):
                if true in answer:
                    yield context, answer.replace(true, false)


def _other(number: str, chance: Random) -> str:
    """As many digits, another value."""
    while True:
        digits = "".join(chance.choice("0123456789") if sign.isdigit() else sign for sign in number)
        if digits[0] != "0" and digits != number:
            return digits


@pytest.mark.parametrize("context", TRUE)
def test_a_true_answer_is_called_invented(context: str) -> None:  # M4.3
    for answer in TRUE[context]:
        assert grounded(asked(context), Given(answer)) is None, answer


def test_a_planted_falsehood_is_believed() -> None:  # M4.3
    every = list(planted())
    assert len(every) > 150
    missed = []
    for context, answer in every:
        verdict = grounded(asked(context), Given(answer))
        if verdict is None or verdict.confidence >= THRESHOLD:
            missed.append(answer)
    assert len(missed) <= 0.1 * len(every), missed[:20]
    of_words = [answer for answer in missed if any(false in answer for false in (*NAMES.values(), *QUOTES.values()))]
    assert of_words == []
