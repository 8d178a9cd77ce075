"""The providers fairlead knows by name, and how each differs from the plain OpenAI wire: one row each, no code.

A new OpenAI-compatible provider is a new row. `simulated` stands in for a provider and needs no address.
"""

from __future__ import annotations

import msgspec

SPOKEN = (
    "openai_chat",
    "openai_responses",
    "anthropic_messages",
    "gemini",
    "embeddings",
    "gemini_embeddings",
    "completions",
    "opaque",
)
"""Every dialect a provider may speak; `opaque` stands for what passes through unread (images, audio, moderations)."""


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider differs from the plain wire, and what it brings when its key is in the environment."""

    base_url: str = ""
    keys: tuple[str, ...] = ()
    """Environment variables that may hold its key, first come first served."""
    models: tuple[str, ...] = ()
    """The short choice of its current models that is offered when no configuration file says otherwise."""
    max_tokens_field: str = ""
    """The name it wants for the output limit; empty leaves the caller's own."""
    stream_usage: bool = True
    """Whether it may be asked for usage on streams."""
    self_hosted: bool = False
    dialect: str = "openai_chat"
    """What it is asked in when it does not speak the caller's dialect."""
    dialects: frozenset[str] = frozenset({"embeddings", "completions", "opaque"})
    """What else it speaks."""
    key_header: str = "Authorization"
    """The header its key goes in."""
    version: str = ""
    """The last part of an address that its paths begin behind, added where a base_url lacks it."""


PLAIN = Delta()
"""Whatever answers at an address of one's own."""

DELTAS: dict[str, Delta] = {
    "openai": Delta(
        base_url="https://api.openai.com/v1",
        keys=("OPENAI_API_KEY",),
        models=("gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-luna"),
        max_tokens_field="max_completion_tokens",
        dialects=frozenset({"openai_responses", "embeddings", "completions", "opaque"}),
    ),
    "openai_responses": Delta(
        base_url="https://api.openai.com/v1",
        dialect="openai_responses",
        dialects=frozenset(),
    ),
    "anthropic": Delta(
        base_url="https://api.anthropic.com/v1",
        dialect="anthropic_messages",
        dialects=frozenset(),
        key_header="x-api-key",
        version="v1",
        keys=("ANTHROPIC_API_KEY",),
        models=("claude-opus-5.5", "claude-sonnet-5.5", "claude-haiku-5.5"),
    ),
    "gemini": Delta(
        base_url="https://generativelanguage.googleapis.com/v1beta",
        dialect="gemini",
        dialects=frozenset({"gemini_embeddings"}),
        key_header="x-goog-api-key",
        version="v1beta",
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        models=("gemini-4-argon", "gemini-3.8-flash", "gemini-3.5-flash-lite"),
    ),
    "deepseek": Delta(
        base_url="https://api.deepseek.com/v1",
        keys=("DEEPSEEK_API_KEY",),
        models=("deepseek-v4-pro", "deepseek-v4.1-flash"),
        max_tokens_field="max_tokens",
    ),
    "moonshot": Delta(
        base_url="https://api.moonshot.ai/v1",
        keys=("MOONSHOT_API_KEY",),
        models=("kimi-k3.1-pro", "kimi-k2.6"),
        max_tokens_field="max_tokens",
    ),
    "dashscope": Delta(
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        keys=("DASHSCOPE_API_KEY",),
        models=("qwen3.7-max", "qwen3.7-plus", "qwen3.6-flash"),
        max_tokens_field="max_tokens",
    ),
    "zhipu": Delta(
        base_url="https://api.z.ai/api/paas/v4",
        keys=("ZHIPU_API_KEY",),
        models=("glm-5.3", "glm-5.3-flash"),
        max_tokens_field="max_tokens",
    ),
    "volcengine": Delta(
        base_url="https://ark.cn-beijing.volces.com/api/v3",
        keys=("ARK_API_KEY",),
        models=("doubao-seed-2.0-pro",),
        max_tokens_field="max_tokens",
    ),
    "groq": Delta(
        base_url="https://api.groq.com/openai/v1",
        keys=("GROQ_API_KEY",),
        models=("qwen3.8-27b", "gpt-oss-120b"),
    ),
    "together": Delta(
        base_url="https://api.together.xyz/v1",
        keys=("TOGETHER_API_KEY",),
        models=("glm-5.3", "qwen3.8-flash"),
        max_tokens_field="max_tokens",
    ),
    "mistral": Delta(
        base_url="https://api.mistral.ai/v1",
        keys=("MISTRAL_API_KEY",),
        models=("mistral-large-4", "mistral-small-4"),
        max_tokens_field="max_tokens",
        stream_usage=False,
    ),
    "xai": Delta(
        base_url="https://api.x.ai/v1",
        keys=("XAI_API_KEY",),
        models=("grok-4.7", "grok-4.1-fast"),
    ),
    "fireworks": Delta(
        base_url="https://api.fireworks.ai/inference/v1",
        keys=("FIREWORKS_API_KEY",),
        models=("deepseek-v4-pro", "deepseek-v4-flash"),
        max_tokens_field="max_tokens",
    ),
    "siliconflow": Delta(
        base_url="https://api.siliconflow.com/v1",
        keys=("SILICONFLOW_API_KEY",),
        models=("glm-5.2", "kimi-k2.6"),
        max_tokens_field="max_tokens",
    ),
    "cerebras": Delta(
        base_url="https://api.cerebras.ai/v1",
        keys=("CEREBRAS_API_KEY",),
        models=("gpt-oss-120b",),
        max_tokens_field="max_completion_tokens",
    ),
    "openrouter": Delta(
        base_url="https://openrouter.ai/api/v1",
        keys=("OPENROUTER_API_KEY",),
        models=("claude-opus-5.5", "gpt-6.1-terra", "gemini-3.8-flash", "deepseek-v4.1-flash", "gpt-6-luna"),
        max_tokens_field="max_tokens",
    ),
    "vllm": Delta(self_hosted=True),
    "ollama": Delta(base_url="http://127.0.0.1:11434/v1", self_hosted=True, max_tokens_field="max_tokens"),
}
