"""What is remembered of users and sessions, and how it is found again."""

from __future__ import annotations

from pydantic import Field

from fairlead.config.references import ModelRef
from fairlead.config.section import Section
from fairlead.config.values import Count, Money, Seconds, Share, Switch, Whole


class Embedding(Section):
    model: ModelRef = Field(description="Model that makes embeddings: what is written and sought goes to its provider.")
    timeout: Seconds = Field(10, description="How long it may take; without an answer nothing is found by meaning.")
    budget: Money | None = Field(None, description="Most its calls may cost a day (UTC); by default no bound.")


class Extractor(Section):
    model: ModelRef = Field(
        description="Model that reads users' turns for what is worth remembering, beside the rules."
    )
    timeout: Seconds = Field(20, description="How long it may take; nobody waits for it.")
    budget: Money | None = Field(None, description="Most its calls may cost a day (UTC); by default no bound.")


class Memory(Section):
    enabled: Switch = Field(
        False,
        description="Offers `/v1/memory`, and context where a request, its key or its policy asks for it (`memory`).",
    )
    days: Whole = Field(30, ge=1, le=3_650, description="How long anything is remembered.")
    most: Count = Field(10_000, description="How much is remembered of a tenant; beyond it the oldest goes.")
    block_tokens: Count = Field(400, description="Most tokens of what is put in front of a request.")
    least: Share = Field(
        0.2, description="How alike a note has to be to a request to be put in: the cosine between their vectors."
    )
    embedding: Embedding | None = Field(
        None, description="By default texts are compared by their words, without a model."
    )
    extractor: Extractor | None = Field(None, description="By default rules alone say what is worth remembering.")
