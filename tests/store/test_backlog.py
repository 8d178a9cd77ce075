from __future__ import annotations

import logging

import pytest

from fairlead.store.backlog import KEPT, Backlog
from tests.store.entries import AT, attempt, audit, record


def test_records_are_all_kept_and_audits_only_so_many() -> None:
    backlog = Backlog()
    for number in range(KEPT + 7):
        backlog.keep_audit(audit(str(number)))
    backlog.keep(record("r1", attempt("r1")))
    for _ in range(5_000):
        backlog.count()
    assert len(backlog.entries) == KEPT + 1
    assert backlog.find("r1") == record("r1", attempt("r1"))
    assert backlog.find("r2") is None
    told = backlog.summary(AT)
    assert (told.at_ms, told.kind) == (AT, "unwritable")
    assert told.detail == "5000 requests were refused without a record of each, 7 audits were left out"


def test_the_log_tells_of_the_beginning_and_the_end_of_each_time(caplog: pytest.LogCaptureFixture) -> None:
    backlog = Backlog()
    caplog.set_level(logging.INFO)
    for requests in (3, 0):
        for _ in range(100):
            backlog.fail(OSError("full"))
        for _ in range(requests):
            backlog.count()
        backlog.end()
    assert [line.message for line in caplog.records] == [
        "the ledger refuses new attempts: full",
        "the ledger takes new attempts again; 3 requests were refused without a record of each",
        "the ledger refuses new attempts: full",
        "the ledger takes new attempts again; 0 requests were refused without a record of each",
    ]
