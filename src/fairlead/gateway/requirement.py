"""What an answer has to be, in words a person reads and as data: what is checked, when somebody stronger is asked, and who."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead.core.gates.names import spelt_out
from fairlead.core.plan import Plan, Target
from fairlead.core.quality import Quality, threshold_of
from fairlead.gateway.chinese import phrase

HELD = {
    "wait": "A stream is held back until then; after {hold} s its client is pinged.",
    "commit": "A stream is held back for {hold} s at most, then given as it comes.",
    "escalate": "A stream is held back; after {hold} s somebody stronger is asked.",
}
"""What becomes of a stream, by `after_hold`."""


def in_words(plan: Plan, language: str = "en") -> Iterator[str]:
    quality = plan.quality
    if quality is None or not plan.steps:
        return
    yield phrase("Its answer is checked before it is given: {gates}.", language).format(
        gates=", ".join(spelt_out(quality.gates))
    )
    first, higher = plan.steps[0].targets[0], ladder(plan)
    names = [target.model.name for target in higher]
    if first.bar is not None and first.bar.leap and len(names) > 1:
        words = "Above a confidence of {keep} it is kept, above {leap} {next} is asked, else {last} at once."
        yield phrase(words, language).format(
            keep=f"{first.bar.keep:g}", leap=f"{first.bar.leap:g}", next=names[0], last=names[-1]
        )
    else:
        at = f"{_threshold(plan, quality, first):g}"
        words = (
            "Above a confidence of {at} it is kept."
            if first.bar is not None
            else "It is kept from a confidence of {at}."
        )
        yield phrase(words, language).format(at=at)
        if names:
            yield phrase("Otherwise these are asked, in this order: {names}.", language).format(names=", ".join(names))
    drafts = [target.model.name for target in higher if target.draft or quality.draft]
    if drafts:
        yield phrase("As a draft the answer is shown to {names}.", language).format(names=", ".join(drafts))
    if not names:
        yield phrase(
            "Nobody is known to be stronger: it is given with a warning where it is not good enough.", language
        )
    yield phrase(HELD[quality.after_hold], language).format(hold=f"{quality.hold:g}")


def described(plan: Plan) -> dict[str, object] | None:
    quality = plan.quality
    if quality is None or not plan.steps:
        return None
    first = plan.steps[0].targets[0]
    return {
        "gates": list(spelt_out(quality.gates)),
        "keep": _threshold(plan, quality, first),
        "leap": first.bar.leap if first.bar is not None and first.bar.leap else None,
        "stronger": [
            {
                "model": target.model.name,
                "keep": _threshold(plan, quality, target),
                "draft": target.draft or quality.draft,
                "thinking": target.thinking,
            }
            for target in ladder(plan)
        ],
        "hold_seconds": quality.hold,
        "after_hold": quality.after_hold,
    }


def ladder(plan: Plan) -> list[Target]:
    return [target for step in plan.steps if step.move == "escalate" for target in step.targets]


def _threshold(plan: Plan, quality: Quality, target: Target) -> float:
    """Of the checks; a cascade has its own bounds, which an answer has to be above."""
    if target.bar is not None:
        return target.bar.keep
    return threshold_of(quality, plan.settings.threshold, plan.task)
