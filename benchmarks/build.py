"""What has to be made before measuring: the C programs, the request bodies, the peers' environments.

All of it goes to `.build` beside this file, which git ignores.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / ".build"
PROMPT = (
    "Please write a function that takes a list of whole numbers and returns it in ascending order without the sort "
    "that is built in, then explain what it costs. "
)
EDGES = "Think of the empty list, of one element, of negative numbers and of numbers that occur twice. "


class CannotBuild(Exception):
    """Something is missing on this machine; the message says what."""


def program(name: str) -> Path:
    """The compiled `name`.c, made anew when its source is newer."""
    source, target = HERE / f"{name}.c", BUILD / name
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return target
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise CannotBuild(
            "The benchmarks' upstream and load generator are two small C programs, and no C compiler was found here.\n"
            "Install one (Debian and Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc) and start again."
        )
    BUILD.mkdir(exist_ok=True)
    done = subprocess.run(
        [compiler, "-O2", "-o", str(target), str(source)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotBuild(f"{source.name} does not compile here:\n{done.stderr}")
    return target


def body(model: str, *, streamed: bool, messages: bool = False) -> Path:
    """A file with a request of about 1 KB, of OpenAI's Chat Completions or Anthropic's Messages."""
    rules = "You answer briefly and precisely, and say so when you are not sure."
    asked = {"role": "user", "content": PROMPT + EDGES * 6}
    request: dict[str, object] = {"model": model, "temperature": 0.2, "max_tokens": 256}
    if messages:
        request |= {"system": rules, "messages": [asked]}
    else:
        request["messages"] = [{"role": "system", "content": rules}, asked]
    if streamed:
        request |= {"stream": True} if messages else {"stream": True, "stream_options": {"include_usage": True}}
    folder = BUILD / "bodies"
    folder.mkdir(parents=True, exist_ok=True)
    file = (
        folder
        / f"{model.replace('/', '-').replace(':', '-')}{'.messages' if messages else ''}{'.stream' if streamed else ''}.json"
    )
    file.write_text(json.dumps(request, separators=(",", ":")))
    return file


def environment(name: str, *requirements: str) -> Path:
    """The Python of a virtual environment of its own that has `requirements`; made at the first call."""
    folder = BUILD / "peers" / name
    python, ready = folder / "bin" / "python", folder / ".ready"
    if ready.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print(f"installing {' '.join(requirements)} (once) ...", file=sys.stderr, flush=True)
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "-q",
            "--disable-pip-version-check",
            *requirements,
        ],
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
        except (subprocess.SubprocessError, OSError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            raise CannotBuild(f"{name} cannot be installed here: {said[-1] if said else error}") from error
    ready.touch()
    return python


def is_installed(name: str) -> bool:
    return (BUILD / "peers" / name / ".ready").exists()


def version_in(python: Path | str, package: str) -> str:
    code = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    done = subprocess.run([str(python), "-c", code, package], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
