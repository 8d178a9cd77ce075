"""The quickstarts of at most 50 lines with two keys, run against two simulated providers behind a real gateway.  # M1.6"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.pages import ROOT
from tests.docs.processes import address_of, ended

EXAMPLES = ROOT / "examples"
CONFIG = EXAMPLES / "quickstart.yaml"
QUICKSTARTS = ("quickstart.py", "quickstart-next/route.js", "quickstart-express.mjs")
KINDS = ("openai", "anthropic")


class Gateway(NamedTuple):
    env: dict[str, str]
    providers: dict[str, str]

    def asked(self, kind: str) -> list[str]:
        """The models a provider was asked for."""
        with urllib.request.urlopen(f"{self.providers[kind]}/sim/log") as answer:
            return [call["model"] for call in json.load(answer)["calls"]]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, plain_env: dict[str, str]) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("quickstart")
    keys = {"OPENAI_API_KEY": "made-up-1", "ANTHROPIC_API_KEY": "made-up-2"}
    text = CONFIG.read_text()
    providers = {}
    with ExitStack() as stack:

        def start(*arguments: str) -> str:
            server = subprocess.Popen(
                [sys.executable, "-m", "fairlead", *arguments, "--port", "0"],
                cwd=folder, env={**plain_env, **keys}, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            stack.enter_context(ended(server))
            return address_of(server)

        for kind in KINDS:
            providers[kind] = start("simulate", "--speed", "100")
            assert f"kind: {kind}," in text
            # The simulated models' server speaks one dialect only.
            spoken = "dialects: [openai_chat]"
            text = text.replace(f"kind: {kind},", f'kind: {kind}, base_url: "{providers[kind]}/v1", {spoken},')
        (folder / "quickstart.yaml").write_text(text)
        address = start("serve", "--config", "quickstart.yaml")
        yield Gateway({**plain_env, "FAIRLEAD_URL": f"{address}/v1"}, providers)


@pytest.mark.parametrize("file", QUICKSTARTS)
def test_a_quickstart_takes_more_than_fifty_lines_or_other_than_two_keys(file: str) -> None:
    configuration, program = CONFIG.read_text(), (EXAMPLES / file).read_text()
    assert len(configuration.splitlines()) + len(program.splitlines()) <= 50
    assert configuration.count("_API_KEY}") == 2
    assert all(name in program for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"))  # how to start it, in its head


def test_the_quickstart_in_the_docs_is_not_the_one_that_runs() -> None:
    assert CONFIG.read_text() in (ROOT / "docs" / "quickstart.md").read_text()


def test_the_python_quickstart_does_not_reach_both_providers(gateway: Gateway) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "quickstart.py"], env=gateway.env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("auto: gpt-5.4-mini for $0.")
    assert lines[1].startswith("auto:best: claude-opus-4.7 for $0.")
    assert lines[3].startswith("claude-opus-4.7: claude-opus-4.7 for $0.")
    assert lines[4]
    assert "gpt-5.4-mini" in gateway.asked("openai")
    assert len(gateway.asked("anthropic")) == 2


NEXT = """
import {{ POST }} from "{module}";
const body = JSON.stringify({{ messages: [{{ role: "user", content: "Hello" }}] }});
const answer = await POST(new Request("http://localhost/api/chat", {{ method: "POST", body }}));
const refused = await POST(new Request("http://localhost/api/chat", {{ method: "POST", body: '{{"messages": []}}' }}));
console.log(JSON.stringify({{
  status: answer.status, model: answer.headers.get("x-fairlead-model"), text: await answer.text(),
  refused: refused.status, again: refused.headers.get("x-should-retry"),
}}));
"""
EXPRESS = """
import {{ createServer }} from "node:http";
import {{ chat }} from "{module}";
const server = createServer(async (request, response) => {{
  request.body = JSON.parse((await request.toArray()).join(""));
  await chat(request, response);
}}).listen(0, "127.0.0.1", async () => {{
  const url = `http://127.0.0.1:${{server.address().port}}/api/chat`;
  const ask = (body) => fetch(url, {{ method: "POST", body }});
  const answer = await ask(JSON.stringify({{ messages: [{{ role: "user", content: "Hello" }}] }}));
  const refused = await ask('{{"messages": []}}');
  console.log(JSON.stringify({{
    status: answer.status, model: answer.headers.get("x-fairlead-model"), text: await answer.text(),
    refused: refused.status, again: "false",
  }}));
  await refused.text();
  server.closeAllConnections();
  server.close();
}});
"""


@pytest.mark.node
@pytest.mark.parametrize(("file", "harness"), [("quickstart-next/route.js", NEXT), ("quickstart-express.mjs", EXPRESS)])
def test_a_javascript_quickstart_does_not_stream_an_answer(
    file: str, harness: str, gateway: Gateway, tmp_path: Path
) -> None:
    module = tmp_path / "handler.mjs"
    module.write_text((EXAMPLES / file).read_text())
    (tmp_path / "harness.mjs").write_text(harness.format(module=module.as_uri()))
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, "harness.mjs"], cwd=tmp_path, env=gateway.env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["status"], seen["model"]) == (200, "gpt-5.4-mini")
    events = [line for line in seen["text"].splitlines() if line.startswith("data: ")]
    assert len(events) > 3
    assert events[-1] == "data: [DONE]"
    assert (seen["refused"], seen["again"]) == (400, "false")
