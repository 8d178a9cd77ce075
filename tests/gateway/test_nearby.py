"""A server of one's own that is named by its address alone answers with the models it has."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fairlead.errors import ConfigError
from fairlead.gateway import nearby
from fairlead.gateway.nearby import configured


@contextmanager
def listing(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """(its address, the paths it is asked for)."""
    asked: list[str] = []

    class Lists(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Lists) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def listed(*names: str) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in names]}).encode()


@pytest.mark.parametrize(
    ("kind", "variable"), [("ollama", "OLLAMA_BASE_URL"), ("ollama", "OLLAMA_HOST"), ("vllm", "VLLM_BASE_URL")]
)
def test_simulated_models_answer_in_place_of_a_local_servers_own(kind: str, variable: str) -> None:
    with listing(200, listed("llama3.2:3b", "hf.co/ann/Qwen3-GGUF:latest", "nomic-embed-text:latest")) as (
        address,
        asked,
    ):
        config = configured({variable: address, "http_proxy": "http://127.0.0.1:1"})
    assert asked == ["/v1/models"]
    assert list(config.providers) == [kind]
    assert list(config.models) == ["llama3.2:3b", "hf.co/ann/Qwen3-GGUF:latest"]
    assert config.warnings == ()


def test_a_model_whose_name_is_none_keeps_the_gateway_from_starting() -> None:
    """A server that nobody gave a name for its model calls it by the place of its files."""
    listed_there = listed("/models/llama-3", "my model", "auto", "a,b", "m" * 400)
    with listing(200, listed_there) as (address, _):
        config = configured({"VLLM_BASE_URL": address})
    assert list(config.models) == ["llama-3"]
    assert config.models["llama-3"].channels[0].model == "/models/llama-3"


def test_a_server_whose_models_are_named_is_asked_for_them() -> None:
    with listing(200, listed("other")) as (address, asked):
        config = configured({"OLLAMA_BASE_URL": address, "OLLAMA_MODELS": "mine"})
    assert (asked, list(config.models)) == ([], ["mine"])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, listed()),
        (200, listed("all-minilm-embed")),
        (200, b"<html>"),
        (200, b'{"data": [1]}'),
        (404, listed("one")),
    ],
)
def test_a_server_that_lists_nothing_useful_is_passed_over_in_silence(status: int, body: bytes) -> None:
    with listing(status, body) as (address, _):
        config = configured({"VLLM_BASE_URL": address, "OPENAI_API_KEY": "x"})
    assert set(config.providers) == {"openai", "vllm"}
    assert all(model.channels[0].provider == "openai" for model in config.models.values())
    assert len(config.warnings) == 1
    assert config.warnings[0].startswith("VLLM_BASE_URL: vllm ")
    assert "VLLM_MODELS" in config.warnings[0]


def test_where_nobody_listens_the_start_fails() -> None:
    with listing(200, b"") as (address, _):
        pass
    config = configured({"OLLAMA_BASE_URL": address})
    assert "sim-small" in config.models
    assert "OLLAMA_MODELS" in config.warnings[0]


@contextmanager
def mute(drips: bool) -> Iterator[str]:
    """The address of one that takes connections and says nothing, or never comes to an end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                    if drips:
                        taken[-1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
                        for _ in range(100):
                            taken[-1].sendall(b" ")
                            time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for one in taken:
            one.close()
        thread.join()


def test_servers_that_do_not_answer_delay_the_start_each_for_itself_or_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nearby, "PATIENCE", 0.5)
    with mute(drips=False) as silent, mute(drips=True) as endless, listing(200, listed("mine")) as (address, _):
        began = time.monotonic()
        config = configured({"OLLAMA_HOST": silent, "VLLM_BASE_URL": endless})
        assert 0.4 < time.monotonic() - began < 0.9
        assert "sim-small" in config.models
        assert len(config.warnings) == 2
        assert list(configured({"OLLAMA_HOST": silent, "VLLM_BASE_URL": address}).models) == ["mine"]


def test_an_address_that_is_none_is_asked_all_the_same() -> None:
    with pytest.raises(ConfigError, match="VLLM_BASE_URL"):
        configured({"VLLM_BASE_URL": "file:///etc"})
