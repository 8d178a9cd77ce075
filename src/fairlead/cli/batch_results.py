"""What a batch was answered: as it came in `OUT.part`, in the order of the asking in OUT when all is there.

A line of either file is an answer as OpenAI's batches give them, and under `fairlead` what a later run goes on from: which
line it answers, a mark of what was asked there, who answered, what it cost. What a run that was killed left of its last
line is cut off.
"""

from __future__ import annotations

import os
import shutil
from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec
import orjson

from fairlead.errors import FairleadError
from fairlead.store.owner import is_at

PART, NEW = ".part", ".new"
FIRST_OK, LAST_OK = 200, 299
MARKS = 1 << 64
BEGINS = b'{"id":'
"""As every answer does, also one that is not whole."""


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


def written(out: Path) -> tuple[Path, Path, Path]:
    """All that a run writes: OUT, behind whatever links; what there is before it is whole; and either made anew.
    Raises FairleadError where no answers can be."""
    try:
        if out.exists() and not out.is_file():
            raise FairleadError(f"cannot write {out}: it is no file")
        if out.exists() and not os.access(out, os.W_OK):
            raise FairleadError(f"cannot write {out}: it is read-only")
        place = out.resolve() if out.is_symlink() else out
    except OSError as problem:
        raise unwritable(out, problem) from None
    except RuntimeError:
        raise FairleadError(f"cannot write {out}: its links lead to each other") from None
    part = place.with_name(place.name + PART)
    return place, part, part.with_name(part.name + NEW)


class Results:
    """`lines`: how many the asking file has."""

    def __init__(self, out: Path, lines: int, fresh: bool = False) -> None:
        self.named = out
        self.out, self.part, self._new = written(out)
        self._at = array("Q", bytes(8 * (lines + 1)))
        """By line, where its answer begins in the file, and one more; 0: there is none."""
        self._marks = array("Q", bytes(8 * (lines + 1)))
        self._good = bytearray(lines + 1)
        self._asked = bytearray(lines + 1)
        self._end = 0
        self._file = self._held()
        try:
            self._begin(fresh)
        except OSError as problem:
            self._close()
            self._new.unlink(missing_ok=True)
            raise unwritable(self.part, problem) from None
        except BaseException:
            self._close()
            raise

    def _held(self) -> BinaryIO:
        """For this run alone."""
        while True:
            try:
                file = self.part.open("a+b")
            except OSError as problem:
                raise unwritable(self.part, problem) from None
            if not _lock(file):
                file.close()
                raise FairleadError(f"another run is writing {self.part}; wait for it, or name another file with -o")
            if is_at(self.part, os.fstat(file.fileno())):
                return file
            file.close()  # the run that had it is over, and took it away

    def _begin(self, fresh: bool) -> None:
        """What is there is looked at in any case: what no batch wrote is not written over."""
        begun = any(True for _ in _rows(self._file, self.part))
        if self.out.exists():
            with self.out.open("rb") as file:
                for _ in _rows(file, self.out):
                    pass
            shutil.copymode(self.out, self.part)
            if not begun and not fresh:
                self._take_up()
        if fresh:
            self._file.truncate(0)
        else:
            self._go_on()

    def _take_up(self) -> None:
        """What an earlier run came to. It gets its name when it is whole: what a half lacked would be asked again."""
        shutil.copyfile(self.out, self._new)
        shutil.copymode(self.out, self._new)
        before, self._file = self._file, self._new.open("a+b")
        _lock(self._file)
        os.replace(self._new, self.part)
        before.close()

    def _go_on(self) -> None:
        """From what is there."""
        for row, size in _rows(self._file, self.part):
            about = row.fairlead
            if 0 < about.line < len(self._at):
                good = row.response is not None and FIRST_OK <= row.response.status_code <= LAST_OK
                self._note(about.line, int(about.of, 16), good)
            self._end += size
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
        try:
            with self._new.open("wb") as file:
                for at, asked in zip(self._at, self._asked, strict=True):
                    if at and asked:
                        self._file.seek(at - 1)
                        file.write(self._file.readline())
                file.flush()
                os.fsync(file.fileno())  # before the other is gone
            shutil.copymode(self.part, self._new)
            os.replace(self._new, self.out)
            self.part.unlink()
        except OSError as problem:
            self._new.unlink(missing_ok=True)
            raise unwritable(self.named, problem) from None

    def __enter__(self) -> Results:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        """Where nothing came of it, nothing is left of it."""
        with suppress(OSError):  # what could not be written was told
            if not self._end and is_at(self.part, os.fstat(self._file.fileno())) and not self.part.stat().st_size:
                self.part.unlink()
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


def _rows(file: BinaryIO, path: Path) -> Iterator[tuple[_Row, int]]:
    """All that are whole, with their sizes. Raises NotOurs."""
    file.seek(0)
    for number, row in enumerate(file, 1):
        try:
            if not row.endswith(b"\n"):
                if not row.startswith(BEGINS[: len(row)]):
                    raise ValueError
                return
            found = _read_row(row)
            if not 0 <= int(found.fairlead.of, 16) < MARKS:
                raise ValueError
        except ValueError:  # of which those of decoding are some
            raise NotOurs(path, number) from None
        yield found, len(row)


def _lock(file: BinaryIO) -> bool:
    import fcntl  # absent on Windows, where the package must still import

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unwritable(path: Path, problem: OSError) -> FairleadError:
    return FairleadError(f"cannot write {path}: {problem.strerror}")
