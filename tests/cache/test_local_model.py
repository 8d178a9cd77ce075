"""A sentence-embedding model from a folder: a tiny one made here, and a real one where FAIRLEAD_EMBEDDING_MODEL names it."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fairlead.cache.local_model import LocalModel
from fairlead.errors import ConfigError

REAL = os.environ.get("FAIRLEAD_EMBEDDING_MODEL", "")
WORDS = ["[UNK]", "red", "green", "blue", "ship"]
ROWS = [[0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.5, 0.5, 0.0, 0.0]]
FLOAT, INT64 = 1, 7


def varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found, number = found + bytes((number & 127 | 128,)), number >> 7
    return found + bytes((number,))


def field(number: int, value: int | bytes | str) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def shaped(name: str, kind: int, sizes: Sequence[str | int]) -> bytes:
    dims = b"".join(field(1, field(2, size) if isinstance(size, str) else field(1, size)) for size in sizes)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def onnx(table: Sequence[Sequence[float]]) -> bytes:
    """A model that looks every token's row up."""
    rows = b"".join(struct.pack(f"<{len(row)}f", *row) for row in table)
    size = len(table[0])
    kept = field(1, len(table)) + field(1, size) + field(2, FLOAT) + field(8, "table") + field(9, rows)
    node = field(1, "table") + field(1, "input_ids") + field(2, "last_hidden_state") + field(4, "Gather")
    graph = field(1, node) + field(2, "g") + field(5, kept)
    graph += field(11, shaped("input_ids", INT64, ("batch", "tokens")))
    graph += field(12, shaped("last_hidden_state", FLOAT, ("batch", "tokens", size)))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


def write_model(folder: Path, words: Sequence[str] = WORDS[1:], table: Sequence[Sequence[float]] = ()) -> None:
    """Without a table each word is an axis of its own, and so is any other."""
    tokenizers: Any = pytest.importorskip("tokenizers")
    known = ["[UNK]", *words]
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: at for at, word in enumerate(known)}, "[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    folder.mkdir(exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    axes = [[float(at == axis) for axis in range(len(known))] for at in range(len(known))]
    (folder / "model.onnx").write_bytes(onnx(table or axes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("onnxruntime")
    write_model(tmp_path, table=ROWS)
    return tmp_path


def test_what_is_given_for_each_token_is_not_averaged(folder: Path) -> None:  # M5.1
    model = LocalModel(str(folder))
    assert model.vector("red green") == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0])
    assert model.vector("blue") == pytest.approx([0, 0, 1, 0])
    assert model.vector("") is None


def test_a_model_that_speaks_by_its_first_token_is_averaged(folder: Path) -> None:
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    assert LocalModel(str(folder)).vector("red green blue") == pytest.approx([1, 0, 0, 0])


def test_a_long_text_takes_for_ever(folder: Path) -> None:
    found = LocalModel(str(folder)).vector("red " * 512 + "green " * 5000)
    assert found == pytest.approx([1, 0, 0, 0])


@pytest.mark.parametrize(("name", "text"), [("model.onnx", "x"), ("tokenizer.json", "x"), ("tokenizer.json", "{}")])
def test_files_that_hold_no_model_are_not_named(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(ConfigError, match=name):
        LocalModel(str(folder))


def test_a_folder_without_a_model_is_taken(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no model\.onnx"):
        LocalModel(str(tmp_path))


@pytest.mark.skipif(not REAL, reason="FAIRLEAD_EMBEDDING_MODEL names no folder")
def test_a_real_model_does_not_tell_near_from_far() -> None:  # M5.1
    model = LocalModel(REAL)
    vectors = [
        model.vector(text)
        for text in ("How old is the universe?", "What is the age of the universe?", "How do I bake bread?")
    ]
    one, near, far = vectors
    assert one is not None
    assert near is not None
    assert far is not None
    assert float(one @ near) > float(one @ far) + 0.2
