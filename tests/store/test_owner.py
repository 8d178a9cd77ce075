from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fairlead.errors import StateError
from fairlead.store.owner import LOCK_FILE, Owner, is_owned
from tests.store.conftest import Sealing


def test_a_second_owner_is_refused_and_told_who_the_first_one_is(tmp_path: Path) -> None:
    with Owner.acquire(tmp_path / "state"):
        with pytest.raises(StateError, match=rf"process {os.getpid()}; stop that process"):
            Owner.acquire(tmp_path / "state")


def test_the_directory_is_for_its_user_alone(tmp_path: Path) -> None:
    with Owner.acquire(tmp_path / "a" / "state") as owner:
        assert stat.S_IMODE(owner.state_dir.stat().st_mode) == 0o700


def test_is_owned_follows_the_owner_and_changes_nothing(tmp_path: Path) -> None:
    assert not is_owned(tmp_path)
    assert list(tmp_path.iterdir()) == []
    owner = Owner.acquire(tmp_path)
    assert is_owned(tmp_path)
    owner.release()
    assert not is_owned(tmp_path)
    Owner.acquire(tmp_path).release()


def test_the_death_of_an_owner_frees_the_directory(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from fairlead.store.owner import Owner\n"
        "owner = Owner.acquire(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(StateError, match=str(child.pid)):
            Owner.acquire(tmp_path)
        child.kill()
        child.wait()
    Owner.acquire(tmp_path).release()


def test_a_directory_that_cannot_be_made_is_a_state_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="state_dir"):
        Owner.acquire(tmp_path / "file" / "state")


def test_a_directory_of_somebody_else_cannot_be_looked_at(folder: Path, sealed: Sealing) -> None:
    """Its lock file may be read by all, by its owner only, or be missing; a living owner is seen where it may be."""
    with sealed():
        assert not is_owned(folder)
    with Owner.acquire(folder):
        (folder / LOCK_FILE).chmod(0o444)
        with sealed():
            assert is_owned(folder)
    (folder / LOCK_FILE).chmod(0)
    with sealed():
        assert not is_owned(folder)


def test_a_path_that_leads_through_a_file_is_taken_for_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not is_owned(tmp_path / "file")
    with pytest.raises(StateError, match=r"it is not a directory; name one .*--state-dir"):
        Owner.acquire(tmp_path / "file")


def test_a_directory_that_cannot_be_written_to_is_no_state_error(folder: Path, sealed: Sealing) -> None:
    with sealed():
        for used in (folder, folder / "new"):
            with pytest.raises(StateError, match=r"Permission denied; name one .*--state-dir"):
                Owner.acquire(used)
