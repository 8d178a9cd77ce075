"""How much memory this process takes, and how much it may: of its container, else of the machine. Linux tells both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

PROC = Path("/proc/self")
CGROUPS = Path("/sys/fs/cgroup")
LIMITS = ("memory.max", "memory.limit_in_bytes")
"""Of the second and of the first version of control groups."""


def taken(proc: Path = PROC) -> int | None:
    """Resident bytes; None where the system does not tell."""
    try:
        return int((proc / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def limit(proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """The least of the machine's memory and of the limits of every control group this process is in."""
    known = list(_of_groups(proc, cgroups))
    try:
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (OSError, ValueError):
        pass
    return min(known, default=None)


def _of_groups(proc: Path, cgroups: Path) -> Iterator[int]:
    try:
        lines = (proc / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        root = cgroups / "memory" if controllers else cgroups
        group = PurePosixPath(path.lstrip("/"))
        # Inside a container the path may be the host's; then the group's own files stand at the root.
        for folder in (root / group, *(root / parent for parent in group.parents)):
            yield from _told(folder)


def _told(folder: Path) -> Iterator[int]:
    for name in LIMITS:
        try:
            text = (folder / name).read_text().strip()
        except OSError:
            continue
        if text.isdecimal() and int(text) > 0:
            yield int(text)
