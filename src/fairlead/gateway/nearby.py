"""Servers of one's own that the environment names by their address alone: each is asked once which models it has.

This is done where there is no configuration file, before anything is answered, and a request's content plays no part in it.
The start waits for them, all at once and no longer than PATIENCE: were they taken up later, who asks at once would get the
answer of a model that costs something, or of a simulated one. Where nobody listens that is known at once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Thread

import msgspec
from msgspec import Struct

from fairlead.config.environment import from_environment, name_of, unnamed
from fairlead.config.schema import Config
from fairlead.config.values import model_name

PATIENCE = 2.0
"""Seconds."""
MOST_BYTES = 2**20
MOST_MODELS = 50
NO_TEXT = "embed"
"""In the name of a model that makes embeddings: it cannot answer, and the list does not tell."""


class _Model(Struct):
    id: str


class _Models(Struct):
    data: list[_Model]


def configured(env: Mapping[str, str]) -> Config:
    """What `from_environment` comes to, with the models of such servers."""
    told: dict[str, str] = {}
    silent: list[str] = []
    until = time.monotonic() + PATIENCE
    asked = [(local, variable, _Asked(address)) for local, variable, address in unnamed(env)]
    for local, variable, one in asked:
        one.join(max(0.0, until - time.monotonic()))
        names, why = one.found
        if names:
            told[local.models[0]] = ",".join(names)
        else:
            silent.append(f"{variable}: {local.kind} {why}; say its models in {local.models[0]}, comma-separated")
    return from_environment({**env, **told}).warned(tuple(silent))


class _Asked(Thread):
    """In a thread of its own: no timeout holds for the look-up of a name, nor for an answer that trickles in."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self.found: tuple[list[str], str] = [], f"did not tell its models within {PATIENCE:g} s"
        self.start()

    def run(self) -> None:
        self.found = _listed(self._address)


def _listed(address: str) -> tuple[list[str], str]:
    """(the models that a server lists, why there are none)."""
    import http.client
    import urllib.request

    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{address}/models", timeout=PATIENCE) as answer:
            found = msgspec.json.decode(answer.read(MOST_BYTES), type=_Models)
    except (OSError, ValueError, msgspec.DecodeError, http.client.HTTPException) as problem:
        return [], f"did not tell its models ({type(problem).__name__})"
    names = [one.id for one in found.data if NO_TEXT not in one.id.lower() and _can_be_asked_for(one.id)]
    return names[:MOST_MODELS], "has no models that answer"


def _can_be_asked_for(model: str) -> bool:
    try:
        model_name(name_of(model))
    except ValueError:
        return False
    return "," not in model
