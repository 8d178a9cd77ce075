"""Who is measured: how each target is started, what its models are called, what proves that it kept its books.

A `Server` is a running program; a `Route` is one way to ask it. One fairlead server has four routes: a pinned model
whose bytes pass through, one whose name must be rewritten, `auto` and `afresh`, where fairlead chooses, and `crossed`, whose client
speaks another dialect than the upstream.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import build
from machine import Cores, Process, choose_cores, free_port

ROOT = build.HERE.parent
KEY = "fl_bench"
MODES = ("bench-fast", "bench-50ms", "bench-burst", "bench-paced", "bench-slow", "bench-long", "bench-hang")
START_SECONDS = 90.0
CATCH_UP_SECONDS = 5.0
WRITTEN_SECONDS = 0.6
"""What is on the books shows within this time."""


class NotStarted(Exception):
    """A target did not answer."""


@dataclass(frozen=True)
class Route:
    """One way to ask a server: the port, the path and what each mode of the upstream is called there."""

    name: str
    port: int
    path: str = "/v1/chat/completions"
    headers: tuple[str, ...] = ()
    prefix: str = ""
    model: str | None = None  # asked for whatever the mode
    varied: bool = False  # no two questions are the same
    messages: bool = False  # asked in Anthropic's dialect, which the upstream does not speak

    def body(self, mode: str, *, streamed: bool = False) -> Path:
        return build.body(self.model or self.prefix + mode, streamed=streamed, messages=self.messages)

    @property
    def ending(self) -> str:
        """What every whole stream holds."""
        return "message_stop" if self.messages else "[DONE]"

    def answers(self) -> bool:
        """Whether a small question gets a 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"content-type": "application/json", **dict(line.split(": ", 1) for line in self.headers)}
        try:
            connection.request("POST", self.path, self.body("bench-fast").read_bytes(), headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@dataclass
class Server:
    process: Process
    routes: dict[str, Route]
    start_seconds: float
    ledger: Path | None = None  # who keeps books is measured until they are complete

    def ledger_rows(self) -> int:
        if self.ledger is None:
            return 0
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=2)) as db:
                return int(db.execute("SELECT count(*) FROM requests").fetchone()[0])
        except sqlite3.Error:
            return -1

    def catch_up(self, rows: int) -> int:
        """Waits, 5 s at most, until the books hold `rows` and nothing is left to do; returns what they hold."""
        end = time.monotonic() + CATCH_UP_SECONDS
        while self.ledger and time.monotonic() < end and self.ledger_rows() < rows:
            time.sleep(0.1)
        self.process.settle(max(0.5, end - time.monotonic()))
        return self.ledger_rows()

    def settle(self) -> None:
        """Waits until nothing is left to do and nothing is added to the books any more: what is still to be written down
        would be counted with what is measured next."""
        self.process.settle()
        end, rows = time.monotonic() + CATCH_UP_SECONDS, -1
        while self.ledger and time.monotonic() < end and rows != self.ledger_rows():
            rows = self.ledger_rows()
            time.sleep(WRITTEN_SECONDS)

    def stop(self) -> None:
        self.process.stop()


@dataclass(frozen=True)
class Setting:
    """Where a run takes place."""

    cores: Cores
    scratch: Path
    upstream: int

    def folder(self, name: str) -> Path:
        path = self.scratch / f"{name}-{time.monotonic_ns()}"
        path.mkdir()
        return path


@dataclass(frozen=True)
class Target:
    name: str
    start: Callable[[Setting], Server]
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def start_upstream(cores: Cores, scratch: Path) -> tuple[Process, int]:
    process = Process.start([str(build.program("upstream")), "0"], cores.load, log=scratch / "upstream.log", piped=True)
    assert process.popen.stdout is not None
    return process, int(process.popen.stdout.readline())


@contextlib.contextmanager
def running_upstream() -> Iterator[Setting]:
    """An upstream beside the load, on its core, and a folder to work in; ends the program where it cannot be built."""
    cores = choose_cores()
    with tempfile.TemporaryDirectory() as folder:
        os.sched_setaffinity(0, {cores.load})
        try:
            upstream, port = start_upstream(cores, Path(folder))
        except build.CannotBuild as error:
            sys.exit(str(error))
        try:
            yield Setting(cores, Path(folder), port)
        except NotStarted as error:
            sys.exit(str(error))
        finally:
            upstream.stop()


def upstream_stats(port: int) -> dict[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/stats")
    stats: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return stats


def await_answer(process: Process, find: Callable[[], Route | None], log: Path, began: float) -> tuple[Route, float]:
    """Asks until there is an answer; returns the route and the seconds since the process was started."""
    while process.running and time.monotonic() - began < START_SECONDS:
        route = find()
        if route and route.answers():
            return route, time.monotonic() - began
        time.sleep(0.005)
    process.stop()
    raise NotStarted("\n".join(log.read_text(errors="replace").splitlines()[-8:]) or "it said nothing")


def start_bare(setting: Setting) -> Server:
    port, log = free_port(), setting.folder("bare") / "log"
    began = time.monotonic()
    command = [sys.executable, str(build.HERE / "bare_proxy.py"), str(port), f"http://127.0.0.1:{setting.upstream}"]
    process = Process.start(command, setting.cores.target, log=log)
    route, seconds = await_answer(process, lambda: Route("bare", port), log, began)
    return Server(process, {"bare": route}, seconds)


def fairlead_config(port: int | str, upstream: int | str, server: str = "", connections: int = 4096) -> str:
    """Auth, limits, policy and ledger on. The bench models cost too much and know too little for `auto` to choose them.
    `server`: further settings of that section; `connections`: the most to the upstream."""
    lines = [
        f"server: {{host: 127.0.0.1, port: {port}, state_dir: ./state{server}}}",
        "providers:",
        f'  up: {{kind: openai, base_url: "http://127.0.0.1:{upstream}/v1", api_key: x, max_connections: {connections}}}',
        "models:",
        "  gpt-5.4: {channels: [{provider: up, model: gpt-5.4}]}",
        "  own-8b: {channels: [{provider: up, model: own-8b}], price: {input: 0.1, output: 0.4}, context: 128000, quality: 0.7}",
    ]
    rest = "price: {input: 50, output: 200}, context: 128000, quality: 0.01"
    for name, behind in [*((mode, mode) for mode in MODES), ("bench-alias", "bench-fast")]:
        lines.append(f"  {name}: {{channels: [{{provider: up, model: {behind}}}], {rest}}}")
    lines += [
        "keys:",
        f"  - {{name: bench, key: {KEY}, limits: {{rpm: 100000000, tpm: 100000000000, concurrency: 100000}}}}",
        "policy: {default: balanced}",
    ]
    return "\n".join(lines) + "\n"


def fairlead_environment() -> dict[str, str]:
    """Runs the checkout whether or not it is installed. What is compiled is kept, as pip does when it installs: a start that
    compiles everything anew is no user's."""
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    return {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}


def start_fairlead(
    setting: Setting, prefix: tuple[str, ...] = (), server: str = "", connections: int = 4096, text: str = ""
) -> Server:
    """`prefix` goes before `-m fairlead.cli.main`: the options of a profiler, for instance. `text` is a configuration of one's
    own, with PORT and UPSTREAM in it."""
    port, folder = free_port(), setting.folder("fairlead")
    text = text.replace("PORT", str(port)).replace("UPSTREAM", str(setting.upstream))
    (folder / "bench.yaml").write_text(text or fairlead_config(port, setting.upstream, server, connections))
    command = [sys.executable, *prefix, "-m", "fairlead.cli.main", "serve", "--config", str(folder / "bench.yaml")]
    began = time.monotonic()
    process = Process.start(command, setting.cores.target, log=folder / "log", env=fairlead_environment())
    pinned = Route("pinned", port, headers=(f"Authorization: Bearer {KEY}",))
    _, seconds = await_answer(process, lambda: pinned, folder / "log", began)
    routes = {
        "pinned": pinned,
        "rewritten": replace(pinned, name="rewritten", model="bench-alias"),
        "auto": replace(pinned, name="auto", model="auto"),
        "afresh": replace(pinned, name="afresh", model="auto", varied=True),
        "crossed": replace(pinned, name="crossed", path="/v1/messages", messages=True),
    }
    return Server(process, routes, seconds, ledger=folder / "state" / "ledger.db")


def own_targets() -> list[Target]:
    return [
        Target(
            "bare",
            start_bare,
            {name: build.version_in(sys.executable, name) for name in ("aiohttp", "uvloop")},
        ),
        Target("fairlead", start_fairlead),
    ]
