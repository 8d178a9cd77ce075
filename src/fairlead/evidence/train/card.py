"""The data card that ships beside the weights: what was learned from, on what terms, and how well it holds elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from fairlead.classify.heads import HEADS
from fairlead.evidence.train import labels, solver
from fairlead.evidence.train.scores import Judged, Score, examples, external, phrases
from fairlead.evidence.train.sources import Sample

SHOWN = ("task", "complexity", "critical", "language")
CONFUSIONS = 12

INTRODUCTION = """# The classifier: data card

Written by `fairlead train classifier`; weights {version}. A linear model over hashed words, pairs, triples, word
stems and endings of at most about 640 characters (half as many in Chinese, Japanese and Korean), and a few traits of
the structure.

Every figure below is taken **by held-out source**: a source is asked of a model that has not learned from it (the
mean of {models} models that learned in different orders, as what ships is). The calibration error is over ten bins of equal
width, each answer counting alike; confidence is calibrated, by a temperature and a rising curve for English, one for
Chinese and one for all other languages, on what was not held out together with what is asked, and there whatever is
held out together counts as one in each of the three, be it large or small. Which of the three it is, is what the
classifier takes it for. That the curves are parted so was chosen by looking at the calibration errors below.

Big sources are thinned before counting. What may not be learned from for its licence is measured on only. The
project's own are held out, too: an example file as one source, and the ways of asking ("phrases", filled from a pool
that is the same for all tasks) in thirds, the same third of all files at once. What fills them may be borrowed from a
collection, and is then held out with it. Whatever has an English and a Chinese version is held out in both at once.
Who wrote the phrases had seen prompts of the collections, and none of the example files; no phrase repeats a run of
words of a collection's instructions. The example files come from few hands, so a held-out one has relatives that were
learned from. Phrases in languages other than English and Chinese are learned from and not asked. The settings of the
learning were chosen by looking at the collections' figures, as a reader of those should know; how often a phrase is
filled, and what share of it is borrowed, by looking at all of them. The files `*_asks`, `*_more`, `*-wide`, `*-broad`
and `en-plain` were written to mend confusions seen in those figures, with the names of the collections' labels and
templates known and none of their prompts read, but for six seen before writing `*-broad`, and some twenty before
`en-plain`: what phrases were filled with that had been answered wrongly.

What decides a phrase's figures is what fills it. {english:.0%} of the English phrases asked are about a borrowed
question, {chinese:.0%} of the Chinese; of those the task is told with a macro-F1 of {borrowed:.2f} in English and
{borrowed_zh:.2f} in Chinese, of the others with {own:.2f} and {own_zh:.2f}.

Labels: a collection's own label where it means one of the tasks, by the tables in
`fairlead/evidence/train/labels.py`; what could be two tasks is left out, also the subjects of MMLU-Pro whose
questions are as often sums as facts (business, chemistry, computer science, engineering, physics: in more than two
fifths of each one's questions stand two numbers). Questions about a passage count as long documents, and are
lengthened to a long document's size before they are learned from or asked. Complexity is what the benchmark declares
(easy, medium, hard; competition level), its place among benchmarks (grade-school sums are medium, trivia simple), or
what the author of an example wrote down. `critical` is medicine, law, money and safety against subjects in which an
error does no harm.
"""


def written(samples: Sequence[Sample], judged: dict[str, Judged], version: str) -> str:
    parts = [
        INTRODUCTION.format(version=version, models=solver.MODELS, **by_matter(judged["task"])),
        "## Scores\n",
        table(HEADINGS, summary(judged)),
    ]
    for head in ("task", "complexity"):
        parts += [f"## {head.capitalize()} by held-out source\n", table(HEADINGS, by_source(judged[head]))]
    parts += ["## Task by answer\n", table(("task", "asked", "precision", "recall"), by_answer(judged["task"]))]
    parts += ["## Most frequent confusions\n", table(("asked", "said", "times"), confused(judged["task"]))]
    parts += ["## Sources\n", table(("source", "samples", "learned from", "terms"), listed(samples))]
    return "\n".join(parts)


def by_matter(judged: Judged) -> dict[str, float]:
    """Shares and macro-F1 of phrases, by whether a borrowed question is what they are about."""
    found = {}
    for language, share, ending in (("en", "english", ""), ("zh", "chinese", "_zh")):
        borrowed, own = (judged.score(phrases_about(language, about)) for about in (True, False))
        found[share] = borrowed.samples / max(1, borrowed.samples + own.samples)
        found[f"borrowed{ending}"], found[f"own{ending}"] = borrowed.macro_f1, own.macro_f1
    return found


def phrases_about(language: str, borrowed: bool) -> Callable[[Sample], bool]:
    return lambda sample: phrases(sample) and sample.language == language and bool(sample.borrowed) is borrowed


HEADINGS = ("", "asked", "accuracy", "macro-F1", "calibration error")


def figures(name: str, score: Score) -> tuple[str, ...]:
    return (
        name, str(score.samples), f"{score.accuracy:.3f}", f"{score.macro_f1:.3f}", f"{score.calibration_error:.3f}",
    )  # fmt: skip


def summary(judged: dict[str, Judged]) -> Iterable[tuple[str, ...]]:
    for head in SHOWN:
        for name, keep in SLICES:
            score = judged[head].score(keep)
            if score.samples:
                yield figures(f"{head}, {name}", score)


def of_language(language: str) -> Callable[[Sample], bool]:
    return lambda sample: sample.language == language


def of_source(source: str) -> Callable[[Sample], bool]:
    return lambda sample: sample.source == source


SLICES: tuple[tuple[str, Callable[[Sample], bool]], ...] = (
    ("all", lambda _: True),
    ("collections from elsewhere", external),
    ("own examples", examples),
    ("own phrases", phrases),
    ("English", of_language("en")),
    ("Chinese", of_language("zh")),
    ("other languages", lambda sample: sample.language not in ("en", "zh")),
)


def by_source(judged: Judged) -> Iterable[tuple[str, ...]]:
    for source in sorted({sample.source for sample in judged.samples}):
        yield figures(source, judged.score(of_source(source)))


def by_answer(judged: Judged) -> Iterable[tuple[str, ...]]:
    for at, name in enumerate(dict(HEADS)["task"]):
        given, said = judged.given == at, judged.said == at
        hit = int((given & said).sum())
        precision, recall = hit / max(1, int(said.sum())), hit / max(1, int(given.sum()))
        yield name, str(int(given.sum())), f"{precision:.2f}", f"{recall:.2f}"


def confused(judged: Judged) -> Iterable[tuple[str, ...]]:
    names = dict(HEADS)["task"]
    for given, said, times in judged.confusions(CONFUSIONS):
        yield names[given], names[said], str(times)


def listed(samples: Sequence[Sample]) -> Iterable[tuple[str, ...]]:
    counted = Counter(sample.source for sample in samples)
    learned = Counter(sample.source for sample in samples if sample.learnable)
    for source in sorted(counted):
        terms = labels.LICENCES.get(source.split("/")[0]) or labels.MEASURED_ONLY[source]
        yield source, str(counted[source]), str(learned[source]), terms
    if "p3" in counted:
        yield from ((f"of p3: {name}", "", "yes", terms) for name, terms in sorted(labels.P3_LEARNED.items()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
