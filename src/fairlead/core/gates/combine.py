"""Several verdicts on one answer as one judgement.

Each verdict moves the odds that the answer is fit by as much as it would alone; a single one counts as it stands, so that
bounds can be met exactly. Confidence is rounded to six digits, and never quite none or all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from fairlead.core.gates.verdict import FIT, Judgement, Verdict

LEAST, MOST = 0.001, 0.999
DIGITS = 6


def combine(verdicts: Iterable[Verdict | None], prior: float = FIT) -> Judgement:
    said = tuple(verdict for verdict in verdicts if verdict is not None)
    if not said:
        return Judgement(prior)
    weightiest = min(said, key=lambda verdict: verdict.confidence)
    if len(said) == 1 and prior == FIT:
        together = said[0].confidence
    else:
        usual, begun = _log_odds(FIT), _log_odds(prior)
        odds = begun + math.fsum(_log_odds(verdict.confidence) - usual for verdict in said)
        together = min(max(1 / (1 + math.exp(-odds)), LEAST), MOST)
    return Judgement(
        round(together, DIGITS),
        f"{weightiest.gate}: {weightiest.why}",
        said,
        sum(verdict.cost for verdict in said),
    )


def _log_odds(share: float) -> float:
    share = min(max(share, LEAST), MOST)
    return math.log(share / (1 - share))
