"""The shipped intents. Files may add to them and replace them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from fairlead.config.choosing import Intent


@cache
def shipped() -> dict[str, Intent]:
    given = yaml.safe_load(Path(__file__).with_name("intents.yaml").read_text(encoding="utf-8"))
    return {name: Intent(**settings) for name, settings in given.items()}
