"""Examples made from ways of asking and from things to ask about, so that the words for a task are what teaches it.

A file of phrases lists for each task and complexity (`any`: not told) how people ask for it, with `{slots}`; what fills
a slot is drawn from one pool for all tasks. " ||| " parts a system prompt from the user's words. The ways of asking are
dealt into parts that are held out one at a time: then every phrasing asked about is one that was not learned from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import msgspec

from fairlead.classify.tasks import COMPLEXITIES
from fairlead.evidence.train.sources import OWN, Sample, shape_of

PARTS = 3
FILLINGS = {"en": 10, "zh": 8}
FILLINGS_ELSEWHERE, BARE = 6, 3
"""Examples from one phrase with slots, by its language, and from one without."""
POLITE = 0.4
SYSTEM = 0.25
TOOLS = 0.01
"""Shares of the examples with a courtesy before it, with a system prompt that says nothing, with tools it needs not."""
BORROWED = {"en": 0.3, "zh": 0.15}
"""Share of the texts to work on that are borrowed from a collection (in English), by the language of the phrases."""
LENDERS = ("llmrouter_ulab", "mmlu_pro")
SPANS = {"text": (200, 1_200), "sentence": (25, 140)}
"""Characters of what can stand in a slot."""
TOOLED, LOOKED_UP = 0.05, 0.15
"""Shares of plain requests that come again with an agent's tools, of all and of those that a tool would be asked for:
then they are an agent's work, however they sound."""
ANSWERED = ("math", "knowledge_qa", "fast_response")
TOOLLESS = ("creative_writing", "rewriting", "translation", "chat")
"""What stays what it is, whatever tools come along."""
AGENTS = (
    "", "You are an agent. Use the tools you are given.", "You can call functions. Decide which ones to call.",
    "你是智能体，使用提供的工具。",
)  # fmt: skip
SLOT = re.compile(r"\{([a-z]+)\}")
ACTING = ("agent", "desktop")
APART = " ||| "


class Phrases(msgspec.Struct, frozen=True):
    language: str
    slots: dict[str, list[str]]
    tasks: dict[str, dict[str, list[str]]]
    polite: tuple[str, ...] = ("",)
    systems: tuple[str, ...] = ()
    critical: bool | None = None
    """Whether an error in what is asked here does harm."""
    like: str = ""
    """Another file whose slots and courtesies are also this one's."""


def read(file: Path) -> list[Phrases]:
    """The documents of a file, one a language."""
    import yaml

    return [
        whole(msgspec.convert(each, Phrases), file) for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ]


def whole(found: Phrases, file: Path) -> Phrases:
    """With what it has from another file; courtesies only from one in its own language."""
    if not found.like:
        return found
    (other,) = read(file.with_stem(found.like))
    slots = other.slots | found.slots
    if other.language != found.language:
        return msgspec.structs.replace(found, slots=slots)
    return msgspec.structs.replace(found, slots=slots, polite=other.polite, systems=other.systems)


class Matter(msgspec.Struct, frozen=True):
    """Something to work on, and where it is from."""

    text: str
    source: str


def lent(samples: Iterable[Sample]) -> dict[str, list[Matter]]:
    """Texts of the collections that can stand in a slot: questions without their options."""
    found: dict[str, list[Matter]] = {slot: [] for slot in SPANS}
    for sample in samples:
        if sample.source in LENDERS:
            text = sample.texts[0][1].split("\nA. ")[0].strip()
            for slot, (least, most) in SPANS.items():
                if least <= len(text) <= most:
                    found[slot].append(Matter(text, sample.source))
    return found


WORDS_DRAWN, DRAWS = (4, 14), 80


def small_words(file: Path, seed: int) -> Iterator[Sample]:
    """Draws from the small words of each language: samples that teach nothing but the language."""
    import yaml

    listed: dict[str, str] = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    for language, line in listed.items():
        random, known = Random(f"{seed}/{language}"), line.split()
        for _ in range(DRAWS):
            text = " ".join(random.choices(known, k=random.randint(*WORDS_DRAWN)))
            texts = (("user", text.capitalize()),)
            source = f"{OWN}/{file.stem}"
            yield Sample(texts, shape_of(texts), None, None, None, language, source, f"{source}/{language}", True)


def examples(folder: Path, lending: dict[str, list[Matter]], seed: int) -> Iterator[Sample]:
    for file in sorted(folder.glob("*.yaml")):
        for phrases in read(file):
            random = Random(f"{seed}/{file.stem}/{phrases.language}")
            fillings = FILLINGS.get(phrases.language, FILLINGS_ELSEWHERE)
            ways = [
                (task, level, way)
                for task, levels in phrases.tasks.items()
                for level, listed in levels.items()
                for way in listed
            ]
            for number, (task, level, way) in enumerate(ways):
                source = f"{OWN}/phrases-{file.stem}.{number % PARTS + 1}"
                part = f"{source}/{phrases.language}{number}"
                for _ in range(fillings if SLOT.search(way) else BARE):
                    made = example(phrases, way.replace("\\n", "\n"), lending, task, level, random)
                    made = msgspec.structs.replace(made, source=source, part=part)
                    yield made
                    if random.random() < tooling(task):
                        yield tooled(made, random)


def example(
    phrases: Phrases, way: str, lending: dict[str, list[Matter]], task: str, level: str, random: Random
) -> Sample:
    borrowed: list[str] = []

    def fill(slot: re.Match[str]) -> str:
        share = BORROWED.get(phrases.language, 0.0)
        if lending.get(slot[1]) and random.random() < share:
            matter = random.choice(lending[slot[1]])
            borrowed.append(matter.source)
            return matter.text
        return random.choice(phrases.slots[slot[1]])

    filled = SLOT.sub(fill, way).replace("{{", "{").replace("}}", "}")
    system, _, asked = filled.rpartition(APART)
    if way[0].isalpha() and random.random() < POLITE:
        courtesy = random.choice(phrases.polite)
        asked = courtesy + (asked[0].lower() + asked[1:] if courtesy else asked)
    if not system and phrases.systems and random.random() < SYSTEM:
        system = random.choice(phrases.systems)
    texts = ((("system", system),) if system else ()) + (("user", asked),)
    tools = random.randint(1, 12) if task in ACTING and random.random() < 0.9 else 0
    if task in TOOLLESS and random.random() < TOOLS:
        tools = random.randint(1, 5)
    shape = shape_of(texts, tools=tools, tool_bytes=tools * 600)
    lender = borrowed[0] if borrowed else ""
    known = level if level in COMPLEXITIES else None
    return Sample(texts, shape, task, known, phrases.critical, phrases.language, "", "", True, lender)


def tooling(task: str) -> float:
    if task in ACTING or task in TOOLLESS:
        return 0.0
    return LOOKED_UP if task in ANSWERED else TOOLED


def tooled(sample: Sample, random: Random) -> Sample:
    system, tools = random.choice(AGENTS), random.randint(1, 12)
    texts = ((("system", system),) if system else ()) + sample.texts[-1:]
    shape = shape_of(texts, tools=tools, tool_bytes=tools * 600)
    return msgspec.structs.replace(
        sample, texts=texts, shape=shape, task="agent", complexity="simple", part=f"{sample.source}/agent"
    )
