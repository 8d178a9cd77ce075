"""What a batch was answered: as it came in `OUT.part`, in the order of the asking in OUT when all is there.

A line of either file is an answer as OpenAI's batches give them, and under `fairlead` what a later run goes on from: which
line it answers, a mark of what was asked there, who answered, what it cost. What a run that was killed left of its last
line is cut off.
"""

from __future__ import annotations

import os
import shutil
from array import array
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec
import orjson

from fairlead.errors import FairleadError

PART = ".part"
FIRST_OK, LAST_OK = 200, 299


class About(msgspec.Struct, omit_defaults=True):
    line: int
    of: str
    """The mark, in hexadecimal."""
    model: str = ""
    cost: str = ""
    """USD; empty where it is not known."""
    tries: int = 1


class _Response(msgspec.Struct):
    status_code: int


class _Row(msgspec.Struct):
    fairlead: About
    response: _Response | None = None


_read_row = msgspec.json.Decoder(_Row).decode


class NotOurs(FairleadError):
    """A file that no batch wrote stands where the answers are to go."""

    def __init__(self, path: Path, line: int) -> None:
        super().__init__(
            f"{path}:{line}: this is no answer of a batch, so the file is left as it is; name another with -o, or delete it"
        )


class Results:
    """`lines`: how many the asking file has."""

    def __init__(self, out: Path, lines: int, fresh: bool = False) -> None:
        self.out = out
        self.part = out.with_name(out.name + PART)
        self._at = array("Q", bytes(8 * (lines + 1)))
        """By line, where its answer begins in the file, and one more; 0: there is none."""
        self._marks = array("Q", bytes(8 * (lines + 1)))
        self._good = bytearray(lines + 1)
        self._asked = bytearray(lines + 1)
        self._file = self._opened(fresh)
        self._end = 0
        try:
            self._hold()
            if fresh:
                self._file.truncate(0)
            self._go_on()
        except BaseException:
            self._file.close()
            raise

    def _opened(self, fresh: bool) -> BinaryIO:
        try:
            if not fresh and self.out.exists() and not self.part.exists():
                _check(self.out)
                shutil.copyfile(self.out, self.part)
            return self.part.open("a+b")
        except OSError as problem:
            raise unwritable(self.part, problem) from None

    def _hold(self) -> None:
        """For this run alone."""
        import fcntl  # absent on Windows, where the package must still import

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FairleadError(
                f"another run is writing {self.part}; wait for it, or name another file with -o"
            ) from None

    def _go_on(self) -> None:
        """From what is there."""
        self._file.seek(0)
        for number, row in enumerate(self._file, 1):
            if not row.endswith(b"\n"):
                break
            try:
                found = _read_row(row)
            except msgspec.DecodeError:
                raise NotOurs(self.part, number) from None
            about = found.fairlead
            if 0 < about.line < len(self._at):
                good = found.response is not None and FIRST_OK <= found.response.status_code <= LAST_OK
                self._note(about.line, int(about.of, 16), good)
            self._end += len(row)
        self._file.truncate(self._end)

    def _note(self, line: int, mark: int, good: bool) -> None:
        self._at[line], self._marks[line], self._good[line] = self._end + 1, mark, good

    def has(self, line: int, mark: int) -> bool:
        """Whether just that was asked there and is well answered."""
        self._asked[line] = True
        return bool(self._good[line]) and self._marks[line] == mark

    def add(self, line: int, mark: int, row: bytes, good: bool) -> None:
        """On the way to the disk when this returns, whatever becomes of this process."""
        try:
            self._file.write(row)
            self._file.flush()
        except OSError as problem:
            raise unwritable(self.part, problem) from None
        self._note(line, mark, good)
        self._end += len(row)

    def finish(self) -> None:
        """All that was asked, in the order of the lines. OUT takes its name when it is whole."""
        sorted_ = self.out.with_name(self.out.name + ".sorted")
        try:
            with sorted_.open("wb") as file:
                for at, asked in zip(self._at, self._asked, strict=True):
                    if at and asked:
                        self._file.seek(at - 1)
                        file.write(self._file.readline())
            os.replace(sorted_, self.out)
            self.part.unlink()
        except OSError as problem:
            sorted_.unlink(missing_ok=True)
            raise unwritable(self.out, problem) from None

    def __enter__(self) -> Results:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


def answered(name: str, about: About, status: int, request: str, body: bytes) -> bytes:
    """The row of a line that got an HTTP answer."""
    # A line of the file: line ends within JSON are only ever between its parts.
    whole = body.replace(b"\r", b" ").replace(b"\n", b" ")
    response = {"status_code": status, "request_id": request, "body": orjson.Fragment(whole)}
    return _row(request, name, about, response, None)


def unanswered(name: str, about: About, code: str, message: str) -> bytes:
    return _row("", name, about, None, {"code": code, "message": message})


def _row(request: str, name: str, about: About, response: object, error: object) -> bytes:
    return orjson.dumps(
        {
            "id": f"batch_{request or f'line-{about.line}'}",
            "custom_id": name,
            "response": response,
            "error": error,
            "fairlead": msgspec.to_builtins(about),
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _check(out: Path) -> None:
    """Raises NotOurs."""
    with out.open("rb") as file:
        for number, row in enumerate(file, 1):
            try:
                _read_row(row)
            except msgspec.DecodeError:
                raise NotOurs(out, number) from None


def unwritable(path: Path, problem: OSError) -> FairleadError:
    return FairleadError(f"cannot write {path}: {problem.strerror}")
