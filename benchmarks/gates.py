"""How often the gates find something in answers that models gave: the share of alarms, gate by gate.

    python benchmarks/gates.py ANSWERS.json...

Each file is a JSON list of {"instruction": question, "output": answer}. With real answers of strong models nearly every alarm is
a false one, so the share is a bound on that of false alarms. `--show N` prints the first N of each gate, to be judged by hand.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path

from fairlead.core.gates.combine import combine
from fairlead.core.gates.table import GATES
from fairlead.core.gates.verdict import Asked, Given, Verdict
from fairlead.core.quality import THRESHOLD


def alarms(asked: Asked, given: Given) -> list[Verdict]:
    """Below the usual threshold, those that are so by themselves."""
    found = combine(gate(asked, given) for gate in GATES.values())
    if found.confidence >= THRESHOLD:
        return []
    return [one for one in found.verdicts if one.confidence < THRESHOLD]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--show", type=int, default=0)
    options = parser.parse_args()
    for file in options.files:
        rows = json.loads(file.read_text(encoding="utf-8"))
        counted: Counter[str] = Counter()
        raised = 0
        began = time.perf_counter()
        for row in rows:
            question = str(row["instruction"])
            found = alarms(Asked(context=(question,), said=question), Given(str(row["output"] or "")))
            raised += bool(found)
            for one in found:
                counted[one.gate] += 1
                if counted[one.gate] <= options.show:
                    print(
                        f"  {one.gate}: {one.why} {one.detail!r}\n    {question[:200]!r}\n    {row['output'][:200]!r}"
                    )
        took = (time.perf_counter() - began) / len(rows) * 1e6
        shares = ", ".join(f"{gate} {times}" for gate, times in counted.most_common())
        print(f"{file.stem}: {raised} of {len(rows)} ({raised / len(rows):.1%}); {took:.0f} us each; {shares}")


if __name__ == "__main__":
    main()
