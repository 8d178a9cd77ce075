"""How the providers that speak Chat Completions differ in what a translated request may hold. Rows of sets and tables,
by provider kind; a kind that is in none of them is taken for the plain API.

What passes untouched never comes here.
"""

from __future__ import annotations

from msgspec import Struct

from fairlead.dialects import thinking as scale

OPENAI = frozenset({"openai", "azure"})
TEXT_ONLY = frozenset({"deepseek", "cerebras"})
"""Content is one string."""
FRONT_SYSTEM = frozenset({"vllm", "mistral"})
"""Instructions behind the first turn are refused."""
TOP_K = frozenset({"openrouter", "together", "fireworks", "vllm", "dashscope", "siliconflow", "zhipu", "cohere"})
FILES = frozenset({"openai", "azure", "openrouter"})
CACHE_MARKS = frozenset({"openrouter", "dashscope"})
NO_SCHEMA = frozenset({"deepseek", "zhipu"})
OWN_REASONING = frozenset({"deepseek", "moonshot", "zhipu"})
"""They want their reasoning back in turns with tool calls."""
DETAILS = frozenset({"openrouter", "simulated"})
"""They take their thoughts back with what they signed."""
PREFIX = {"mistral": "prefix", "moonshot": "partial", "deepseek": "prefix"}
"""The field that says the last turn is to be gone on with."""
OPENAI_FIELDS = frozenset(
    {
        "store", "metadata", "service_tier", "prompt_cache_key", "safety_identifier", "prediction", "logit_bias",
        "prompt_cache_retention",
    }
)  # fmt: skip
"""Fields of other dialects that mean the same there."""
COMMON_FIELDS = frozenset({"logit_bias"})
TIERS = (b'"auto"', b'"default"', b'"flex"', b'"priority"', b'"scale"')


class Knob(Struct, frozen=True):
    """How one kind has its reasoning set."""

    style: str
    """effort: reasoning_effort; object: reasoning{}; thinking: thinking{type}; enable: enable_thinking."""
    levels: tuple[str, ...] = scale.CHAT
    """The efforts it knows, rising; none where it takes no amounts."""


PLAIN = Knob("effort")
KNOBS: dict[str, Knob] = {
    "openrouter": Knob("object", scale.EFFORTS),
    "simulated": Knob("object", scale.EFFORTS),
    "deepseek": Knob("thinking", ("high", "max")),
    "moonshot": Knob("thinking", ()),
    "zhipu": Knob("thinking", ()),
    "volcengine": Knob("thinking", ("minimal", "low", "medium", "high")),
    "dashscope": Knob("enable", ()),
    "siliconflow": Knob("enable", ()),
    "mistral": Knob("effort", ("none", "high")),
    "groq": Knob("effort", ("none", "low", "medium", "high")),
    "cerebras": Knob("effort", ("none", "low", "medium", "high")),
    "xai": Knob("effort", ("none", "low", "medium", "high")),
    "together": Knob("effort", ("low", "medium", "high")),
    "fireworks": Knob("effort", ("none", "low", "medium", "high")),
    "vllm": Knob("effort", ("none", "low", "medium", "high")),
    "ollama": Knob("effort", ("none", "low", "medium", "high")),
}
NO_REASONING = ("gpt-4", "gpt-3", "chatgpt")
"""Models of `openai` that refuse reasoning_effort."""
