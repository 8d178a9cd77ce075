"""A sentence-embedding model that runs here, from a folder: `model.onnx` (or `onnx/model.onnx`) and `tokenizer.json`.

That is how most such models are published. What the model gives for a whole text is taken as it is; what it gives for
each token is averaged, or its first taken where `1_Pooling/config.json` says so.
"""

from __future__ import annotations

import json
from hashlib import file_digest
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from fairlead.cache.nearest import Vector, unit
from fairlead.errors import ConfigError

PLACE = "cache.semantic.embedding.path"
MOST_TOKENS = 512
MODELS = ("model.onnx", "onnx/model.onnx")
TOKENIZER, POOLING = "tokenizer.json", "1_Pooling/config.json"
FIRST = "pooling_mode_cls_token"


class LocalModel:
    def __init__(self, folder: str) -> None:
        """Raises ConfigError where it cannot be loaded."""
        found = Path(folder)
        model = next((file for name in MODELS if (file := found / name).is_file()), None)
        if model is None or not (found / TOKENIZER).is_file():
            raise ConfigError([f"{PLACE}: {folder} holds no {MODELS[0]} and {TOKENIZER}"])
        try:
            runtime, tokenizers = import_module("onnxruntime"), import_module("tokenizers")
        except ImportError:
            raise ConfigError(
                [f"{PLACE}: needs onnxruntime and tokenizers: pip install 'fairlead[embeddings]'"]
            ) from None
        self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(_tokenizer(found / TOKENIZER)))
        self._tokenizer.enable_truncation(MOST_TOKENS)
        with model.open("rb") as content:
            self.digest = file_digest(content, "sha256").hexdigest()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        state = runtime.capi.onnxruntime_pybind11_state
        unusable = (state.Fail, state.InvalidProtobuf, state.InvalidGraph, state.InvalidArgument, state.NotImplemented)
        try:
            self._session: Any = runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except unusable as problem:
            raise ConfigError([f"{PLACE}: {model.name} is no model: {problem}"]) from None
        self._inputs = {one.name for one in self._session.get_inputs()}
        self._first = _takes_first(found / POOLING)
        self._lock = Lock()
        """The tokenizer serves one at a time."""

    def vector(self, text: str) -> Vector | None:
        """Of length one. Takes milliseconds, and belongs into a thread."""
        with self._lock:
            encoded = self._tokenizer.encode(text)
        tokens = np.array([encoded.ids], np.int64)
        seen = np.array([encoded.attention_mask], np.int64)
        given = {"input_ids": tokens, "attention_mask": seen, "token_type_ids": np.zeros_like(tokens)}
        made = self._session.run(None, {name: value for name, value in given.items() if name in self._inputs})
        whole = next((one for one in made if one.ndim == 2), None)
        if whole is not None:
            return unit(whole[0])
        each = made[0][0]
        return unit(each[0] if self._first else (each * seen[0][:, None]).sum(0))


def _tokenizer(file: Path) -> Path:
    """The file, if it looks like one."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise ConfigError([f"{PLACE}: {TOKENIZER} is no JSON: {problem}"]) from None
    if not isinstance(told, dict) or not isinstance(told.get("model"), dict):
        raise ConfigError([f"{PLACE}: {TOKENIZER} describes no tokenizer"])
    return file


def _takes_first(file: Path) -> bool:
    return file.is_file() and bool(json.loads(file.read_text(encoding="utf-8")).get(FIRST))
