"""Servers of one's own that the environment names by their address alone: each is asked once which models it has.

This is done where there is no configuration file, before anything is answered, and a request's content plays no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from fairlead.config.environment import from_environment, name_of, unnamed
from fairlead.config.schema import Config
from fairlead.config.values import model_name

PATIENCE = 2.0
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
    for local, variable, address in unnamed(env):
        names, why = _listed(address)
        if names:
            told[local.models[0]] = ",".join(names)
        else:
            silent.append(f"{variable}: {local.kind} {why}; say its models in {local.models[0]}, comma-separated")
    return from_environment({**env, **told}).warned(tuple(silent))


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
