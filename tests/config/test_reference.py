from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fairlead.config.budgets import Limits
from fairlead.config.reference import render, section_at, settings
from fairlead.config.schema import Channel, Config, Price, SimulatedModel

ROOT = Path(__file__).parents[2]


def test_every_setting_has_a_meaning_and_stands_on_the_page() -> None:
    page = render()
    found = dict(settings())
    assert len(found) > 100
    for path, field in found.items():
        assert len(field.description or "") > 8, path
        assert f"`{path}`" in page or f"## {path}" in page


def test_the_page_in_the_docs_is_current() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == render()
    assert subprocess.run([sys.executable, ROOT / "scripts" / "build_docs.py", "--check"], check=False).returncode == 0


def test_a_path_of_a_file_leads_to_its_section() -> None:
    assert section_at(()) is Config
    assert section_at(("models", "x", "channels", 0)) is Channel
    assert section_at(("models", "x", "channels", 0, "price")) is Price
    assert section_at(("providers", "x", "models", "y")) is SimulatedModel
    assert section_at(("keys", 1, "limits")) is Limits
    assert section_at(("server", "port")) is None
    assert section_at(("nonsense", "x")) is None
