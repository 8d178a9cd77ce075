"""How long `fairlead advise` takes for a million rows on one core, and how much memory, by kind of log.

python benchmarks/advise.py [rows] [folder]

The logs are made up here, the same ones each time, and deleted afterwards unless a folder is named.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4.5", "claude-opus-4.5", "gemini-2.5-flash")
ASKED = (
    "Translate into German: the meeting was moved to {} o'clock.",
    "Write a function that returns the {} largest numbers of a list, with tests.",
    "Is this review positive or negative? It took {} days, but it works.",
    "Prove that the sum of the first {} odd numbers is a square.",
    "Summarize in two sentences: revenue grew by {} percent, costs fell, and two offices were closed.",
)
CONTEXT = "You are an assistant of a shop. Be short, be polite, and never promise a date. " * 6
DAYS = 30


def moments(rows: int) -> Iterator[tuple[Random, str, str]]:
    random = Random(7)
    for at in range(rows):
        day = f"2026-10-{at * DAYS // rows + 1:02d}T{at % 24:02d}:10:00Z"
        yield random, day, random.choice(MODELS)


def prompts(rows: int) -> Iterator[str]:
    """Plain JSON lines with messages and usage."""
    for random, moment, model in moments(rows):
        asked = random.choice(ASKED).format(random.randrange(10**6))
        messages = [{"role": "system", "content": CONTEXT}, {"role": "user", "content": asked}]
        usage = {"prompt_tokens": random.randrange(100, 4000), "completion_tokens": random.randrange(10, 900)}
        yield json.dumps({"timestamp": moment, "model": model, "messages": messages, "usage": usage})


def spend(rows: int) -> Iterator[str]:
    """LiteLLM's spend logs, without prompts."""
    for random, moment, model in moments(rows):
        given, output = random.randrange(100, 4000), random.randrange(10, 900)
        yield json.dumps({
            "request_id": f"{random.getrandbits(64):x}", "call_type": "acompletion", "api_key": "88dc28d0f030c55ed4ab",
            "spend": given * 3e-6 + output * 15e-6, "total_tokens": given + output, "prompt_tokens": given,
            "completion_tokens": output, "startTime": moment, "endTime": moment, "model": model, "status": "success",
            "metadata": {"usage_object": {"prompt_tokens": given, "completion_tokens": output}}, "messages": {},
        })  # fmt: skip


def table(rows: int) -> Iterator[str]:
    """OpenRouter's activity, as CSV."""
    yield "generation_id,created_at,cost_total,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,model_permaslug"
    for random, moment, model in moments(rows):
        given, output = random.randrange(100, 4000), random.randrange(10, 900)
        yield f"gen-{random.getrandbits(64):x},{moment},{given * 3e-6 + output * 15e-6:.6f},{given},{output},0,0,{model}"


KINDS: dict[str, Callable[[int], Iterator[str]]] = {"prompts": prompts, "spend logs": spend, "CSV": table}


def measured(file: Path) -> tuple[float, float, float]:
    """Seconds by the clock and of the processor, and megabytes, of the command on one core."""
    core = {min(os.sched_getaffinity(0))}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "fairlead", "advise", str(file), "--json"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, core),
    )  # fmt: skip
    taken, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return taken, cpu, after.ru_maxrss / 1024


def main(rows: int, folder: Path) -> None:
    print(f"{rows:,} rows{'':8}{'MB':>8}{'seconds':>10}{'CPU s':>8}{'most MB':>9}")
    for name, lines in KINDS.items():
        file = folder / f"{name.replace(' ', '-')}-{rows}"
        if not file.exists():
            with file.open("w") as log:
                log.writelines(f"{line}\n" for line in lines(rows))
        taken, cpu, memory = measured(file)
        print(f"{name:18}{file.stat().st_size / 1e6:8.0f}{taken:10.1f}{cpu:8.1f}{memory:9.0f}")


if __name__ == "__main__":
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    if len(sys.argv) > 2:
        main(many, Path(sys.argv[2]))
    else:
        with TemporaryDirectory() as place:
            main(many, Path(place))
