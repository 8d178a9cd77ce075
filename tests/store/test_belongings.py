"""Whose an id is outlives the process, and nobody's ids take more room than they may."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.core.call import Caller
from fairlead.core.egress import SinkPermit, grant_sink
from fairlead.store import belongings
from fairlead.store.belongings import Belongings
from fairlead.store.shelf import Shelf
from tests.core.scenes import call


def permit(tenant: str = "a") -> SinkPermit:
    return grant_sink(call(caller=Caller("k", tenant)), "belongings", local=True)


def whose(kept: Belongings, name: str) -> tuple[str, str] | None:
    found = kept.find(name)
    return None if found is None else (found.tenant, found.channel)


async def reopened(folder: Path) -> Belongings:
    kept = Belongings(folder)
    await kept.open()
    return kept


async def test_an_id_is_nobodys_after_a_restart(tmp_path: Path) -> None:
    first = await reopened(tmp_path)
    assert not list(tmp_path.iterdir()), "a file is made for nothing"
    first.bind(permit("a"), ["x", "y"], "m@one")
    first.bind(permit("b"), ["x", "z"], "m@two")
    assert [whose(first, name) for name in "xyz"] == [("a", "m@one"), ("a", "m@one"), ("b", "m@two")]
    await first.close()
    second = await reopened(tmp_path)
    assert [whose(second, name) for name in "xyz"] == [("a", "m@one"), ("a", "m@one"), ("b", "m@two")]
    second.bind(permit("a"), ["y"], "n@two")
    await second.close()
    third = await reopened(tmp_path)
    assert whose(third, "y") == ("a", "n@two")
    await third.close()


async def test_an_id_is_known_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_900_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    kept = await reopened(tmp_path)
    kept.bind(permit(), ["old"], "m@one")
    now += belongings.KEPT_SECONDS - 1
    kept.bind(permit(), ["new"], "m@one")
    assert whose(kept, "old") is not None
    now += 2
    assert (whose(kept, "old"), whose(kept, "new")) == (None, ("a", "m@one"))
    kept.bind(permit("b"), ["old"], "m@two")
    assert whose(kept, "old") == ("b", "m@two")
    await kept.close()
    again = await reopened(tmp_path)
    assert (whose(again, "old"), len(again.known)) == (("b", "m@two"), 2)
    await again.close()


@pytest.mark.parametrize("folder", [True, False])
async def test_ids_take_more_room_than_they_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool) -> None:
    monkeypatch.setattr(belongings, "MOST_OF_ONE", 3)
    monkeypatch.setattr(belongings, "MOST", 4)
    kept = await reopened(tmp_path) if folder else Belongings(None)
    kept.bind(permit("b"), ["other"], "m@one")
    kept.bind(permit("a"), [str(number) for number in range(5)], "m@one")
    assert [name for name in ("other", *"01234") if kept.find(name)] == ["other", "2", "3", "4"]
    kept.bind(permit("c"), ["third"], "m@one")
    assert [name for name in ("other", "third", *"01234") if kept.find(name)] == ["third", "2", "3", "4"]
    await kept.close()
    if folder:
        again = await reopened(tmp_path)
        assert [name for name in ("other", "third", *"01234") if again.find(name)] == ["third", "2", "3", "4"]
        await again.close()


async def test_a_disk_that_fails_takes_the_answer_with_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / belongings.FILE).mkdir()
    kept = await reopened(tmp_path)
    kept.bind(permit(), ["x"], "m@one")
    assert whose(kept, "x") == ("a", "m@one")
    await kept.close()
    assert "cannot be kept" in caplog.text


async def test_what_is_used_all_the_time_is_written_each_time(tmp_path: Path) -> None:
    kept = await reopened(tmp_path)
    kept.bind(permit(), ["x"], "m@one")
    await kept.close()
    again = await reopened(tmp_path)
    shelf = Shelf(tmp_path, belongings.FILE, "ids")
    assert await shelf.forget("a", "x")
    again.bind(permit(), ["x"], "m@one")
    await again.close()
    assert await shelf.all() == []
    shelf.close()
