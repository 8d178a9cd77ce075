"""What looks like a key is never repeated: it may stand where a name or a number was expected.

A message about a configuration names what it complains about. Whoever wrote a key in the wrong place must not find it
in a terminal's history or in a log for that. Recognised are the prefixes keys are issued with, runs of letters and
digits too long and too mixed for a name, and the file's own secrets wherever else they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"
SHORTEST = 8
"""Characters of a secret that is looked for by its own text: shorter ones are words that stand elsewhere too."""
ISSUED = re.compile(
    r"""(?<![A-Za-z0-9])(?:
        (?:sk|fl)[-_][A-Za-z0-9_+/=~.-]{3,}
      | (?:pk|rk|gsk|hf|r8|pplx|nvapi|xai|csk|fw|gh[opsu]|github_pat|glpat|xox[abp])[-_](?=[A-Za-z0-9_-]*[0-9])[A-Za-z0-9_-]{16,}
      | AIza[A-Za-z0-9_-]{16,}
      | (?:AKIA|ASIA)[A-Z0-9]{12,}
      | eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)*
    )""",
    re.VERBOSE,
)
UUID = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])")
RUN = re.compile(r"[A-Za-z0-9]{24,}")


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without anything that looks like a key, nor any of `secrets`."""
    for secret in secrets:
        if len(secret) >= SHORTEST and secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    return RUN.sub(_run, UUID.sub(MASK, ISSUED.sub(MASK, text)))


def _run(found: re.Match[str]) -> str:
    run = found[0]
    digits = sum(char.isdigit() for char in run)
    mixed = not (run.islower() or run.isupper() or run.istitle())
    random = 4 <= digits < len(run) or (len(run) >= 32 and 0 < digits < len(run)) or (len(run) >= 40 and mixed)
    return MASK if random else run
