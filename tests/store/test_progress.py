"""Work on a large ledger says how far it has come."""

from __future__ import annotations

import logging

import pytest

from fairlead.store import migrations, progress, tally
from fairlead.store.verification import verify
from tests.store.test_rollups import BEGIN, books, one

RECORDS = [one(n, BEGIN + n * 7_000_000, (1, 0, 2, 1, True)) for n in range(25)]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "STEP", 10)


def test_a_ledger_is_verified_or_added_up_without_a_word() -> None:
    told: list[tuple[int, int]] = []
    with books(*RECORDS) as made:
        verify(made.connection, lambda *words: told.append(words))
        assert told == [(n, 50) for n in (0, 10, 20, 25, 30, 40, 50)]
        told.clear()
        made.rebuild(lambda *words: told.append(words))
        assert told == [(n, 25) for n in (0, 10, 20, 25)]


def test_an_earlier_versions_ledger_is_brought_up_to_date_without_a_word(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "fairlead.ledger")
    with books(*RECORDS) as made:
        assert caplog.messages == [], "a new one is none of an earlier version"
        monkeypatch.setattr(progress, "EVERY", 0.0)
        tally.rebuild(made.connection, progress.logged(migrations.ADDING_UP))
        monkeypatch.setattr(migrations, "MIGRATIONS", [*migrations.MIGRATIONS, lambda connection: None])
        migrations.migrate(made.connection, "ledger.db")
    assert caplog.messages == [
        *(f"{migrations.ADDING_UP}: {n} of 25" for n in (0, 10, 20, 25)),
        "ledger.db was written by an earlier fairlead and is brought up to date, before anything else",
    ]
