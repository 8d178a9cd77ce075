"""The dialects by name. A new one is a folder and a line here."""

from __future__ import annotations

from fairlead.dialects import anthropic_messages, completions, embeddings, gemini, opaque, openai_chat, openai_responses
from fairlead.dialects.dialect import Dialect

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        openai_chat.DIALECT,
        openai_responses.DIALECT,
        anthropic_messages.DIALECT,
        gemini.DIALECT,
        embeddings.DIALECT,
        embeddings.GEMINI_DIALECT,
        completions.DIALECT,
        opaque.DIALECT,
    )
}
