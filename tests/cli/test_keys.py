"""`fairlead keys` and `fairlead audit`, beside a running server and without one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from fairlead.gateway.minting import malformed
from fairlead.store.keys import FILE, HEAD
from tests.cli.command import address_in, run, running

CONFIG = """
server: {port: 0, state_dir: ./state}
keys: [{name: dev, key: dev-key-1}]
providers: {p: {kind: simulated, models: {m: {}}}}
models: {m: {channels: [{provider: p}], price: {input: 1, output: 1}}}
plans: {small: {max_cost: 0.1}}
tenants: {acme: {teams: {red: {}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "f.yaml").write_text(CONFIG)
    return tmp_path


def fairlead(folder: Path, *arguments: str, **env: str) -> CompletedProcess[str]:
    return run(*arguments, "-c", "f.yaml", cwd=folder, **env)


def done(folder: Path, *arguments: str) -> str:
    found = fairlead(folder, *arguments)
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def listed(folder: Path) -> dict[str, str]:
    return {one["called"]: one["state"] for one in json.loads(done(folder, "keys", "list", "--json"))}


def opens(address: str, key: str) -> bool:
    asked = Request(f"{address}/v1/models", headers={"Authorization": f"Bearer {key}"})
    try:
        urlopen(asked, timeout=10).close()
    except HTTPError as refused:
        return refused.code != 401
    return True


def test_a_key_issued_while_nothing_ran_does_not_open_or_one_issued_beside_a_server_does_not(
    folder: Path,
) -> None:  # M8.1
    before = done(folder, "keys", "create", "ci", "--plan", "small", "--expires", "90d", "--rpm", "30")
    assert not malformed(before.encode())
    with running("serve", "-c", "f.yaml", cwd=folder, until="/v1") as (_, said):
        address = address_in(said)
        assert opens(address, before)
        beside = done(folder, "keys", "create", "app", "--tenant", "acme", "--team", "red", "--strategy", "balanced")
        rotated = done(folder, "keys", "rotate", "ci", "--now")
        assert [opens(address, key) for key in (before, rotated, beside)] == [False, True, True]
        assert done(folder, "keys", "disable", "acme/app") == "acme/app is disabled"
        assert listed(folder) == {"acme/app": "it is disabled", "ci": "in force", "dev": "in force"}
        assert not opens(address, beside)
        done(folder, "keys", "enable", "app")
        assert opens(address, beside)
        done(folder, "keys", "delete", "app")
        assert not opens(address, beside)
        assert done(folder, "audit", "--verify").startswith("6 rows")
    (folder / "state" / FILE).rename(folder / "gone.db")
    (folder / "state" / HEAD).unlink()
    assert "the ledger tells of row 1" in fairlead(folder, "audit", "--verify").stderr
    (folder / "gone.db").rename(folder / "state" / FILE)
    shown = json.loads(done(folder, "keys", "show", "ci"))
    assert (shown["plan"], shown["limits"]["rpm"], shown["prefix"]) == ("small", 30, rotated[:9])
    assert list(listed(folder)) == ["ci", "dev"]


def test_a_key_is_changed_otherwise_than_was_said(folder: Path) -> None:  # M8.1
    """With what is not said as it was; beside a server at once."""

    def shown() -> dict[str, object]:
        found = json.loads(done(folder, "keys", "show", "ci"))
        told = {name: found[name] for name in ("plan", "models", "budgets", "expires", "team", "sensitive", "role")}
        return {**told, **found["limits"]}

    secret = done(folder, "keys", "create", "ci", "--tenant", "acme", "--rpm", "9", "--tpm", "900", "--expires", "9d")
    before = shown()
    with running("serve", "-c", "f.yaml", cwd=folder, until="/v1") as (_, said):
        address = address_in(said)
        given = ("--rpm", "5", "--model", "m", "--budget", "3/day", "--budget", "9", "--plan", "small", "--sensitive")
        assert done(folder, "keys", "change", "ci", *given, "--team", "red") == "acme/ci is changed"
        budgets = [{"amount": "3", "per": "day"}, {"amount": "9", "per": "month"}]
        changed = {"models": ["m"], "budgets": budgets, "plan": "small", "sensitive": True, "team": "red", "rpm": 5}
        assert shown() == {**before, **changed}
        assert opens(address, secret)
        lifted = ("--lift", "model", "--lift", "budget", "--lift", "plan", "--lift", "team", "--lift", "expires")
        done(folder, "keys", "change", "acme/ci", *lifted, "--not-sensitive", "--lift", "tpm", "--role", "viewer")
        assert shown() == {**before, "rpm": 5, "tpm": None, "expires": None, "role": "viewer"}
        acts = json.loads(done(folder, "audit", "--json", "--kind", "key_changed"))
        assert [(one["detail"].partition(" [")[0], one["actor"]) for one in acts] == [
            (
                "team red -> none; role caller -> viewer; plan small -> none; models m -> none; sensitive True -> False; "
                f"tpm 900 -> none; expires {before['expires']} -> none; budgets 3/day, 9/month -> none",
                "owner",
            ),
            (
                "team none -> red; plan none -> small; models none -> m; sensitive False -> True; rpm 9 -> 5; "
                "budgets none -> 3/day, 9/month",
                "owner",
            ),
        ]
    assert (
        json.loads(done(folder, "keys", "change", "ci", "--concurrency", "2", "--json"))["limits"]["concurrency"] == 2
    )
    done(folder, "keys", "disable", "ci")
    told = fairlead(folder, "keys", "change", "ci", "--rpm", "7", LC_ALL="zh_CN.UTF-8")
    assert (told.stdout, told.stderr) == ("acme/ci 已修改\n", "它仍会被拒绝：已停用\n")


def test_the_last_key_is_deleted_without_a_word_of_the_door(folder: Path) -> None:  # M8.1
    (folder / "f.yaml").write_text(CONFIG.replace("keys: [{name: dev, key: dev-key-1}]\n", ""))
    for name in ("one", "two"):
        done(folder, "keys", "create", name)
    refused = fairlead(folder, "keys", "unlock")
    assert (refused.returncode, "delete them first" in refused.stderr) == (1, True)
    assert "unlock" not in fairlead(folder, "keys", "delete", "one").stderr
    assert "`fairlead keys unlock`" in fairlead(folder, "keys", "delete", "two").stderr
    with running("serve", "-c", "f.yaml", cwd=folder, until="/v1") as (_, said):
        address = address_in(said)
        assert not opens(address, "none")
        done(folder, "keys", "unlock")
        assert opens(address, "none")


def test_the_secret_is_not_alone_on_standard_output(folder: Path) -> None:
    found = fairlead(folder, "keys", "create", "ci")
    assert found.stdout.startswith("fl_")
    assert found.stdout.count("\n") == 1
    assert found.stdout.strip() not in found.stderr
    assert "cannot be shown again" in found.stderr
    assert "did you mean 'acme'?" in fairlead(folder, "keys", "create", "cd", "--tenant", "acmee").stderr
    assert "无法再次显示" in fairlead(folder, "keys", "rotate", "ci", LC_ALL="zh_CN.UTF-8").stderr


WRONG = [
    (("create", "a b"), "name has to be"),
    (("create", "x", "--plan", "none"), "there is no plan 'none'"),
    (("create", "x", "--expires", "soon"), "'soon'"),
    (("create", "x", "--expires", "2026-13-01"), "2026-13-01"),
    (("create", "x", "--expires", "2020-01-01"), "expires has passed already"),
    (("create", "x", "--team", "red"), "did you mean tenant 'acme'?"),
    (("create", "dev"), "already"),
    (("rotate", "none"), "there is no key 'none'"),
    (("delete", "dev"), "stands in the configuration"),
    (("show", "fl_"), "there is no key"),
    (("change", "none", "--rpm", "5"), "there is no key 'none'"),
    (("change", "dev", "--rpm", "5"), "stands in the configuration"),
    (("change", "ci"), "say what to change"),
    (("change", "ci", "--rpm", "5", "--lift", "rpm"), "--rpm is both given and lifted"),
    (("change", "ci", "--lift", "role"), "'role' is not one of"),
    (("change", "ci", "--plan", "none"), "there is no plan 'none'"),
    (("change", "ci", "--expires", "2020-01-01"), "expires has passed already"),
    (("change", "ci", "--team", "red"), "did you mean tenant 'acme'?"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_what_cannot_be_done_is_not_said_or_ends_in_a_traceback(
    folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    done(folder, "keys", "create", "ci")
    found = fairlead(folder, "keys", *arguments)
    assert found.returncode in (1, 2)
    assert words in found.stderr
    assert "Traceback" not in found.stderr
    assert found.stdout == ""


def test_a_log_that_was_tampered_with_is_verified(folder: Path) -> None:  # M8.1
    for name in ("a", "b", "c"):
        done(folder, "keys", "create", name)
    rows, head = done(folder, "audit", "--verify").splitlines()
    assert (rows, head[:2]) == ("3 rows, all as they were written", "3:")
    assert done(folder, "audit", "--verify", "--head", head)
    assert fairlead(folder, "audit", "--verify", "--head", f"9:{head[2:]}").returncode == 1
    assert fairlead(folder, "audit", "--verify", "--head", "nonsense").returncode == 1
    acts = json.loads(done(folder, "audit", "--json", "--limit", "2"))
    assert [(one["seq"], one["kind"], one["actor"]) for one in acts] == [
        (3, "key_issued", "owner"),
        (2, "key_issued", "owner"),
    ]
    with closing(sqlite3.connect(folder / "state" / FILE)) as connection:
        connection.executescript("DROP TRIGGER acts_hold; UPDATE acts SET detail = 'nothing' WHERE seq = 2")
    found = fairlead(folder, "audit", "--verify")
    assert (found.returncode, "row 2" in found.stderr) == (1, True)
    assert json.loads(fairlead(folder, "audit", "--verify", "--json").stdout)["broken"] == 2


def test_a_damaged_register_ends_in_a_traceback(folder: Path) -> None:
    done(folder, "keys", "create", "a")
    (folder / "state" / FILE).write_bytes(b"no database at all, whatever its name says" * 100)
    for arguments in (("keys", "list"), ("keys", "create", "b"), ("audit",), ("audit", "--verify")):
        found = fairlead(folder, *arguments)
        assert (found.returncode, "Traceback" in found.stderr) == (1, False)
        assert FILE in found.stderr or "audit log" in found.stderr
    served = fairlead(folder, "serve")
    assert (served.returncode, "Traceback" in served.stderr) == (1, False)


def test_a_directory_is_made_by_who_only_looks(folder: Path) -> None:
    found = fairlead(folder, "audit")
    assert (found.returncode, (folder / "state").exists()) == (1, False)
