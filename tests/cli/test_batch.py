"""`fairlead batch run` as a person runs it: alone, beside a server, killed, interrupted."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import _piece, environment, run
from tests.server.serving import Served, serving, soon
from tests.upstream import Play, answer

CONFIG = """
server: {state_dir: st}
providers:
  sim:
    kind: simulated
    models:
      wise: {reply: "It is 42", latency_ms: 1, tokens_per_second: 10000}
      dull: {reply: "It is 41", latency_ms: 1, tokens_per_second: 10000}
      dim: {reply: "It is 40", latency_ms: 1, tokens_per_second: 10000}
models:
  wise: {channels: [{provider: sim}], price: {input: 10, output: 20}, quality: 0.9}
  dull: {channels: [{provider: sim}], price: {input: 1, output: 2}, quality: 0.7}
  dim: {channels: [{provider: sim}], price: {input: 0.1, output: 0.2}, quality: 0.3}
keys:
  - {name: nightly, key: fl_nightly}
"""
LINES = ['{"prompt": "What is 17 + 25?"}', "nonsense", "", '{"custom_id": "b", "params": {"model": "wise", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}}']  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "f.yaml").write_text(CONFIG)
    (tmp_path / "in.jsonl").write_text("\n".join(LINES))
    return tmp_path


ARGUMENTS = ("batch", "run", "in.jsonl", "-o", "out.jsonl", "--config", "f.yaml")


def rows(folder: Path) -> list[dict[str, object]]:
    return [json.loads(row) for row in (folder / "out.jsonl").read_text().splitlines()]


def asked(folder: Path) -> dict[str, int]:
    """How many requests the books have of each key."""
    told = json.loads(run("report", "--config", "f.yaml", "--by", "key", "--json", cwd=folder).stdout)
    return {row["name"]: row["requests"] for row in told["groups"]}


def test_without_a_server_nothing_is_asked_or_booked(folder: Path) -> None:  # M4.8
    told = run(*ARGUMENTS, "--tag", "night", cwd=folder)
    assert told.returncode == 1
    assert told.stdout == ""
    assert "on the books of nightly\nthe models are SIMULATED" in told.stderr
    assert "\nline 2: JSON is malformed" in told.stderr
    assert "out.jsonl: 2 answered, 1 are no requests, $0.00" in told.stderr
    first, second, third = rows(folder)
    assert [one["custom_id"] for one in (first, second, third)] == ["line-1", "line-2", "b"]
    assert first["fairlead"]["model"] == "dull", "the cheapest that is good enough"  # type: ignore[index]
    assert second["error"] == {
        "code": "invalid_line",
        "message": "line 2: JSON is malformed: invalid character (byte 4)",
    }
    assert third["response"]["body"]["content"][0]["text"] == "It is 42"  # type: ignore[index]
    assert asked(folder) == {"nightly": 2}
    (folder / "in.jsonl").write_text("\n".join(line for line in LINES if line != "nonsense"))
    again = run(*ARGUMENTS, cwd=folder)
    assert again.returncode == 0
    assert [one["custom_id"] for one in rows(folder)] == ["line-1", "b"]
    assert asked(folder) == {"nightly": 3}, "what moved to another line is asked there"
    assert "1 answered, 1 were answered before" in again.stderr
    assert run(*ARGUMENTS, "--fresh", "--usual", cwd=folder).returncode == 0
    assert asked(folder) == {"nightly": 5}


def test_a_batch_in_chinese_is_in_english(folder: Path) -> None:
    told = run(*ARGUMENTS, cwd=folder, LANG="zh_CN.UTF-8")
    assert "记在 nightly 的账上" in told.stderr
    assert "第 2 行：" in told.stderr
    assert "再次运行同一命令" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.jsonl", "-o", "out.jsonl"), "cannot read nowhere.jsonl: No such file"),
        (("in.jsonl", "-o", "in.jsonl"), "-o names the file of the requests"),
        (("in.jsonl", "-o", "no/out.jsonl"), "cannot write no/out.jsonl.part: No such file"),
        (("in.jsonl", "-o", "out.jsonl", "--key", "nighty"), "Did you mean 'nightly'?"),
        (("in.jsonl", "-o", "f.yaml"), "f.yaml:1: this is no answer of a batch"),
        (("in.jsonl",), "Missing option '--out'"),
        (("in.jsonl", "-o", "/dev/null"), "cannot write /dev/null: it is no file"),
        (("out.jsonl.part", "-o", "out.jsonl", "--fresh"), "cannot read"),
        (("in.jsonl", "-o", "out.jsonl", "--policy", "hybird"), "Did you mean 'hybrid'?"),
        (("in.jsonl", "-o", "out.jsonl", "--key", ""), "Invalid value for '--key' / '-k': it has to be a line"),
        (("in.jsonl", "-o", "out.jsonl", "--tag", "a\r\nx-fairlead-as: b"), "Invalid value for '--tag'"),
        (("in.jsonl", "-o", "f.yaml", "--fresh"), "f.yaml:1: this is no answer of a batch"),
    ],
)
def test_a_wrong_command_leaves_something_or_says_nothing(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    before = (folder / "f.yaml").read_text()
    told = run("batch", "run", *arguments, "--config", "f.yaml", cwd=folder)
    assert told.returncode != 0
    assert words in told.stderr
    assert "Traceback" not in told.stderr
    assert (folder / "f.yaml").read_text() == before
    assert not (folder / "out.jsonl").exists()


def test_the_requests_are_taken_for_the_place_of_answers(folder: Path) -> None:
    for name in ("x.part", "x.part.new"):
        (folder / "in.jsonl").rename(folder / name)
        told = run("batch", "run", name, "-o", "x", "--fresh", "--config", "f.yaml", cwd=folder)
        assert "-o names the file of the requests" in told.stderr
        assert (folder / name).read_text() == "\n".join(LINES)
        (folder / name).rename(folder / "in.jsonl")


def test_a_tag_that_is_no_ascii_ends_the_run(folder: Path) -> None:  # M4.8
    assert "2 answered" in run(*ARGUMENTS, "--tag", "报告", "--tag", "Übersicht", cwd=folder).stderr
    told = json.loads(run("report", "--config", "f.yaml", "--by", "tag", "--json", cwd=folder).stdout)
    assert {row["name"]: row["requests"] for row in told["groups"]} == {"default/报告": 2, "default/Übersicht": 2}


PARALLEL = 3


def heard() -> None:
    """As of a terminal: what a shell runs in the background does not hear Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Beside:
    """A batch of its own process beside a server of this one."""

    def __init__(self, server: Served, lines: int, wait: float) -> None:
        self.server = server
        self.folder = server.state_dir.parent
        texts = [f"word {number}" for number in range(lines)]
        (self.folder / "in.jsonl").write_text(
            "".join(json.dumps({"prompt": one, "model": "m-one"}) + "\n" for one in texts)
        )
        self.texts = texts

        def play(seat: str, body: bytes) -> Play:
            return answer(json.loads(body)["messages"][0]["content"], wait=wait)

        server.upstream.next_play = play  # type: ignore[method-assign]

    async def run(self, before: Callable[[], None] = heard) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fairlead", "batch", "run", "in.jsonl", "-o", "out.jsonl", "-n", str(PARALLEL)),
            *("--state-dir", str(self.server.state_dir), "--key", "test"),
            cwd=self.folder, env=environment(), stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
            preexec_fn=before,
        )  # fmt: skip

    @property
    def kept(self) -> int:
        part = self.folder / "out.jsonl.part"
        return part.read_bytes().count(b"\n") if part.exists() else 0

    def asked(self) -> Counter[str]:
        return Counter(json.loads(seen.body)["messages"][0]["content"] for seen in self.server.upstream.calls)

    def answers(self) -> list[object]:
        return [row["response"]["body"]["choices"][0]["message"]["content"] for row in rows(self.folder)]  # type: ignore[index]


async def test_what_a_killed_run_had_is_asked_again_or_lost(tmp_path: Path) -> None:  # M4.8
    async with serving(tmp_path / "s") as server:
        beside = Beside(server, 30, 0.02)
        kills = 0
        while not (tmp_path / "out.jsonl").exists():
            kept = beside.kept
            process = await beside.run()
            while process.returncode is None and beside.kept < kept + 8:
                await asyncio.sleep(0.005)
            if process.returncode is None:
                process.kill()
                kills += 1
            _, said = await process.communicate()
        assert process.returncode == 0, said
        assert kills >= 2
        assert beside.answers() == beside.texts
        asked = beside.asked()
        assert set(asked) == set(beside.texts)
        assert sum(asked.values()) <= 30 + kills * PARALLEL, "only what was under way is asked twice"
        assert {record.key for record in await server.records()} == {"test"}


async def test_an_interrupted_run_leaves_what_was_under_way(tmp_path: Path) -> None:  # M4.8
    async with serving(tmp_path / "s") as server:
        beside = Beside(server, 30, 0.1)
        process = await beside.run()
        await soon(lambda: beside.kept >= 2)
        process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
        assert process.returncode == 130
        assert b"stopped: it was interrupted. " in said
        assert b"the same command goes on" in said
        assert beside.kept == len(server.upstream.calls) < 30
        assert all(seen.whole for seen in server.upstream.calls)
        again = await beside.run()
        await again.communicate()
        assert again.returncode == 0
        assert beside.answers() == beside.texts
        assert set(beside.asked().values()) == {1}


async def test_a_second_interruption_waits_for_what_is_under_way(tmp_path: Path) -> None:  # M4.8
    async with serving(tmp_path / "s") as server:
        beside = Beside(server, 5, 60.0)
        process = await beside.run()
        await soon(lambda: len(server.upstream.calls) == PARALLEL)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while b"stopping" not in await process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            await process.communicate()
        assert process.returncode == 130
        await soon(lambda: all(seen.left.is_set() for seen in server.upstream.calls))


def unheard() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


async def test_ctrl_c_in_a_shell_stops_what_it_runs_in_the_background(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        beside = Beside(server, 6, 0.2)
        process = await beside.run(unheard)
        await soon(lambda: beside.kept >= 1)
        process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
        assert process.returncode == 0, said


def test_a_state_directory_of_ones_own_is_not_taken(folder: Path) -> None:  # M4.8
    assert "2 answered" in run(*ARGUMENTS, "--state-dir", "own", cwd=folder).stderr
    assert (folder / "own" / "ledger.db").exists()
    assert not (folder / "st").exists()


def test_a_run_that_begins_anew_tells_of_a_command_that_does_so_again(folder: Path) -> None:  # M4.8
    assert "the same command without --fresh asks again" in run(*ARGUMENTS, "--fresh", cwd=folder).stderr
    assert "\nthe same command asks again" in run(*ARGUMENTS, cwd=folder).stderr


SLOW = CONFIG.replace("latency_ms: 1,", "latency_ms: 100,")


def batch(folder: Path, out: str, lines: int, **more: object) -> subprocess.Popen[str]:
    (folder / f"{out}.jsonl").write_text("".join(f'{{"prompt": "What is {line} + 1?"}}\n' for line in range(lines)))
    return subprocess.Popen(
        [*(sys.executable, "-m", "fairlead", "batch", "run", f"{out}.jsonl", "-o", out, "-n", "2", "--config", "f.yaml")],
        cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True, **more,  # type: ignore[call-overload]
    )  # fmt: skip


def test_a_batch_ends_with_another_that_was_its_gateway(folder: Path) -> None:  # M4.8
    """They begin at once, and whichever is the gateway ends first or is killed."""
    (folder / "f.yaml").write_text(SLOW)
    for killed in (False, True):
        names = ("a", "b", "c") if killed else ("d", "e")
        runs = [batch(folder, name, 8 + 12 * place) for place, name in enumerate(names)]
        if killed:
            while not (folder / "b.part").exists() or not (folder / "b.part").stat().st_size:
                time.sleep(0.01)
            owner = int((folder / "st" / "owner.lock").read_text())
            for one in [one for one in runs if one.pid == owner]:
                one.kill()
                one.communicate()
                runs.remove(one)
        for one in runs:
            _, said = one.communicate(timeout=60)
            assert one.returncode == 0, said
    counts = {name: len((folder / name).read_text().splitlines()) for name in "de"}
    assert counts == {"d": 8, "e": 20}


def test_the_progress_goes_over_the_edge_of_the_window(folder: Path) -> None:  # M4.8
    (folder / "f.yaml").write_text(SLOW)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
    (folder / "out.jsonl").write_text("".join(f'{{"prompt": "{line}"}}\n' for line in range(12)))
    process = subprocess.Popen(
        [sys.executable, "-m", "fairlead", "batch", "run", "out.jsonl", "-o", "out", "-n", "2", "--config", "f.yaml"],
        cwd=folder, env=environment(), stderr=theirs, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    with process, os.fdopen(ours, "rb", buffering=0) as window:
        while piece := _piece(window):
            said += piece
    assert process.returncode == 0
    told = [one.removeprefix(b"\x1b[K") for one in said.split(b"\r") if one.startswith(b"\x1b[K")]
    assert sum(b" of 12 lines" in one for one in told) >= 2
    assert all(len(one) < 30 for one in told if b" of 12 lines" in one)


def test_the_cheapest_answers_where_the_policy_wants_the_best(folder: Path) -> None:  # M4.8
    (folder / "f.yaml").write_text(f"{CONFIG}policy: {{default: quality_first}}\n")
    assert "2 answered" in run(*ARGUMENTS, cwd=folder).stderr
    assert rows(folder)[0]["fairlead"]["model"] == "wise"  # type: ignore[index]


def test_usual_is_not_as_usual(folder: Path) -> None:  # M4.8
    (folder / "f.yaml").write_text(
        CONFIG.replace("quality: 0.9}", "quality: 0.99}").replace("input: 10, output: 20", "input: 1.1, output: 2.1")
    )
    models = []
    for arguments in ((), ("--usual", "--fresh")):
        run(*ARGUMENTS, *arguments, cwd=folder)
        models.append(rows(folder)[0]["fairlead"]["model"])  # type: ignore[index]
    assert models == ["dull", "wise"]
