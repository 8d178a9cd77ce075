"""Terms that a request may ask for and that cost other than its price row says: a faster lane, a place, models that the
provider chooses itself. A hard budget does not bear them: nobody here could say what they come to.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead.providers import toolsets

USUAL = frozenset(("auto", "default", "flex", "on_demand", "standard", "standard_only", "batch"))
"""Lanes that cost what the price says, or less."""
NOWHERE = frozenset(("", "global", "not_available"))


class Terms(toolsets.Asked):
    service_tier: Any = None
    serviceTier: Any = None
    speed: Any = None
    inference_geo: Any = None
    preset: Any = None
    plugins: Any = None


USUALLY = Terms()
_decode = msgspec.json.Decoder(Terms).decode


def asked(body: bytes) -> Terms | None:
    """None for nothing that could cost other than the price says."""
    try:
        found = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # no JSON object: nothing of it is read by anybody
    return None if found == USUALLY else found


def unusual(asked: Terms, kind: str) -> str:
    """What of a request costs other than its price says, in words; empty for nothing. `kind` is its provider's."""
    for name, value in (("service_tier", asked.service_tier), ("serviceTier", asked.serviceTier)):
        if value is not None and str(value).lower() not in USUAL:
            return f"{name} {str(value)[:40]!r} is charged otherwise than its price says"
    if asked.speed is not None and str(asked.speed).lower() not in ("standard", "normal", "default"):
        return f"speed {str(asked.speed)[:40]!r} is charged otherwise than its price says"
    if asked.inference_geo is not None and str(asked.inference_geo).lower() not in NOWHERE:
        return f"inference_geo {str(asked.inference_geo)[:40]!r} is charged otherwise than its price says"
    if kind == "openrouter" and (asked.preset or asked.plugins):
        return "presets and plugins are charged otherwise than the model's price says"
    return ""
