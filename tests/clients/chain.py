"""Two gateways in a row: clients speak to the front one, which asks the back one in every dialect there is.

Behind the back one stand simulated models. So each client meets each wire: what it sends goes out of the front in the
dialect of the model it named (`via-chat`, `via-responses`, `via-anthropic`, `via-gemini`) and is read by the back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fairlead.config.load import loads
from fairlead.providers.simulated.upstream import SimulatedUpstream
from fairlead.server.serve import Running, start

KEY = "fl_test"
VIAS = ("via-chat", "via-responses", "via-anthropic", "via-gemini")
ABILITIES = "[tools, json_schema, vision, documents, audio, thinking, logprobs]"
BACK = """
server: {{host: 127.0.0.1, port: 0, state_dir: "{state}", retries: 0, max_lag: 60}}
providers: {{up: {provider}}}
models:
  back: {{channels: [{{provider: up, model: sim-medium}}], price: {{input: 1, output: 2}}, capabilities: {abilities}, max_output: 64000, aliases: [gemini-3-back]}}
  vectors: {{channels: [{{provider: up, model: sim-embedding}}], price: {{input: 1, output: 0}}, capabilities: [embeddings]}}
keys: [{{name: front, key: {key}}}]
"""
FRONT = """
server: {{host: 127.0.0.1, port: 0, state_dir: "{state}", retries: 0, max_lag: 60}}
providers:
  chat: {{kind: openai, base_url: "http://127.0.0.1:{port}/v1", api_key: {key}}}
  responses: {{kind: openai_responses, base_url: "http://127.0.0.1:{port}/v1", api_key: {key}}}
  anthropic: {{kind: anthropic, base_url: "http://127.0.0.1:{port}", api_key: {key}}}
  gemini: {{kind: gemini, base_url: "http://127.0.0.1:{port}", api_key: {key}}}
  router: {{kind: openrouter, base_url: "http://127.0.0.1:{port}/v1", api_key: {key}}}
models:
  via-chat: {{channels: [{{provider: chat, model: back}}], price: {{input: 1, output: 2}}, capabilities: {abilities}, max_output: 64000}}
  via-responses: {{channels: [{{provider: responses, model: back}}], price: {{input: 1, output: 2}}, capabilities: {abilities}, max_output: 64000}}
  via-anthropic: {{channels: [{{provider: anthropic, model: back}}], price: {{input: 1, output: 2}}, capabilities: {abilities}, max_output: 64000}}
  via-gemini: {{channels: [{{provider: gemini, model: gemini-3-back}}], price: {{input: 1, output: 2}}, capabilities: {abilities}, max_output: 64000}}
  via-router: {{channels: [{{provider: router, model: back}}], price: {{input: 1, output: 2}}, capabilities: {abilities}, max_output: 64000, aliases: [gemini-3-back]}}
  vectors-openai: {{channels: [{{provider: chat, model: vectors}}], price: {{input: 1, output: 0}}, capabilities: [embeddings]}}
  vectors-google: {{channels: [{{provider: gemini, model: vectors}}], price: {{input: 1, output: 0}}, capabilities: [embeddings]}}
keys: [{{name: test, key: {key}}}]
"""


@dataclass
class Chain:
    front: Running
    back: Running

    @property
    def simulated(self) -> SimulatedUpstream:
        """What answers behind both; its log tells what came there, its script what it is to do."""
        upstream = self.back.runtime.upstream_for(self.back.runtime.world.endpoints["up"])
        assert isinstance(upstream, SimulatedUpstream)
        return upstream

    @property
    def port(self) -> int:
        return self.front.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.front.port}"


@asynccontextmanager
async def chained(folder: Path, speed: float = float("inf"), upstream: int = 0) -> AsyncIterator[Chain]:
    """`upstream` is the port of something to stand behind the back gateway instead of the simulated models."""
    own = f'{{kind: openai, base_url: "http://127.0.0.1:{upstream}/v1"}}'
    names = {"key": KEY, "abilities": ABILITIES, "provider": own if upstream else "{kind: simulated}"}
    back = await start(loads(BACK.format(state=folder / "back", **names)), speed=speed)
    for endpoint in back.runtime.world.endpoints.values():
        if endpoint.simulated and isinstance(simulated := back.runtime.upstream_for(endpoint), SimulatedUpstream):
            simulated.log.bodies = True
    try:
        front = await start(loads(FRONT.format(state=folder / "front", port=back.port, **names)))
        try:
            yield Chain(front, back)
        finally:
            await front.stop()
    finally:
        await back.stop()
