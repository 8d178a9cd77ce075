"""Other gateways, measured in the same run: TensorZero's (Rust, inside its Python client) and LiteLLM's proxy.

Each has a virtual environment of its own under `.build/peers`, made from the package index when it is asked for.
They get the least work they can be configured to do: no database, no logging of requests, no observability.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import build
from machine import Process, free_port
from targets import Route, Server, Setting, Target, await_answer

MODES = ("bench-fast", "bench-50ms", "bench-burst", "bench-paced", "bench-slow", "bench-hang")
REQUIREMENTS = {"tensorzero": ("tensorzero", "openai"), "litellm": ("litellm[proxy]",)}
LITELLM_KEY = "sk-bench-only-on-loopback"


def _tensorzero_config(upstream: int) -> str:
    lines = ["[gateway]", "observability.enabled = false"]
    for mode in MODES:
        lines += [
            f"[models.{mode}]",
            'routing = ["up"]',
            f"[models.{mode}.providers.up]",
            'type = "openai"',
            f'model_name = "{mode}"',
            f'api_base = "http://127.0.0.1:{upstream}/v1/"',
            'api_key_location = "none"',
        ]
    return "\n".join(lines) + "\n"


def _start_tensorzero(setting: Setting) -> Server:
    folder = setting.folder("tensorzero")
    config, address, log = folder / "tensorzero.toml", folder / "address", folder / "log"
    config.write_text(_tensorzero_config(setting.upstream))
    python = build.environment("tensorzero", *REQUIREMENTS["tensorzero"])
    began = time.monotonic()
    process = Process.start(
        [str(python), str(build.HERE / "tensorzero_gateway.py"), str(config), str(address)],
        setting.cores.target,
        log=log,
    )

    def find() -> Route | None:
        if not address.exists() or not (url := address.read_text()):
            return None
        host, _, path = url.removeprefix("http://").partition("/")
        port = int(host.rpartition(":")[2])
        return Route("tensorzero", port, f"/{path.rstrip('/')}/chat/completions", prefix="tensorzero::model_name::")

    route, seconds = await_answer(process, find, log, began)
    return Server(process, {"tensorzero": route}, seconds)


def _litellm_config(upstream: int) -> str:
    models = [
        {
            "model_name": mode,
            "litellm_params": {
                "model": f"openai/{mode}",
                "api_base": f"http://127.0.0.1:{upstream}/v1",
                "api_key": "x",
            },
        }
        for mode in MODES
    ]
    settings = {"general_settings": {"master_key": LITELLM_KEY}, "litellm_settings": {"telemetry": False}}
    return json.dumps({"model_list": models, **settings})  # JSON is YAML


def _start_litellm(setting: Setting) -> Server:
    folder, port = setting.folder("litellm"), free_port()
    config, log = folder / "litellm.yaml", folder / "log"
    config.write_text(_litellm_config(setting.upstream))
    python = build.environment("litellm", *REQUIREMENTS["litellm"])
    began = time.monotonic()
    process = Process.start(
        [str(python.parent / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)],
        setting.cores.target,
        log=log,
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION"},
    )
    route = Route("litellm", port, headers=(f"Authorization: Bearer {LITELLM_KEY}",))
    route, seconds = await_answer(process, lambda: route, log, began)
    return Server(process, {"litellm": route}, seconds)


STARTERS = {"tensorzero": _start_tensorzero, "litellm": _start_litellm}


def targets(install: bool) -> tuple[list[Target], list[str]]:
    """The peers that can be measured here, and a note for each that cannot."""
    found, notes = [], []
    for name, start in STARTERS.items():
        if not install and not build.is_installed(name):
            notes.append(f"{name}: not installed here, so not measured; --peers installs and measures it")
            continue
        try:
            python: Path = build.environment(name, *REQUIREMENTS[name])
        except build.CannotBuild as error:
            print(error, file=sys.stderr)  # may name places of this machine, which do not belong into results
            notes.append(f"{name}: cannot be installed here, so not measured")
            continue
        found.append(Target(name, start, {name: build.version_in(python, name)}))
    return found, notes


if __name__ == "__main__":
    available, missing = targets(install=True)
    print("\n".join([*(f"{target.name} {dict(target.versions)}" for target in available), *missing]))
    sys.exit(bool(missing))
