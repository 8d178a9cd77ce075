from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fairlead.core.record import Entry, Intent
from fairlead.store.spool import (
    ENTRY_LIMIT,
    Damage,
    EntryTooLarge,
    Spool,
    read_segment,
    segment_path,
    segments,
)
from tests.store.entries import attempt, audit, intent, record


def spool(folder: Path, segment_bytes: int = 1 << 20, open_intents: tuple[Intent, ...] = ()) -> Spool:
    return Spool(folder, 1, lambda: open_intents, segment_bytes)


def entries(folder: Path, segment: int = 1) -> tuple[list[Entry], list[Damage]]:
    damaged: list[Damage] = []
    return [entry for _, entry, _ in read_segment(folder, segment, damaged)], damaged


WRITTEN: list[Entry] = [intent("r1"), record("r1", attempt("r1")), audit(), intent("r2"), record("r2", attempt("r2"))]


def write(folder: Path) -> list[int]:
    """The offsets of WRITTEN, and the end."""
    log = spool(folder)
    offsets = [log.append(entry)[0] & 0xFFFFFFFF for entry in WRITTEN] + [log.offset]
    log.close()
    return offsets


def test_entries_come_back_in_order_with_their_positions_and_payloads(tmp_path: Path) -> None:
    log = spool(tmp_path)
    appended = [log.append(entry) for entry in WRITTEN]
    read = list(read_segment(tmp_path, 1, []))
    assert [entry for _, entry, _ in read] == WRITTEN
    assert [(at, payload) for at, _, payload in read] == appended
    assert [log.read_at(at) for at, _ in appended] == [payload for _, payload in appended]
    log.close()


def test_a_last_entry_torn_at_any_byte_is_dropped_and_reported(tmp_path: Path) -> None:  # FAULTS 36
    offsets = write(tmp_path)
    path = segment_path(tmp_path, 1)
    whole = path.read_bytes()
    for end in range(offsets[-2] + 1, offsets[-1]):
        path.write_bytes(whole[:end])
        found, damaged = entries(tmp_path)
        assert found == WRITTEN[:-1]
        # Zeros at the end are taken for space that was set aside.
        seen = len(whole[:end].rstrip(b"\0"))
        assert damaged == [Damage(1, offsets[-2], seen - offsets[-2], torn=True)]


def test_a_flipped_bit_costs_one_entry_and_is_reported(tmp_path: Path) -> None:  # FAULTS 36
    offsets = write(tmp_path)
    path = segment_path(tmp_path, 1)
    whole = path.read_bytes()
    for at in range(offsets[1], offsets[2]):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        found, damaged = entries(tmp_path)
        assert found == [*WRITTEN[:1], *WRITTEN[2:]]
        assert damaged == [Damage(1, offsets[1], offsets[2] - offsets[1], torn=False)]


def test_a_payload_that_looks_like_entries_is_not_read_as_entries(tmp_path: Path) -> None:
    offsets = write(tmp_path / "inner")
    inner = segment_path(tmp_path / "inner", 1).read_bytes()[offsets[0] : offsets[1]]
    (tmp_path / "outer").mkdir()
    segment_path(tmp_path / "outer", 1).write_bytes(b"\xff" * 40 + inner)
    assert entries(tmp_path / "outer")[0] == []


def test_a_full_segment_is_followed_by_one_that_repeats_the_open_intents(tmp_path: Path) -> None:
    still_open = (intent("slow", 1), intent("slow", 2))
    log = spool(tmp_path, segment_bytes=300, open_intents=still_open)
    while log.segment == 1:
        log.append(audit())
    log.append(audit("after"))
    assert segments(tmp_path) == [1, 2]
    assert entries(tmp_path, 2) == ([*still_open, audit(), audit("after")], [])
    log.drop_before(2)
    assert segments(tmp_path) == [2]
    log.close()


def test_a_segment_that_exists_is_never_written_to(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(Exception, match="cannot write"):
        spool(tmp_path)
    assert entries(tmp_path)[0] == WRITTEN


def test_an_entry_beyond_the_limit_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    log = spool(tmp_path)
    with pytest.raises(EntryTooLarge):
        log.append(audit("x" * ENTRY_LIMIT))
    log.append(audit())
    assert entries(tmp_path) == ([audit()], [])
    log.close()


def test_a_mapped_segment_reads_back_while_it_is_written_and_gives_back_its_spare_space(tmp_path: Path) -> None:
    log = spool(tmp_path, segment_bytes=8 << 20)
    path = segment_path(tmp_path, 1)
    ends_in_zero = [audit("e" * 4000 + "\0") for _ in range(1200)]
    for entry in ends_in_zero:
        log.append(entry)
    assert path.stat().st_size > log.offset > 4 << 20
    assert entries(tmp_path) == (ends_in_zero, [])
    end = log.offset
    log.close()
    assert path.stat().st_size == end
    assert entries(tmp_path) == (ends_in_zero, [])


FULL = """
import resource, sys
from pathlib import Path
from fairlead.core.record import Audit
from fairlead.store.spool import Spool, SpoolFailed

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
log = Spool(Path(sys.argv[1]), 1, lambda: ())
written = refused = 0
while refused < 3:
    try:
        log.append(Audit(written, "kind", "k", "t", "r", "x" * 60))
        written += 1
    except SpoolFailed:
        refused += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
for _ in range(3):
    log.append(Audit(written, "kind", "k", "t", "r", "again"))
    written += 1
print(written)
"""


def test_a_full_disk_refuses_entries_tears_none_and_recovers(tmp_path: Path) -> None:  # FAULTS 34
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    found, damaged = entries(tmp_path)
    assert [entry.at_ms for entry in found if not isinstance(entry, Intent)] == list(range(int(done.stdout)))
    assert len(found) > 6
    assert damaged == []
