"""How long reading a request's words takes: median and 99th percentile on one core, by kind and size of text.

python benchmarks/classify.py [rounds]
"""

from __future__ import annotations

import sys
from time import perf_counter_ns

from fairlead import classify
from fairlead.core.call import Shape

ENGLISH = (
    "Could you go through the notes below and tell me which of the three suppliers we should take? Price matters, "
    "but the last delivery was two weeks late, and nobody called us back. "
)
CHINESE = "请看一下下面的记录，告诉我三家供应商里该选哪一家。价格重要，可是上一次交货晚了两周，也没有人回电话。"
CODE = "def total(rows):\n    return sum(row['price'] * row['count'] for row in rows if row.get('paid'))\n\n"


def sized(text: str, size: int) -> str:
    """Different words at the end each time, `size` bytes in all."""
    return (text * (size // len(text.encode()) + 1)).encode()[:size].decode(errors="ignore")


CASES = {
    "English, 100 bytes": sized(ENGLISH, 100),
    "English, 1.5 KB": sized(ENGLISH, 1_500),
    "Chinese, 1.5 KB": sized(CHINESE, 1_500),
    "code, 2 KB": sized(CODE, 2_000),
    "English, 200 KB": sized(ENGLISH, 200_000),
    "Chinese, 200 KB": sized(CHINESE, 200_000),
}


def measured(text: str, rounds: int) -> tuple[float, float]:
    taken = []
    for at in range(rounds):
        texts = [("system", "You are a helpful assistant."), ("user", f"{text} {at}")]
        shape = Shape(chars=len(texts[1][1]), utf8=len(texts[1][1]), turns=1)
        start = perf_counter_ns()
        classify.read(shape, texts)
        taken.append(perf_counter_ns() - start)
    taken.sort()
    return taken[len(taken) // 2] / 1e3, taken[int(len(taken) * 0.99)] / 1e3


def main(rounds: int) -> None:
    classify.warm()
    measured(CASES["English, 1.5 KB"], 200)
    print(f"{'':20}{'median us':>12}{'p99 us':>12}")
    for name, text in CASES.items():
        median, slow = measured(text, rounds)
        print(f"{name:20}{median:12.1f}{slow:12.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
