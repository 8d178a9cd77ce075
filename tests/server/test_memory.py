"""What the process takes and may take, as the system tells it."""

from __future__ import annotations

from pathlib import Path

from fairlead.server import memory


def test_a_containers_limit_is_overlooked(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (groups / "outer" / "inner").mkdir(parents=True)
    proc.mkdir()
    (proc / "cgroup").write_text("0::/outer/inner\n")
    (groups / "outer" / "memory.max").write_text("4096000\n")
    (groups / "outer" / "inner" / "memory.max").write_text("max\n")
    assert memory.limit(proc, groups) == 4096000
    (groups / "memory").mkdir()
    (groups / "memory" / "memory.limit_in_bytes").write_text("2048000\n")
    (proc / "cgroup").write_text("11:cpu,cpuacct:/x\n9:memory:/not/seen/from/here\n")
    assert memory.limit(proc, groups) == 2048000
    machine = memory.limit(tmp_path, tmp_path)
    assert machine is None or machine > 10**8


def test_what_the_process_takes_is_not_its_memory() -> None:
    taken = memory.taken()
    assert taken is None or 10**6 < taken < 10**11
    assert memory.taken(Path("/nowhere")) is None
