"""`serve` as a person starts it: what it says first, and what becomes of a directory it cannot use."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import address_in, environment, run, running


@pytest.mark.parametrize("name", ["file", "file/state", "loop"])
@pytest.mark.parametrize("command", ["serve", "report", "explain"])
def test_a_path_that_is_no_directory_ends_in_a_traceback(command: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    given = ("req_1",) if command == "explain" else ("--port", "0") if command == "serve" else ()
    done = run(command, *given, "--state-dir", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"fairlead: .*{name}.*\n", done.stderr)
    if command == "serve" and name != "loop":
        assert "--state-dir" in done.stderr


def test_simulated_models_answer_for_a_local_server_and_nobody_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    env = {"OLLAMA_BASE_URL": address}
    with running("serve", "--port", "0", cwd=tmp_path, until="Say hello", **env) as (server, said):
        assert "the models are SIMULATED" in said
        assert "warning: OLLAMA_BASE_URL: ollama did not tell its models" in said
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


def test_what_it_says_cannot_be_pasted(tmp_path: Path) -> None:
    """An address to listen on is none to ask at; without the headers an answer does not say what was done."""
    with running("serve", "--port", "0", "--host", "0.0.0.0", cwd=tmp_path, until="Say hello") as (server, said):
        asked = said[said.index("try:") :]
        assert re.search(r"curl -iw '\\n' http://127\.0\.0\.1:\d+/v1/chat/completions", asked)
        assert f"Bearer {(tmp_path / 'state' / 'key').read_text().strip()}'" in asked
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


@pytest.mark.parametrize("arguments", [("route", "hi"), ("explain", "hi"), ("models",)], ids=lambda given: given[0])
def test_a_decision_on_simulated_models_is_taken_for_the_server_s(arguments: tuple[str, ...], tmp_path: Path) -> None:
    note = run(*arguments, cwd=tmp_path).stderr
    assert note.startswith("note: no provider key in this terminal and no --config: simulated models; a running server")
    assert note.count("\n") == 1
    assert run(*arguments, cwd=tmp_path, OPENAI_API_KEY="made-up").stderr == ""


def test_the_server_beside_a_decision_is_not_named(tmp_path: Path) -> None:
    with running("serve", "--port", "0", cwd=tmp_path, until="Say hello"):
        note = run("route", "hi", cwd=tmp_path).stderr
    assert "simulated models; the server running on ./state may decide differently" in note


@pytest.mark.parametrize("command", [("serve",), ("simulate",)], ids=lambda given: given[0])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_closed_terminal_kills_the_server_under_its_requests(
    command: tuple[str, ...], number: signal.Signals, tmp_path: Path
) -> None:
    with running(*command, "--port", "0", cwd=tmp_path, until="Say hello") as (server, _):
        server.send_signal(number)
        assert server.wait(20) == 0


def test_a_server_under_nohup_ends_with_its_terminal(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'fairlead', 'serve', '--port', '0'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stderr is not None
            while "Say hello" not in server.stderr.readline():
                assert server.poll() is None
            server.send_signal(signal.SIGHUP)
            server.send_signal(signal.SIGTERM)
            assert "stopping" in server.stderr.read()
            assert server.wait(20) == 0
        finally:
            server.kill()


@pytest.mark.parametrize("keys", [(), ("--config", "f.yaml")], ids=["own key", "file"])
def test_a_server_that_cannot_listen_leaves_a_state_directory_behind(keys: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(
        "providers: {p: {kind: simulated}}\nmodels: {m: {channels: [{provider: p, model: sim-small}]}}\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", *keys, "--port", port, "--state-dir", "st", cwd=tmp_path)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --port" in done.stderr
    assert not (tmp_path / "st").exists()


def test_a_server_started_twice_is_told_of_the_port_and_not_of_the_other_one(tmp_path: Path) -> None:
    with running("serve", "--port", "0", cwd=tmp_path, until="Say hello") as (server, said):
        done = run("serve", "--port", address_in(said).rpartition(":")[2], cwd=tmp_path)
    assert f"in use by process {server.pid}" in done.stderr


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="only Linux tells another process's limits")
def test_a_shell_s_low_limit_of_files_is_kept(tmp_path: Path) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    script = (
        "import os, resource, sys\nhard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'fairlead', 'serve', '--port', '0'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stderr is not None
            while "Say hello" not in server.stderr.readline():
                assert server.poll() is None
            limits = Path(f"/proc/{server.pid}/limits").read_text()
            soft = re.search(r"Max open files +(\d+)", limits)
            assert soft is not None
            assert int(soft[1]) == (65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536))
        finally:
            server.kill()


def test_an_empty_key_left_by_a_full_disk_lets_everyone_in(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / "key").touch()
    with running("serve", "--port", "0", cwd=tmp_path, until="Say hello") as (_, said):
        key = (tmp_path / "state" / "key").read_text().strip()
        assert re.fullmatch(r"fl_[\w-]{40,}", key)
        assert f"key: {key}" in said


def test_a_decision_on_this_terminal_s_keys_is_taken_for_that_of_the_server_beside_it(tmp_path: Path) -> None:
    with running("serve", "--port", "0", cwd=tmp_path, until="Say hello"):
        note = run("route", "hi", cwd=tmp_path, OPENAI_API_KEY="made-up").stderr
    assert note.startswith("note: the server running on ./state may have other models and keys than this terminal")


@pytest.mark.parametrize("command", [("report",), ("explain", "req_1")], ids=lambda given: given[0])
def test_who_has_no_ledger_here_is_not_told_how_to_name_another(command: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("fairlead: there is no ledger in state; the gateway makes one when it starts")
    assert "--state-dir" in done.stderr
