"""Texts as vectors: by the hashed lexical vector, or by a model at a provider's endpoint, asked as a side call.

Vectors of one space are compared with each other only. An endpoint that gives no answer gives no vectors: another space's
do not stand in for them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from fairlead.cache import vectors
from fairlead.cache.nearest import unit
from fairlead.core.call import Call
from fairlead.core.policy import Policy
from fairlead.dialects import embeddings
from fairlead.gateway.aside import Question, asked
from fairlead.gateway.sharing import Purse

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime

log = logging.getLogger("fairlead.embeddings")

Vector = vectors.Vector
LONGEST = 8_000
"""Characters of a text that are embedded."""


class Embedder:
    def __init__(self, model: str = "", timeout: float = 10.0, budget: int | None = None) -> None:
        """Without a model it is the hashed lexical vector."""
        self.model, self._timeout = model, timeout
        self.space = f"model/{model}" if model else vectors.SPACE
        self._purse = Purse(budget)

    async def vectors(
        self, runtime: Runtime, call: Call, policy: Policy, texts: Sequence[str], mark: str = "e"
    ) -> list[Vector | None]:
        """One for each, or None where there is none to be had. `call` is what they belong to."""
        if not texts:
            return []
        if not self.model:
            return [vectors.vector(text) for text in texts]
        body = {"model": self.model, "input": [text[:LONGEST] or " " for text in texts], "encoding_format": "float"}
        question = Question(self.model, orjson.dumps(body), embeddings.OPENAI, "embed", mark, 0, self._timeout)
        said = await asked(runtime, call, question, policy, self._purse)
        problem = said.problem
        if not problem:
            try:
                return _read(said.body, len(texts))
            except ValueError as wrong:
                problem = str(wrong)
        log.warning("%s gives no embeddings: %s", self.model, problem)
        return [None] * len(texts)


def _read(body: bytes, count: int) -> list[Vector | None]:
    answer = embeddings.read_openai_answer(body)
    if len(answer.vectors) != count:
        raise ValueError(f"{len(answer.vectors)} vectors for {count} texts")
    return [unit(vector) for vector in answer.vectors]
