"""Owner: one process at a time may write to a state directory.

The lock is `flock` on `owner.lock`, so it ends with the process however that ends; the pid in the file only
serves the message. A second writer would also meet a defect of SQLite 3.7.0 to 3.51.2, which can damage a
write-ahead log that two connections write: the lock is what rules that out.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType

from fairlead.errors import StateError

LOCK_FILE = "owner.lock"
TRIES = 5
PAUSE = 0.01
"""`is_owned` holds the lock for an instant; an owner that starts just then tries again."""


def _lock(fd: int) -> bool:
    import fcntl  # absent on Windows, where the package must still import

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(path: Path, file: os.stat_result) -> bool:
    """Whether a file that is open is still found under its path, and nothing else is."""
    try:
        return os.path.samestat(path.stat(), file)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # out of reach just now; who writes to it will say so


def unusable(state_dir: Path, problem: OSError) -> StateError:
    """What to say of a directory that cannot be made, or not be written to."""
    no_directory = isinstance(problem, FileExistsError | NotADirectoryError)
    reason = "it is not a directory" if no_directory else problem.strerror
    return StateError(
        f"cannot use the state directory {state_dir}: {reason}; "
        "name one this user may write to: --state-dir, or server.state_dir"
    )


class Owner:
    """The right to write to `state_dir`, held until `release`."""

    def __init__(self, state_dir: Path, fd: int) -> None:
        self.state_dir = state_dir
        self._fd = fd

    def present(self) -> bool:
        """Whether the lock is still where another process would look for it."""
        return is_at(self.state_dir / LOCK_FILE, os.fstat(self._fd))

    @classmethod
    def acquire(cls, state_dir: Path) -> Owner:
        """Creates the directory (0700) if need be. Raises StateError, naming the owner, if there is one."""
        path = state_dir / LOCK_FILE
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise unusable(state_dir, error) from error
        try:
            for attempt in range(TRIES):
                if _lock(fd):
                    os.ftruncate(fd, 0)
                    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
                    return cls(state_dir, fd)
                if attempt + 1 < TRIES:
                    time.sleep(PAUSE)
            pid = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        except OSError as error:
            os.close(fd)
            raise StateError(f"cannot lock {path}: {error.strerror}") from error
        os.close(fd)
        raise StateError(
            f"the state directory {state_dir} is in use by process {pid}; "
            "stop that process, or give this one another directory: --state-dir, or server.state_dir"
        )

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Owner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def is_owned(state_dir: Path) -> bool:
    """Whether a living process owns the directory, as far as this user may see. Changes nothing."""
    try:
        fd = os.open(state_dir / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _lock(fd)
    finally:
        os.close(fd)
