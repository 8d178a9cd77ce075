"""Configuration to declared gates."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from fairlead.config import schema
from fairlead.config.gates import Gate
from fairlead.core.gates.declared import Declared, Kind
from fairlead.errors import ConfigError
from fairlead.registry.digest import nano


def gates(config: schema.Config) -> dict[str, Declared]:
    return {name: _gate(name, gate) for name, gate in config.gates.items()}


def _gate(name: str, given: Gate) -> Declared:
    return Declared(
        name,
        cast(Kind, given.kind),
        given.pattern or "",
        given.present,
        _schema(name, given),
        given.least_chars or 0,
        given.most_chars or 0,
        given.failed,
        given.model or "",
        given.rubric,
        given.samples,
        None if given.budget is None else nano(given.budget),
        given.cached,
        given.at_once,
        given.timeout,
        given.silent,
        given.url or "",
        "" if given.secret is None else given.secret.reveal(),
        given.self_hosted,
        given.region or "",
    )


def _schema(name: str, given: Gate) -> bytes:
    if given.json_schema_file is None:
        return (given.json_schema or "").encode()
    try:
        return Path(given.json_schema_file).read_bytes()
    except OSError as problem:
        raise ConfigError(
            [f"gates.{name}.json_schema_file: {given.json_schema_file} cannot be read: {problem.strerror}"]
        ) from None
