"""Make `.venv` and install the locked requirements and the package into it: `python scripts/setup.py core [dev ...]`.

Each argument names a lock, `requirements/<name>.txt`; with `core` the package itself comes along. Nothing but the standard library is needed, and no root. Rules:

- Every file that gets installed is checked against a hash in a lock, pip included.
- An environment that works is kept; one that is broken, too old or was moved here is built anew.
- The environment is made with the fastest Python on the machine that the locks suit; `PYTHON=` names another.
- A Python without ensurepip is no obstacle as long as *some* pip can be found (see `PIP_SOURCES`). Which package index
  is asked is the user's own pip configuration; no address stands here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
HOME = VENV / ".home"
"""Where the environment was made: its scripts and links hold absolute paths, so a copied one is not to be used."""

OLDEST = (3, 11)
NEWEST = (3, 14)
"""The last that the locks have wheels for."""
CLEARLY = 0.9
"""Of the time one's own Python takes: what another has to stay below to be preferred."""
PROBE = f"""
import sys, time, venv
if not {OLDEST} <= sys.version_info[:2] <= {NEWEST} or sys.implementation.name != "cpython":
    sys.exit(1)
class Item:
    __slots__ = ("name", "size")
    def __init__(self, name, size):
        self.name, self.size = name, size
def work():
    seen = {{}}
    for n in range(60_000):
        item = Item(f"k{{n & 255}}", n)
        seen[item.name] = seen.get(item.name, 0) + item.size
    return seen
def once():
    begun = time.process_time()
    work()
    return time.process_time() - begun
print(min(once() for _ in range(5)))
"""
WINDOWS = os.name == "nt"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
SETUP_LOCK = ROOT / "requirements" / "setup.txt"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "PIP_TARGET", "PIP_PREFIX"}},
    "PIP_USER": "0",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}

NO_PIP = """\
error: this Python has no ensurepip, and no pip was found on this machine. Any one of these helps:
  - install it:            apt install python3-venv   (or your system's package of that kind)
  - another Python:        make setup PYTHON=/path/to/python3
  - name a package index:  PIP_INDEX_URL=<address of a simple index> make setup
  - install uv and put it on the PATH"""


def main(names: list[str]) -> None:
    if sys.version_info < OLDEST:
        sys.exit(
            f"error: Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; {sys.executable} is {sys.version.split()[0]}"
        )
    if not usable(VENV):
        make_environment()
    elif not has_pip() and not bootstrap_pip():
        sys.exit(NO_PIP)
    for name in ["setup", *names] if "core" in names else names:
        print(f"installing requirements/{name}.txt", flush=True)
        check(pip("install", "--quiet", "--require-hashes", "--requirement", f"requirements/{name}.txt"))
    if "core" in names:
        check(pip("install", "--quiet", "--no-build-isolation", "--no-deps", "--editable", "."))
    HOME.write_text(str(ROOT))


def make_environment() -> None:
    """With the fastest Python there is, unless one was named; where that one can get no pip, with this one."""
    own = sys.executable
    chosen = own if os.environ.get("PYTHON_NAMED") else fastest(own, pythons())
    for interpreter in dict.fromkeys((chosen, own)):
        print(f"making {VENV.name} with {interpreter}", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        made = succeeds([interpreter, "-m", "venv", "--without-pip", str(VENV)])
        if made and (has_pip() or bootstrap_pip()):
            return
    shutil.rmtree(VENV, ignore_errors=True)
    sys.exit(NO_PIP)


def pythons() -> list[str]:
    """Every Python on the PATH that the locks have wheels for, and the system's own."""
    names = ["python3", *(f"python3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1))]
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]
    found = (shutil.which(name, path=folder) for folder in dict.fromkeys(folders) if folder for name in names)
    return [path for path in dict.fromkeys(found) if path is not None]


def fastest(own: str, others: list[str]) -> str:
    """Python builds differ by a third in speed (some distributions optimise with profiles, some users' builds do not),
    and a gateway is one busy process. Another than one's own has to be clearly faster."""
    best, best_time = own, (timed(own) or 0.0) * CLEARLY
    for other in others:
        taken = timed(other)
        if taken is not None and taken < best_time:
            best, best_time = other, taken
    return best


def timed(interpreter: str) -> float | None:
    """Seconds a Python takes for ordinary work; None for one that cannot be used."""
    try:
        probe = subprocess.run([interpreter, "-c", PROBE], capture_output=True, text=True, timeout=20, check=False)
        return float(probe.stdout) if probe.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def usable(environment: Path) -> bool:
    """Whether the environment was made here and its interpreter still runs and is new enough."""
    with contextlib.suppress(OSError):
        if HOME.exists() and HOME.read_text() != str(environment.parent):
            return False
        probe = f"import sys; sys.exit(sys.version_info < {OLDEST} or sys.prefix == sys.base_prefix)"
        return succeeds([str(PYTHON), "-c", probe])
    return False


def has_pip() -> bool:
    return succeeds([str(PYTHON), "-m", "pip", "--version"])


def bootstrap_pip() -> bool:
    return any(succeeds(command) and has_pip() for source in PIP_SOURCES for command in source())


def from_ensurepip() -> Iterator[list[str]]:
    yield [str(PYTHON), "-m", "ensurepip", "--default-pip"]


def from_other_pip() -> Iterator[list[str]]:
    """A pip outside the environment can work on it: first this Python's own, then whatever is on the PATH."""
    install = ["--python", str(PYTHON), "install", "--require-hashes", "--requirement", str(SETUP_LOCK)]
    yield [sys.executable, "-m", "pip", *install]
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            yield [found, *install]


def from_uv() -> Iterator[list[str]]:
    if found := shutil.which("uv"):
        lock = ["--require-hashes", "--requirement", str(SETUP_LOCK)]
        yield [found, "pip", "install", "--python", str(PYTHON), *lock]


def from_wheel_on_disk() -> Iterator[list[str]]:
    """Systems that ship ensurepip apart keep pip's wheel where `WHEEL_PKG_DIR` says."""
    folder = sysconfig.get_config_var("WHEEL_PKG_DIR") or "/usr/share/python-wheels"
    for wheel in sorted(Path(folder).glob("pip-*.whl"), reverse=True):
        yield run_wheel(wheel)


def from_index() -> Iterator[list[str]]:
    """Download the locked pip from the index that the user's environment or pip configuration names."""
    version, hashes = locked_pip(SETUP_LOCK.read_text())
    for index in configured_indexes():
        with tempfile.TemporaryDirectory() as folder:
            try:
                wheel = download_wheel(index, version, hashes, Path(folder))
            except (OSError, ValueError) as problem:
                print(f"note: no pip from a configured index: {problem}", file=sys.stderr)
                continue
            yield run_wheel(wheel)


PIP_SOURCES: tuple[Callable[[], Iterator[list[str]]], ...] = (
    from_ensurepip,
    from_other_pip,
    from_uv,
    from_wheel_on_disk,
    from_index,
)


def run_wheel(wheel: Path) -> list[str]:
    """A wheel of pip can be run as it is, and install the locked pip into the environment."""
    return [str(PYTHON), f"{wheel}/pip", "install", "--require-hashes", "--requirement", str(SETUP_LOCK)]


def locked_pip(lock: str) -> tuple[str, frozenset[str]]:
    """pip's version and the hashes of its files, as the lock has them."""
    entry = re.search(r"^pip==(\S+)((?:\s+\\?\s*--hash=sha256:[0-9a-f]{64})+)", lock, re.MULTILINE)
    if entry is None:
        raise ValueError("the setup lock does not pin pip")
    return entry[1], frozenset(re.findall(r"sha256:([0-9a-f]{64})", entry[2]))


def configured_indexes() -> list[str]:
    """The simple indexes of the environment and of pip's configuration files, in pip's order of precedence."""
    text = "\n".join(os.environ.get(name, "") for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"))
    user = Path.home()
    files = [
        Path(os.environ.get("PIP_CONFIG_FILE", os.devnull)),
        user / ".config/pip/pip.conf",
        user / ".pip/pip.conf",
        user / "Library/Application Support/pip/pip.conf",
        Path("/etc/pip.conf"),
    ]
    for file in files:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            settings = re.findall(r"^(?:extra-)?index-url\s*[=:]((?:.*\n?)(?:[ \t]+.*\n?)*)", file.read_text(), re.M)
            text += "\n" + "\n".join(settings)
    return list(dict.fromkeys(word for word in text.split() if "://" in word))


def download_wheel(index: str, version: str, hashes: frozenset[str], folder: Path) -> Path:
    """Fetch pip's wheel of this version from a simple index; raise ValueError unless its hash is one of `hashes`."""
    page = f"{index.rstrip('/')}/pip/"
    if urllib.parse.urlsplit(page).scheme == "file":
        page += "index.html"
    with urllib.request.urlopen(page, timeout=60) as answer:
        listing = answer.read().decode()
    name = f"pip-{version}-py3-none-any.whl"
    link = re.search(rf"""href=["']([^"'#]*{re.escape(name)})[^"']*["']""", listing)
    if link is None:
        raise ValueError(f"it has no {name}")
    with urllib.request.urlopen(urllib.parse.urljoin(page, link[1]), timeout=60) as answer:
        body = answer.read()
    if hashlib.sha256(body).hexdigest() not in hashes:
        raise ValueError(f"its {name} has a hash that is not in the lock")
    wheel = folder / name
    wheel.write_bytes(body)
    return wheel


def pip(*arguments: str) -> list[str]:
    return [str(PYTHON), "-m", "pip", *arguments]


def succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def check(command: list[str]) -> None:
    outcome = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=False)
    if outcome.returncode:
        sys.exit(f"error: this command failed with {outcome.returncode}: {' '.join(command)}")


if __name__ == "__main__":
    main(sys.argv[1:])
