"""The providers fairlead knows by name, and how each differs from the plain OpenAI wire: one row each, no code.

A new OpenAI-compatible provider is a new row. `simulated` stands in for a provider and needs no address.
"""

from __future__ import annotations

import msgspec


class Delta(msgspec.Struct, frozen=True):
    """How one provider differs from the plain wire."""

    base_url: str = ""
    env_key: str = ""
    max_tokens_field: str = ""
    stream_usage: bool = True
    self_hosted: bool = False


PLAIN = Delta()

DELTAS: dict[str, Delta] = {
    "openai": Delta("https://api.openai.com/v1", "OPENAI_API_KEY", max_tokens_field="max_completion_tokens"),
    "anthropic": Delta("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    "gemini": Delta("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "deepseek": Delta("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", max_tokens_field="max_tokens"),
    "moonshot": Delta("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", max_tokens_field="max_tokens"),
    "dashscope": Delta("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", "max_tokens"),
    "zhipu": Delta("https://api.z.ai/api/paas/v4", "ZHIPU_API_KEY", max_tokens_field="max_tokens"),
    "volcengine": Delta("https://ark.cn-beijing.volces.com/api/v3", "ARK_API_KEY", max_tokens_field="max_tokens"),
    "groq": Delta("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "together": Delta("https://api.together.xyz/v1", "TOGETHER_API_KEY", max_tokens_field="max_tokens"),
    "openrouter": Delta("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", max_tokens_field="max_tokens"),
    "mistral": Delta("https://api.mistral.ai/v1", "MISTRAL_API_KEY", "max_tokens", stream_usage=False),
    "xai": Delta("https://api.x.ai/v1", "XAI_API_KEY"),
    "fireworks": Delta("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", "max_tokens"),
    "siliconflow": Delta("https://api.siliconflow.com/v1", "SILICONFLOW_API_KEY", "max_tokens"),
    "cerebras": Delta("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "max_completion_tokens"),
    "vllm": Delta(self_hosted=True),
    "ollama": Delta("http://127.0.0.1:11434/v1", self_hosted=True, max_tokens_field="max_tokens"),
}
