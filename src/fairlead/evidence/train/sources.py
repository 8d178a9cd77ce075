"""Labelled prompts from wherever they are, as samples of one form: public collections by path, own examples by folder.

A sample carries its source, so that a score can be taken on sources that were not learned from. Nothing is copied:
the collections stay where they are, and a missing one is simply not there.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from fairlead.classify.tasks import COMPLEXITIES, TASKS
from fairlead.core.call import Shape
from fairlead.errors import ConfigError
from fairlead.evidence.train import labels

COLLECTIONS = ("benchmark_tasks", "curated_labels", "p3_templated")
OWN = "own"
LONG = 4_000
LONG_ENOUGH = 600
"""Characters of a text that a question may come with before it can stand for a long document."""


class Sample(msgspec.Struct, frozen=True):
    texts: tuple[tuple[str, str], ...]
    shape: Shape
    task: str | None
    complexity: str | None
    critical: bool | None
    language: str
    source: str
    """What is held out together."""
    part: str
    """A template or file within the source; samples are capped by it."""
    learnable: bool
    borrowed: str = ""
    """The other source that its matter is from: held out with it."""


def shape_of(texts: tuple[tuple[str, str], ...], **more: Any) -> Shape:
    whole = [text for _, text in texts]
    return Shape(
        chars=sum(map(len, whole)),
        utf8=sum(len(text.encode("utf-8", "replace")) for text in whole),
        turns=sum(role != "system" for role, _ in texts),
        **more,
    )


def read(data: Path, own: Path) -> list[Sample]:
    """Every sample that has a label of ours, in a stable order."""
    found: list[Sample] = []
    for name in COLLECTIONS:
        file = data / f"{name}.jsonl.gz"
        if file.exists():
            found += (sample for row in rows(file) if (sample := public(row)) is not None)
    for file in sorted(own.glob("*.jsonl")):
        found += own_examples(file)
    return found


def rows(file: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def public(row: dict[str, Any]) -> Sample | None:
    source = row["source"].split("/")[0]
    text = row["text"].replace("\xa0", " ")
    detailed = f"{row['source']}/{row['raw_label']}" if source == "vllm_sr_domain_cases" else row["source"]
    task = task_of(source, detailed, row, text)
    complexity = labels.nearest(labels.COMPLEXITY, detailed)
    critical = labels.nearest(labels.CRITICAL, detailed)
    if task is None and complexity is None:
        return None
    texts = (("user", text),)
    tools = 1 + len(text) % 4 if source == "bfcl" else 0
    return Sample(
        texts,
        shape_of(texts, tools=tools, tool_bytes=tools * 600),
        task,
        complexity,
        critical,
        language_of(source, row["lang"], text),
        source,
        f"{row['source']}/{row['raw_label']}",
        labels.learnable(source, str(row["raw_label"])),
    )


def language_of(source: str, declared: str, text: str) -> str:
    """The collections guess a language; short English questions were guessed wrong, Chinese requests never are."""
    if source.startswith("belle"):
        return "zh"
    return declared if declared in ("en", "zh") else "en"


def task_of(source: str, detailed: str, row: dict[str, Any], text: str) -> str | None:
    label, raw = row["label"], str(row["raw_label"])
    if source in ("self_instruct_seed", "belle_zh_seed"):
        return labels.SEED_TASK.get(raw)
    if source == "self_instruct_user_oriented":
        return labels.USER_ORIENTED.get(label)
    if source == "belle_eval":
        return belle(label, text)
    if source == "p3":
        return p3(label, raw, text)
    if detailed.startswith(labels.COUNTED):
        return None
    task = labels.nearest(labels.BENCHMARKS, detailed)
    return None if task == "knowledge_qa" and text.lower().startswith(labels.WHY) else task


def belle(label: str, text: str) -> str | None:
    task = labels.BELLE.get(label)
    if task == "rewriting" and any(word in text for word in labels.TRANSLATING):
        return "translation"
    if task == "code_generation" and any(word in text for word in labels.REPAIRING):
        return "code_debug"
    if task == "knowledge_qa" and any(word in text for word in labels.WHY):
        return None
    return task


def p3(label: str | None, raw: str, text: str) -> str | None:
    if raw.startswith(labels.P3_UNCLEAR):
        return None
    task = labels.nearest(labels.P3, raw) or (label if label in labels.P3_PLAIN else None)
    return None if task == "long_document" and len(text) < LONG_ENOUGH else task


def own_examples(file: Path) -> Iterator[Sample]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            yield own_example(file, number, json.loads(line))


def own_example(file: Path, number: int, row: dict[str, Any]) -> Sample:
    place = f"{file.name}:{number}"
    task, complexity = row.get("label"), row.get("complexity")
    if task not in (None, *TASKS):
        raise ConfigError([f"{place}: there is no task {task!r}; there are {', '.join(TASKS)}"])
    if complexity not in (None, *COMPLEXITIES):
        raise ConfigError([f"{place}: there is no complexity {complexity!r}; there are {', '.join(COMPLEXITIES)}"])
    texts, counted = conversation(row)
    if not texts:
        raise ConfigError([f"{place}: neither text nor messages"])
    tools = row.get("tools", counted["tools"])
    tools = tools if isinstance(tools, int) else len(tools)
    if task in ("agent", "desktop") and not tools:
        tools = 1 + number % 7
    images = max(counted["images"], int(row.get("images", 0)))
    audio = max(counted["audio"], int(row.get("audio", 0)))
    shape = shape_of(texts, tools=tools, tool_bytes=tools * 600, images=images, audio=audio)
    source = f"{OWN}/{file.stem}"
    return Sample(
        texts, shape, task, complexity, row.get("critical"), row.get("lang", "en"), source, f"{source}/{task}", True
    )


def conversation(row: dict[str, Any]) -> tuple[tuple[tuple[str, str], ...], dict[str, int]]:
    """Texts of a chat-format conversation, and the pictures, sounds and tool calls seen in it."""
    counted = {"tools": 0, "images": 0, "audio": 0}
    if "text" in row:
        return ((("user", row["text"]),) if row["text"] else ()), counted
    texts = []
    for message in row.get("messages", ()):
        content = message.get("content") or ""
        counted["tools"] += bool(message.get("tool_calls"))
        for part in content if isinstance(content, list) else [{"type": "text", "text": content}]:
            kind = part.get("type", "")
            counted["images"] += "image" in kind
            counted["audio"] += "audio" in kind
            if kind in ("text", "input_text"):
                texts.append((message.get("role", "user"), part["text"]))
    return tuple(texts), counted


def lengthened(samples: list[Sample], seed: int) -> list[Sample]:
    """Questions about a text become long documents in size as well: what is read of one is its ends, whatever its length.

    So are some summaries, code reviews and classifications, so that length alone does not make a long document.
    """
    random = Random(seed)
    return [grown(sample, random) for sample in samples]


def grown(sample: Sample, random: Random) -> Sample:
    often = 1.0 if sample.task == "long_document" and sample.shape.chars < LONG else 0.0
    if sample.task in ("summarization", "classification", "extraction", "rewriting", "translation"):
        often = 0.15
    chance, size = random.random(), int(4_000 * 50 ** random.random())
    if chance >= often or (sample.shape.chars < 300 and sample.task != "long_document"):
        return sample
    role, text = sample.texts[-1]
    half = len(text) // 2
    texts = (*sample.texts[:-1], (role, text[:half] + " " * size + text[half:]))
    return msgspec.structs.replace(sample, texts=texts, shape=shape_of(texts, tools=sample.shape.tools))
