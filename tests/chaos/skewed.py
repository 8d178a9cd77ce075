"""Runs fairlead with a clock that jumps: `python -m tests.chaos.skewed FILE serve ...`. FILE holds by how many seconds.

The file is read each time somebody wants to know the time of day. Time that only goes forward is left as it is.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

real, real_ns = time.time, time.time_ns


def main() -> None:
    file = Path(sys.argv.pop(1))

    def off() -> float:
        return float(file.read_text() or 0)

    time.time = lambda: real() + off()
    time.time_ns = lambda: real_ns() + int(off() * 1_000_000_000)
    from fairlead.cli.main import main as fairlead

    fairlead()


if __name__ == "__main__":
    main()
