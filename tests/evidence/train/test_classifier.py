"""Training gives the same bytes again, keeps licences, and what ships holds up on sources it has not seen."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from fairlead.classify import linear
from fairlead.errors import ConfigError
from fairlead.evidence.train import calibration, classifier, labels, phrases, scores, solver, sources
from tests.shape.tree import ROOT

OWN = ROOT / "training"
DATA = Path(os.environ.get("FAIRLEAD_PROMPTS", ROOT.parent / "shared" / "data" / "prompts"))

SMALL = """
language: en
slots: {topic: [rivers, jazz, bread]}
tasks:
  math: {simple: ["what is 3 + 4", "solve 2x = 8", "half of 90"]}
  creative_writing: {medium: ["write a poem about {topic}", "tell a story on {topic}", "a song about {topic}"]}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "phrases").mkdir()
    (tmp_path / "phrases" / "small.yaml").write_text(SMALL)
    (tmp_path / "examples").mkdir()
    lines = [
        {"text": "add up 4 and 5", "label": "math", "complexity": "simple", "lang": "en", "source": "own/a"},
        {"messages": [{"role": "user", "content": "a verse on rain"}], "label": "creative_writing", "lang": "en"},
    ]
    (tmp_path / "examples" / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def quiet(_: str) -> None:
    pass


def test_training_twice_writes_the_same_bytes(own: Path, tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        classifier.write(classifier.train(tmp_path / "none", own, quiet), tmp_path / name)
        written.append({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert linear.read(tmp_path / "one").steps.any()


def test_nothing_to_learn_from_is_an_error_that_names_the_folders(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no labelled prompts"):
        classifier.train(tmp_path / "none", tmp_path / "nothing", quiet)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "x", "label": "cooking"}, "a.jsonl:1: there is no task 'cooking'"),
        ({"text": "x", "label": "math", "complexity": "hard"}, "a.jsonl:1: there is no complexity 'hard'"),
        ({"label": "math"}, "a.jsonl:1: neither text nor messages"),
    ],
)
def test_a_wrong_example_is_named_with_its_line(row: dict[str, str], message: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    with pytest.raises(ConfigError, match=re.escape(message)):
        sources.read(tmp_path / "none", tmp_path)


def test_what_is_not_permissively_licensed_is_not_learned_from() -> None:
    for source in ("belle_eval", "belle_zh_seed", "routerdc", "swebench_verified"):
        assert not labels.learnable(source, "any")
    assert not labels.learnable("p3", "samsum_Summarize_")
    assert labels.learnable("p3", "duorc_SelfRC_answer")


def test_a_subject_that_is_as_often_sums_as_facts_has_no_task_but_its_complexity() -> None:
    row = {"source": "mmlu_pro/physics", "raw_label": "physics", "text": "How fast is it?", "label": None, "lang": "en"}
    counted = sources.public(row)
    told = sources.public({**row, "source": "mmlu_pro/history", "raw_label": "history"})
    assert counted is not None
    assert (counted.task, counted.complexity) == (None, "complex")
    assert told is not None
    assert told.task == "knowledge_qa"


def test_where_only_one_source_may_be_learned_from_it_can_still_be_asked() -> None:
    assert not solver.fit([], [], 1).weights.any()


def test_a_source_is_held_out_with_what_borrows_from_it(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = list(phrases.examples(own / "phrases", {}, 1))
    samples = [
        sample if at % 2 else sources.msgspec.structs.replace(sample, borrowed="x") for at, sample in enumerate(listed)
    ]
    samples.append(sources.msgspec.structs.replace(listed[0], source="x"))
    learned: list[set[str]] = []
    monkeypatch.setattr(scores, "learn", lambda kept, rows, seed: learned.append({s.source + s.borrowed for s in kept}))
    monkeypatch.setattr(scores.solver, "scores", lambda model, rows: np.zeros((len(rows), scores.COLUMNS), np.float32))
    scores.ask(samples, list(range(len(samples))), None, 1, quiet)  # type: ignore[arg-type]
    assert any(not any("x" in name.split("small")[-1] for name in kept) and "x" not in kept for kept in learned)


def test_translations_and_the_same_third_of_all_phrases_are_held_out_together() -> None:  # M2.1
    for one, other in (
        ("own/en_office", "own/zh_office"),
        ("own/logs_en", "own/logs_zh"),
        ("belle_zh_seed", "self_instruct_seed"),
        ("own/phrases-en.2", "own/phrases-zh-wide.2"),
    ):
        assert scores.family(one) == scores.family(other)
    apart = (
        "own/en_office",
        "own/en_asks",
        "own/logs_en",
        "own/phrases-en.1",
        "own/phrases-en.2",
        "own/de",
        "belle_eval",
    )
    assert len({scores.family(source) for source in apart}) == len(apart)


def test_the_curve_rises_and_the_error_of_honest_confidence_is_small() -> None:
    rng = np.random.default_rng(1)
    likely = rng.random(4_000)
    right = rng.random(4_000) < likely**2
    even = np.ones(4_000)
    points = calibration.curve(likely, right, even)
    assert [y for _, y in points] == sorted(y for _, y in points)
    assert calibration.error(likely, right, even) > 0.1
    assert calibration.error(calibration.read_off(points, likely), right, even) < 0.04


def test_macro_f1_counts_each_label_alike() -> None:
    assert scores.macro_f1([0, 0, 0, 1], [0, 0, 0, 1]) == 1
    assert scores.macro_f1([0, 0, 0, 1], [0, 0, 0, 0]) == pytest.approx((6 / 7 + 0) / 2)


def test_the_weights_that_ship_are_small_and_of_these_answers() -> None:
    assert sum(file.stat().st_size for file in linear.FOLDER.iterdir()) < 4_000_000
    assert linear.load().steps.nbytes < 4_000_000
    assert linear.load().facts.heads == linear.HEADS


def test_the_data_card_is_of_other_weights_or_tells_of_too_little() -> None:  # M2.1 M2.3
    card = (linear.FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"weights {linear.load().facts.version}." in card
    rows = re.findall(r"^\| (\w+), ([^|]+) \| \d+ \| [\d.]+ \| ([\d.]+) \| ([\d.]+) \|$", card, re.MULTILINE)
    told = {(head, name): (float(f1), float(error)) for head, name, f1, error in rows}
    assert min(told["task", name][0] for name in ("all", "collections from elsewhere")) >= 0.65
    assert told["task", "Chinese"][0] >= told["task", "English"][0] - 0.05
    assert told["task", "all"][0] >= 0.8
    few = ("complexity", "collections from elsewhere")  # five of them, each with its own meaning of complex
    assert told.pop(few)[1] <= 0.07
    assert {cut: error for cut, (_, error) in told.items() if error > 0.05} == {}


def judged(*groups: tuple[str, int, str]) -> scores.Judged:
    """Each group is a source, how many samples of it there are, and what they are; all are said to be the same."""
    sample = sources.Sample((("user", "x"),), sources.shape_of(()), None, None, False, "en", "", "", True)
    samples = [
        sources.msgspec.structs.replace(sample, source=source, critical=critical == "yes")
        for source, size, critical in groups
        for _ in range(size)
    ]
    said = np.zeros((len(samples), scores.COLUMNS), np.float32)
    said[:, scores.SPANS["critical"]] = (1, 0)
    return scores.judge(scores.Asked(tuple(samples), said), "critical")


def test_a_large_source_drowns_the_others_in_calibration() -> None:  # M2.3
    found = judged(("large", 900, "no"), ("small", 10, "yes"), ("asked", 1, "no"))
    assert found.confidence[-1] == pytest.approx(0.5, abs=0.05)


def test_a_language_that_is_told_worse_is_as_sure_of_itself_as_english() -> None:  # M2.3
    texts = {"en": "which of them is it", "ru": "\u043a\u0430\u043a\u043e\u0439 \u0438\u0437 \u043d\u0438\u0445"}
    sample = sources.Sample((("user", "x"),), sources.shape_of(()), None, None, True, "en", "", "", True)
    samples = [
        sources.msgspec.structs.replace(
            sample, texts=(("user", text),), language=language, source=f"{language}{source}", critical=at < right
        )
        for (language, text), right in zip(texts.items(), (90, 60), strict=True)
        for source in range(3)
        for at in range(100)
    ]
    said = np.zeros((len(samples), scores.COLUMNS), np.float32)
    said[:, scores.SPANS["critical"]] = (0, 1)
    found = scores.judge(scores.Asked(tuple(samples), said), "critical")
    assert found.confidence[0] == pytest.approx(0.9, abs=0.01)
    assert found.confidence[-1] == pytest.approx(0.6, abs=0.01)
    assert found.curves["Chinese"][0][1] == pytest.approx(0.75, abs=0.01)


def test_confidence_is_not_calibrated_on_what_is_held_out_together() -> None:
    found = judged(("own/en_x", 10, "yes"), ("own/zh_x", 10, "yes"), ("other", 10, "no"))
    assert found.confidence[0] == pytest.approx(1.0, abs=0.05)


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the prompt collections are not here")


@needs_data
def test_collections_that_nothing_was_learned_from_are_understood() -> None:  # M2.1
    from fairlead.classify import read

    asked = [sample for sample in sources.read(DATA, OWN / "examples") if sample.source.startswith("belle")]
    kept = [asked[at] for at in scores.thinned(asked, 15, 60) if asked[at].task]
    given = [sample.task for sample in kept]
    said = [read(sample.shape, sample.texts)[0].name for sample in kept]
    numbers = {name: at for at, name in enumerate(linear.HEADS[0][1])}
    assert len(kept) > 150
    assert scores.macro_f1([numbers[task or ""] for task in given], [numbers[task] for task in said]) >= 0.6


USUAL = {"what are the pros and cons", "what is the difference between a"}
"""What anybody says."""
RUN = {"words": 6, "characters": 10}


def runs(text: str) -> set[str]:
    words = re.findall(r"[a-z0-9']+", text.lower())
    found = {" ".join(words[at : at + RUN["words"]]) for at in range(len(words) - RUN["words"] + 1)}
    for piece in re.findall(r"[\u4e00-\u9fff，、：。？]+", text):
        found |= {piece[at : at + RUN["characters"]] for at in range(len(piece) - RUN["characters"] + 1)}
    return found


@needs_data
def test_no_way_of_asking_is_copied_from_a_collection() -> None:
    theirs: set[str] = set()
    for name in sources.COLLECTIONS:
        with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                theirs |= runs(json.loads(line)["text"].replace("\xa0", " ")[:3_000])
    theirs -= USUAL
    copied = [
        way
        for file in sorted((OWN / "phrases").glob("*.yaml"))
        for each in phrases.read(file)
        for levels in each.tasks.values()
        for ways in levels.values()
        for way in ways
        if any(runs(part) & theirs for part in re.split(r"\{[a-z]+\}|\\n|\n", way))
    ]
    assert copied == []
