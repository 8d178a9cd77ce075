"""A process to be killed: settles requests as fast as it can and says on stdout what it has been told is safe.

`i NAME` and `r NAME` are printed after `intend` and `settle` have returned. The n-th request is named `rLIFE.n`; its
attempts cost n each and are held with 1,000 + n. Every fourth request has two attempts, every tenth is never settled.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from fairlead.store.ledger import EmbeddedLedger
from tests.store.entries import attempt, intent, record


async def main(state_dir: Path, life: str) -> None:
    ledger = EmbeddedLedger(state_dir, segment_bytes=20_000)
    await ledger.open()
    number = 0
    while True:
        number += 1
        name = f"r{life}.{number}"
        attempts = 2 if number % 4 == 0 else 1
        for one in range(1, attempts + 1):
            ledger.intend(intent(name, one, hold=1000 + number))
            os.write(1, f"i {name}\n".encode())
        if number % 10:
            ledger.settle(record(name, *(attempt(name, one, cost=number) for one in range(1, attempts + 1))))
            os.write(1, f"r {name}\n".encode())
        if number % 50 == 0:
            await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
