"""The judge is judged: what must count as a failure does."""

from __future__ import annotations

import argparse
import ast
import inspect
from pathlib import Path

import pytest

from tests.chaos import __main__ as program
from tests.chaos import clients, process, providers
from tests.chaos.load import Told
from tests.chaos.scene import Case, Scene

WHOLE = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n'
ERROR = b'data: {"error":{"message":"broken"}}\n\n'


def told(status: int, body: bytes, whole: bool = True) -> Told:
    return Told(status, True, whole, body, {}, 0.0, 0.0)


@pytest.mark.parametrize(
    ("one", "good", "cut"),
    [
        (told(200, WHOLE), True, False),
        (told(200, WHOLE, whole=False), False, False),
        (told(200, WHOLE.replace(b"data: [DONE]\n\n", b"")), False, False),
        (told(200, WHOLE.replace(b"data: [DONE]\n\n", ERROR)), False, True),
        (told(200, ERROR + WHOLE), False, False),
        (told(503, b'{"error":{"message":"busy"}}'), False, False),
        (told(0, b""), False, False),
    ],
)
def test_a_broken_stream_is_taken_for_a_whole_one(one: Told, good: bool, cut: bool) -> None:
    assert (one.good, one.cut) == (good, cut)


async def unmet(scene: Scene) -> str:
    scene.require(False, "as expected")
    return "something"


async def astray(scene: Scene) -> str:
    raise TimeoutError("nothing came")


async def met(scene: Scene) -> str:
    scene.require(True, "never")
    return "all"


@pytest.mark.parametrize(("play", "status"), [(unmet, 1), (astray, 1), (met, 0)])
async def test_a_failure_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], play: object, status: int
) -> None:
    monkeypatch.setattr(program, "CASES", [Case("99", "a case", "a fault", "nothing", play, home="")])  # type: ignore[arg-type]
    options = argparse.Namespace(short=True, only=None, seed=1)
    assert await program.play(options, tmp_path) == status
    assert ("fail" in capsys.readouterr().out) == bool(status)


def test_a_case_that_went_well_reads_like_a_failure() -> None:
    """Whoever looks for the word `fail` in the table looks for failures."""
    columns = [text for case in program.CASES for text in (case.name, case.injected, case.required)]
    for module in (providers, clients, process):
        returned = [
            node.value for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Return)
        ]
        told = [part for value in returned if isinstance(value, ast.JoinedStr) for part in value.values]
        columns += [str(part.value) for part in told if isinstance(part, ast.Constant)]
    assert len(columns) > 150
    assert [text for text in columns if "fail" in text] == []
