"""Models and channels switched off while the server runs: by command, by the admin API, for a time or until switched on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from fairlead.gateway.administration import FOR_GOOD, untold
from fairlead.gateway.switches import Switches
from fairlead.server.switching import channel_states
from fairlead.store.audit_chain import Act
from tests.cli.command import run
from tests.server.serving import KEYS, Served, question, rows, serving, soon
from tests.server.wire import Response, ask
from tests.upstream import answer, status

ROLES = f"""{KEYS}  - {{name: op, key: fl_op, role: operator}}
  - {{name: boss, key: fl_boss, role: admin}}
  - {{name: looks, key: fl_looks, role: viewer}}
"""


async def switch(server: Served, name: str, verb: str, body: object = None, key: str = "fl_op") -> Response:
    said = b"" if body is None else json.dumps(body).encode()
    return await ask(server.port, "POST", f"/admin/v1/models/{name}/{verb}", said, {}, key)


async def asked(server: Served) -> str:
    return (await server.chat(model="auto")).headers["x-fairlead-model"]


@pytest.mark.parametrize("key", ["fl_op", "fl_boss"])
async def test_a_model_that_is_off_is_asked_or_stays_off(tmp_path: Path, key: str) -> None:  # M1.4
    only = "  only: {strategy: pinned, model: m-one}\n"
    async with serving(tmp_path / "s", more=ROLES, extra_policy=only) as server:
        assert await asked(server) == "m-one"
        response = await switch(server, "m-one", "disable", {"seconds": 0.7}, key)
        assert (response.status, response.json) == (
            200,
            {"name": "m-one", "off": True, "seconds": 0.7, "changed": True, "still": []},
        )
        assert await asked(server) == "m-two"
        decided = await ask(server.port, "POST", "/v1/route", question(model="m-one"), {}, "fl_test")
        assert b"it is switched off just now" in decided.body
        alone = await server.chat({"x-fairlead-policy": "only"}, model="m-one")
        assert (alone.status, alone.error["code"]) == (503, "model_disabled")
        assert alone.headers["retry-after"] == "1"
        await asyncio.sleep(0.8)
        assert await asked(server) == "m-one"
        await server.running.runtime.ledger.flush()
        found = rows(server.state_dir, "SELECT kind, key, detail FROM audit WHERE kind LIKE 'switched%'")
        who = {"fl_op": "op", "fl_boss": "boss"}[key]
        assert found == [
            ("switched_off", who, "m-one, for 0.7 s"),
            ("switched_on", "", "m-one, as its time is over"),
        ]


async def test_one_channel_switched_off_takes_its_model_with_it(tmp_path: Path) -> None:  # M1.4
    async with serving(tmp_path / "s", more=ROLES) as server:
        assert (await switch(server, "both%40one", "disable")).json["name"] == "both@one"
        for _ in range(2):
            assert (await server.chat(model="both")).headers["x-fairlead-channel"] == "two"
        assert (await switch(server, "both@one", "enable", key="fl_boss")).json["changed"] is True
        assert (await switch(server, "both@one", "enable")).json["changed"] is False
        assert (await server.chat(model="both")).headers["x-fairlead-channel"] == "one"


async def test_what_is_under_way_is_broken_off(tmp_path: Path) -> None:  # M1.4
    async with serving(tmp_path / "s", more=ROLES) as server:
        server.upstream.push("one", answer("whole", wait=0.3))
        running = asyncio.create_task(server.chat(model="m-one"))
        await soon(lambda: bool(server.upstream.calls))
        await switch(server, "m-one", "disable")
        response = await running
        assert (response.status, b'"whole"' in response.body) == (200, True)


@pytest.mark.parametrize("key", ["fl_test", "fl_looks"])
async def test_a_caller_switches_models_off(tmp_path: Path, key: str) -> None:  # M1.4
    async with serving(tmp_path / "s", more=ROLES) as server:
        response = await switch(server, "m-one", "disable", key=key)
        assert (response.status, response.error["code"]) == (403, "role")
        assert await asked(server) == "m-one"


@pytest.mark.parametrize(
    ("name", "verb", "body", "code", "hint"),
    [
        ("m-onne", "disable", None, 404, "Did you mean 'm-one'?"),
        ("m-one@onne", "disable", None, 404, "Did you mean 'm-one@one'?"),
        ("m-one", "explode", None, 404, "/disable"),
        ("m-one", "disable", {"seconds": 0}, 400, "seconds"),
        ("m-one", "disable", {"seconds": "30"}, 400, "seconds"),
        ("m-one", "disable", {"second": 30}, 400, "second"),
        ("m-one", "disable", [], 400, "object"),
    ],
)
async def test_a_slip_switches_something_off(
    tmp_path: Path, name: str, verb: str, body: object, code: int, hint: str
) -> None:  # M1.4
    async with serving(tmp_path / "s", more=ROLES) as server:
        response = await switch(server, name, verb, body)
        assert response.status == code
        assert hint in str(response.error["message"])
        assert server.running.runtime.switches.off() == frozenset()


async def test_a_restart_switches_a_model_on(tmp_path: Path) -> None:  # M1.4
    async with serving(tmp_path / "s", more=ROLES) as server:
        await switch(server, "m-one", "disable")
        await switch(server, "same", "disable", {"seconds": 0.05})
    await asyncio.sleep(0.1)
    async with serving(tmp_path / "s", more=ROLES) as server:
        assert await asked(server) == "m-two"
        assert server.running.runtime.switches.off() == {"m-one"}


async def test_the_command_does_not_reach_the_server(tmp_path: Path) -> None:  # M1.4
    state = str(tmp_path / "s")
    async with serving(tmp_path / "s", more=ROLES) as server:
        done = await asyncio.to_thread(run, "models", "disable", "m-one", "--for", "30s", "--state-dir", state)
        assert (done.returncode, done.stdout) == (0, "m-one is off for 30 s\n"), done.stderr
        assert await asked(server) == "m-two"
        done = await asyncio.to_thread(run, "models", "enable", "m-one", "--state-dir", state, LANG="zh_CN.UTF-8")
        assert "已重新启用" in done.stdout
        assert await asked(server) == "m-one"
        done = await asyncio.to_thread(run, "models", "disable", "m-onne", "--state-dir", state)
        assert done.returncode == 1
        assert "Did you mean 'm-one'?" in done.stderr
        done = await asyncio.to_thread(run, "models", "disable", "m-one", "--for", "soon", "--state-dir", state)
        assert done.returncode == 2
        assert "30s, 15m" in done.stderr
        await server.running.runtime.ledger.flush()
        audited = rows(server.state_dir, "SELECT kind, key FROM audit WHERE kind LIKE 'switched%'")
        assert set(audited) == {("switched_off", "owner"), ("switched_on", "owner")}
    done = await asyncio.to_thread(run, "models", "disable", "m-one", "--state-dir", state)
    assert done.returncode == 1
    assert "no server is running" in done.stderr


async def test_what_is_wrong_with_the_file_keeps_a_model_on(tmp_path: Path) -> None:  # M1.4 M8.4
    file = tmp_path / "f.yaml"
    async with serving(tmp_path / "s", more=ROLES) as server:
        head = f'server: {{state_dir: "{server.state_dir}"}}\n'
        for wrong in ("models: {m: 3}", "keys: [{name: a, key: '${NOT_SET_HERE}'}]"):
            file.write_text(f"{head}{wrong}\n")
            done = await asyncio.to_thread(run, "models", "disable", "m-one", "--for", "30s", "--config", str(file))
            assert (done.returncode, done.stdout) == (0, "m-one is off for 30 s\n"), done.stderr
        file.write_text(f"{head}models: [")
        done = await asyncio.to_thread(run, "models", "enable", "m-one", "--config", str(file))
        assert (done.returncode, "--state-dir" in done.stderr) == (1, True)
        assert await asked(server) == "m-two"


async def test_a_model_is_on_again_whose_channel_is_off(tmp_path: Path) -> None:  # M1.4
    state = str(tmp_path / "s")
    async with serving(tmp_path / "s", more=ROLES) as server:
        channel = server.running.runtime.world.snapshot.models["m-one"].channels[0].id
        for name in (channel, "m-one"):
            await switch(server, name, "disable")
        assert (await switch(server, channel, "enable")).json["still"] == ["m-one"]
        await switch(server, channel, "disable")
        done = await asyncio.to_thread(run, "models", "enable", "m-one", "--state-dir", state)
        assert (done.stdout, channel in done.stderr) == ("m-one is on again\n", True)
        assert (await switch(server, channel, "enable")).json["still"] == []


async def test_the_list_of_models_hides_how_they_are(tmp_path: Path) -> None:  # M1.4 M4.5
    quick = "health: {failures: 1, ejection: 600, probe: off}\n" + ROLES
    async with serving(tmp_path / "s", more=quick) as server:
        server.upstream.push("one", status(500))
        await server.chat(model="m-one@one")
        await switch(server, "m-two", "disable", {"seconds": 3600})
        await switch(server, "same@one", "disable")
        states = {f"{one.model}@{one.channel}": one for one in channel_states(server.running.runtime)}
        assert [(states[one].state, bool(states[one].until)) for one in ("m-one@one", "m-two@two", "same@one")] == [
            ("open", True),
            ("off", True),
            ("off", False),
        ]
        assert (states["m-one@one"].fault, states["m-one@one"].ejections) == ("HTTP 500", 1)
        (tmp_path / "f.yaml").write_text(
            f"""
server: {{state_dir: "{tmp_path / "s"}"}}
providers: {{one: {{kind: openai, base_url: "http://127.0.0.1:9/v1", api_key: x}}}}
models: {{m-one: {{channels: [{{provider: one}}], price: {{input: 1, output: 2}}}}}}
"""
        )
        path = str(tmp_path / "f.yaml")
        shown = (await asyncio.to_thread(run, "models", "-c", path)).stdout
        line = next(line for line in shown.splitlines() if "m-one@one" in line)
        assert "left alone" in line
        assert "HTTP 500" in line
        told = json.loads((await asyncio.to_thread(run, "models", "-c", path, "--json")).stdout)
        assert told[0]["channels"][0]["health"]["state"] == "open"


def test_a_file_that_cannot_be_read_keeps_the_server_down(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"a": "b"}', '{"a": []}'):
        (tmp_path / "switches.json").write_text(text)
        assert Switches(tmp_path, lambda name: None).off() == frozenset()


def test_who_is_told_to_return_comes_too_early_or_for_nothing() -> None:  # M1.4
    switches = Switches(None, lambda name: None, lambda: 100.0, lambda: 5.0)
    for name, seconds in (("a", 30.0), ("a@x", 50.0), ("b@x", 40.0), ("c", None)):
        switches.disable(name, seconds)
    assert switches.back_in(["a@x"]) == 50.0
    assert switches.back_in(["a@", "b@x"]) == 30.0
    assert switches.back_in(["b@x", "c@x"]) == 40.0
    assert switches.back_in(["c@x", "d@x"]) is None


def test_a_second_time_does_not_take_the_place_of_the_first(tmp_path: Path) -> None:  # M1.4
    clock = SimpleNamespace(now=100.0)
    back: list[str] = []
    switches = Switches(tmp_path, back.append, lambda: clock.now, lambda: clock.now)
    switches.disable("a", 30)
    switches.disable("b", None)
    switches.disable("a", 10)
    assert switches.until("a") == 110
    clock.now = 110.0
    assert switches.off() == {"b"}
    assert back == ["a"]
    assert Switches(tmp_path, back.append, lambda: clock.now, lambda: clock.now).off() == {"b"}


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 30 * 86_400.0])
def test_a_clock_that_jumps_switches_a_model_on_or_keeps_it_off(tmp_path: Path, jump: float) -> None:  # M1.4 FAULTS 39
    clock = SimpleNamespace(now=1000.0, ticks=7.0)
    switches = Switches(tmp_path, lambda name: None, lambda: clock.now, lambda: clock.ticks)
    switches.disable("a", 30)
    clock.now, clock.ticks = 1029.0 + jump, 36.0
    assert switches.off() == {"a"}
    assert switches.until("a") == 1030.0 + jump
    switches.disable("b", None)
    again = Switches(tmp_path, lambda name: None, lambda: clock.now, lambda: 0.5)
    assert (again.off(), again.back_in(["a@x"])) == ({"a", "b"}, 1.0)
    clock.ticks = 37.0
    assert switches.off() == {"b"}


async def acts(server: Served) -> list[tuple[str, str, str, str]]:
    found = (await ask(server.port, "GET", "/admin/v1/audit", key="fl_boss")).json["acts"]
    return [(one["kind"], one["actor"], one["subject"], one["detail"]) for one in reversed(found)]


async def test_what_a_crash_kept_from_the_audit_log_is_never_told(tmp_path: Path) -> None:  # M8.1
    """The switch is on disk a moment before its row is: a start finds what no row tells of, in either direction."""
    async with serving(tmp_path / "s", more=ROLES) as server:
        await switch(server, "m-one", "disable")
        before = await acts(server)
    assert before == [("switched_off", "op", "m-one", "until it is switched on")]
    (tmp_path / "s" / "switches.json").write_text(json.dumps({"m-two": None}))
    untold = [("switched_off", "", "m-two", "found so at a start"), ("switched_on", "", "m-one", "found so at a start")]
    for _ in range(2):
        async with serving(tmp_path / "s", more=ROLES) as server:
            assert await acts(server) == before + untold


def test_a_time_that_is_over_or_the_same_configuration_is_told_as_if_nobody_had() -> None:  # M8.1
    off = Act("switched_off", "op", "", "m", "for 5 s")
    for_good = Act("switched_off", "op", "", "n", FOR_GOOD)
    taken = Act("reloaded", "op", "", "configuration", "configuration v2 in the place of v1 (asked for)")
    assert untold([off, for_good, taken], frozenset({"n"}), "v2") == []
    assert untold([off, for_good, taken], frozenset({"n"}), "") == []
    assert untold([], frozenset(), "v1") == []
    told = untold([off, for_good, taken], frozenset({"m", "x"}), "v3")
    assert [(act.kind, act.subject) for act in told] == [
        ("switched_off", "x"),
        ("switched_on", "n"),
        ("reloaded", "configuration"),
    ]
