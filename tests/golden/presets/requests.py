"""What each preset is asked: requests that all of them get, and some of their own."""

from __future__ import annotations

from typing import Any

PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


def asked(text: str, model: str = "auto", **knobs: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}]}
    return {**body, "fairlead": knobs} if knobs else body


def pictured(text: str, model: str = "auto") -> dict[str, Any]:
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    return {"model": model, "messages": [{"role": "user", "content": parts}]}


SHARED: dict[str, dict[str, Any]] = {
    "greeting": asked("Hi! Can you tell me what you can help me with?"),
    "greeting in Chinese": asked("你好,今天心情不太好,陪我聊两句吧。"),
    "capital": asked("Capital of New Zealand?"),
    "translation": asked("Translate into French: 'The meeting has been moved to Monday.'"),
    "classification": asked("Is this review positive or negative? 'Arrived broken, twice.'"),
    "proof": asked("Prove that the square root of 3 is irrational, and say where the proof fails for 4."),
    "proof in Chinese": asked("证明:任意六个人中,必有三个人互相认识或互相不认识。"),
    "lock-free queue": asked("Design and implement a lock-free queue in Rust for many producers and consumers."),
    "declared simple chat": asked("Hello", task="chat", complexity="simple"),
    "declared medium chat": asked("Hello", task="chat", complexity="medium"),
    "declared complex chat": asked("Hello", task="chat", complexity="complex"),
    "declared simple code": asked("Hello", task="code_generation", complexity="simple"),
    "declared medium code": asked("Hello", task="code_generation", complexity="medium"),
    "declared complex debugging": asked("Hello", task="code_debug", complexity="complex"),
    "declared simple agent": asked("Hello", task="agent", complexity="simple"),
    "declared complex agent": {**asked("Hello", task="agent", complexity="complex"), "tools": [TOOL]},
    "declared desktop": asked("Hello", task="desktop", complexity="medium"),
    "declared medium reasoning": asked("Hello", task="reasoning", complexity="medium"),
    "declared complex reasoning": asked("Hello", task="reasoning", complexity="complex"),
    "declared complex math": asked("Hello", task="math", complexity="complex"),
    "declared data analysis": asked("Hello", task="data_analysis", complexity="medium"),
    "declared writing": asked("Hello", task="creative_writing", complexity="medium"),
    "declared extraction that can wait": asked("Hello", task="extraction", complexity="simple", latency_class="batch"),
    "long document": asked("The depot was late again. " * 8000, task="long_document", complexity="complex"),
    "picture": pictured("What is in this picture?"),
    "low budget": asked("Hello", task="code_generation", complexity="complex", budget="low"),
    "declared critical": asked("Hello", task="knowledge_qa", complexity="medium", domain="critical"),
    "declared sensitive": asked("Hello", task="chat", complexity="simple", sensitivity="sensitive"),
    "quality required": asked("Hello", task="chat", complexity="simple", quality_floor=0.975),
}

OWN: dict[str, dict[str, dict[str, Any]]] = {
    "coding": {
        "Claude Code turn": asked("Rename the function.", "claude-sonnet-5.5"),
        "Claude Code small job": asked("Title of this conversation?", "claude-haiku-5.5"),
        "Claude Code by date": asked("Rename the function.", "claude-sonnet-4-5-20250929"),
        "Claude Code thinking": {**asked("Why is it slow?", "claude-opus-5.5"), "reasoning_effort": "high"},
        "Claude Code picture": pictured("Build this page.", "claude-sonnet-5.5"),
        "Claude Code long": asked("def f(): pass\n" * 20_000, "claude-sonnet-5.5"),
        "Claude Code search": {**asked("What changed in 3.14?", "claude-sonnet-5.5"), "web_search_options": {}},
        "Codex turn": asked("Mend the test.", "gpt-5.3-codex"),
        "Codex small job": asked("Title?", "gpt-5.1-codex-mini"),
        "Codex general model": asked("Mend the test.", "gpt-6.1-sol"),
        "opencode": asked("Mend the test.", "auto:coding"),
    },
    "enterprise": {
        "email": asked("Answer ana.petrova@example.com that her order is on its way."),
        "card": asked("My card 4111 1111 1111 1111 was charged twice."),
        "email in code": asked("Mend this: user = 'ana.petrova@example.com'", task="code_debug"),
        "medical": asked("What dosage of ibuprofen is safe for a child of ten?"),
        "medical in Chinese": asked("这些症状可能是什么病?"),
        "declared finance": asked("Hello", task="finance"),
    },
    "phase2_cascade": {
        "tiers, simple": asked("Hello", policy="degrading", complexity="simple"),
        "tiers, medium": asked("Hello", policy="degrading", complexity="medium"),
        "tiers, complex": asked("Hello", policy="degrading", complexity="complex"),
    },
}
