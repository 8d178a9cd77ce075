"""The chain of administrative acts: whatever is done to its rows later is found, at the first row it was done to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.core.grants import Grant
from fairlead.store import audit_chain
from fairlead.store.audit_chain import Act, Asked, Head
from fairlead.store.keys import FILE, HEAD, IssuedKey, NameTaken, Register

OPENED = "DROP TRIGGER acts_stay; DROP TRIGGER acts_hold;"


def filled(folder: Path, rows: int = 6) -> Head:
    register = Register(folder)
    for number in range(rows):
        head = register.note(Act("did", "boss", "acme", f"thing {number}", "so"))
    register.close()
    return head


def tamper(folder: Path, sql: str) -> None:
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.executescript(OPENED + sql)


def verdict(folder: Path, *heads: Head) -> audit_chain.Checked:
    register = Register(folder)
    try:
        return register.verify(heads)
    finally:
        register.close()


DONE = {
    "a row is changed": ("UPDATE acts SET detail = 'otherwise' WHERE seq = 3", 3),
    "an actor is changed": ("UPDATE acts SET actor = 'nobody' WHERE seq = 4", 4),
    "a time is changed": ("UPDATE acts SET at_ms = at_ms + 1 WHERE seq = 1", 1),
    "a row is taken out": ("DELETE FROM acts WHERE seq = 2", 2),
    "the first row is taken out": ("DELETE FROM acts WHERE seq = 1", 1),
    "two rows change places": (
        "UPDATE acts SET seq = 99 WHERE seq = 2; UPDATE acts SET seq = 2 WHERE seq = 3; UPDATE acts SET seq = 3 WHERE seq = 99",
        2,
    ),
    "a row is put in": (
        "UPDATE acts SET seq = 7 WHERE seq = 6; INSERT INTO acts SELECT 6, at_ms, kind, actor, tenant, subject, detail, "
        "previous, hash FROM acts WHERE seq = 5",
        6,
    ),
    "a row is put in place of another": (
        "DELETE FROM acts WHERE seq = 4; UPDATE acts SET seq = seq - 1 WHERE seq > 4",
        4,
    ),
    "the tail is cut": ("DELETE FROM acts WHERE seq > 4", 5),
    "all is cut": ("DELETE FROM acts", 1),
}


@pytest.mark.parametrize("what", DONE)
def test_what_is_done_to_rows_goes_unseen(tmp_path: Path, what: str) -> None:  # M8.1
    sql, row = DONE[what]
    filled(tmp_path)
    assert verdict(tmp_path).broken is None
    tamper(tmp_path, sql)
    found = verdict(tmp_path)
    assert (found.broken, bool(found.why)) == (row, True)


def test_rows_can_be_changed_in_the_ordinary_way(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        for sql in ("DELETE FROM acts WHERE seq = 6", "UPDATE acts SET detail = '' WHERE seq = 6"):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(sql)


def test_a_tail_cut_with_the_head_beside_it_goes_unseen_by_a_head_kept_elsewhere(tmp_path: Path) -> None:
    head = filled(tmp_path)
    tamper(tmp_path, "DELETE FROM acts WHERE seq > 4")
    (tmp_path / HEAD).unlink()
    assert verdict(tmp_path).broken is None
    found = verdict(tmp_path, Head(head.seq, head.hash, "the ledger"))
    assert (found.broken, found.why) == (5, "the chain ends with row 4; the ledger tells of row 6")


def test_a_chain_computed_anew_passes_for_the_old_one(tmp_path: Path) -> None:
    head = filled(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / HEAD).unlink()
    register = Register(tmp_path)
    for _ in range(6):
        register.note(Act("did", "boss", "acme", "something else", "so"))
    register.close()
    assert verdict(tmp_path).broken is None
    assert verdict(tmp_path, Head(head.seq, head.hash, "the ledger")).broken == 6


@pytest.mark.parametrize("done", ["DELETE FROM acts WHERE seq > 4", "DELETE FROM acts"])
def test_going_on_behind_a_cut_covers_it(tmp_path: Path, done: str) -> None:
    head = filled(tmp_path)
    tamper(tmp_path, done)
    register = Register(tmp_path)
    register.note(Act("did", "boss", "acme", "the next thing"))
    register.close()
    found = verdict(tmp_path)
    assert found.broken is None
    assert len(found.found) == 1
    assert f"row {head.seq} with hash {head.hash}" in found.found[0]


def test_the_database_is_gone_and_nobody_notices(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / FILE).unlink()
    assert verdict(tmp_path).broken == 1
    (tmp_path / HEAD).write_bytes(b"?")
    assert "damaged" in verdict(tmp_path).why


def test_nothing_was_done_yet_and_that_is_wrong(tmp_path: Path) -> None:
    found = verdict(tmp_path)
    assert (found.rows, found.broken) == (0, None)
    assert not (tmp_path / FILE).exists()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=5))
def test_words_that_cannot_be_written_break_the_chain(words: list[tuple[str, str]]) -> None:
    register = Register(None)
    for subject, detail in [*words, ("\ud800", "a\0b")]:
        register.note(Act("did", "boss", "", subject, detail))
    found = register.verify()
    register.close()
    assert (found.rows, found.broken) == (len(words) + 1, None)


HOSTILE = ["%", "_", "' OR 1=1 --", "'; DROP TABLE acts; --", "\\", "*", "a%c", "?1"]


@pytest.mark.parametrize("field", ["search", "kind", "actor", "tenant"])
def test_what_is_searched_for_means_more_than_itself(field: str) -> None:  # FAULTS 56
    register = Register(None)
    register.note(Act("did", "boss", "acme", "abc", "plain"))
    for text in HOSTILE:
        asked = {"search": "", field: text}
        assert register.acts(Asked(**asked)) == [], text  # type: ignore[arg-type]
    for text in HOSTILE:
        register.note(Act(text, text, text, "odd"))
    for text in HOSTILE:
        found = register.acts(Asked(**{"search": "", field: text}))  # type: ignore[arg-type]
        assert found
        assert all(text in (row.kind, row.actor, row.tenant) or text in row.kind for row in found)
    assert register.verify().rows == len(HOSTILE) + 1
    register.close()


def test_pages_repeat_rows_or_leave_some_out() -> None:
    register = Register(None)
    for number in range(25):
        register.note(Act("even" if number % 2 == 0 else "odd", "boss", "", str(number)))
    seen: list[int] = []
    before: int | None = None
    while page := register.acts(Asked(before, 10)):
        seen += [row.seq for row in page]
        before = page[-1].seq
    assert seen == list(range(25, 0, -1))
    assert [row.subject for row in register.acts(Asked(limit=3, kind="odd"))] == ["23", "21", "19"]
    register.close()


def key(key_id: str, name: str = "one") -> IssuedKey:
    return IssuedKey(key_id, Grant(name), key_id.encode().ljust(32), "fl_abcdef", 1, "boss")


def failing(register: Register) -> Callable[[], object]:
    return lambda: register.put(key("key_2"), Act("key_issued", "boss", "default", "one"))


def test_an_act_is_told_that_was_not_done_or_done_and_not_told(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.put(key("key_1"), Act("key_issued", "boss", "default", "one"))
    with pytest.raises(NameTaken):
        failing(register)()
    assert [one.id for one in register.issued()] == ["key_1"]
    assert len(register.acts(Asked())) == 1
    register.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON acts BEGIN SELECT RAISE(FAIL, 'disk full'); END")
        connection.commit()
    register = Register(tmp_path)
    with pytest.raises(sqlite3.Error):
        register.put(key("key_3", "two"), Act("key_issued", "boss", "default", "two"))
    assert [one.id for one in register.issued()] == ["key_1"]
    register.close()


def test_others_may_read_the_register(tmp_path: Path) -> None:
    filled(tmp_path)
    assert {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {FILE: 0, HEAD: 0}


BY_HAND = {
    "another key's row under a new id": (
        "INSERT INTO keys SELECT 'key_9', tenant, 'three', content FROM keys WHERE id = 'key_1'",
        {"key_9": "no row of the audit log tells of it"},
    ),
    "a row is changed": ("UPDATE keys SET content = (SELECT content FROM keys WHERE id = 'key_2') WHERE id = 'key_1'",
        {"key_1": "it does not stand as the audit log tells"}),
    "a row is given to another tenant": ("UPDATE keys SET tenant = 'x' WHERE id = 'key_1'",
        {"key_1": "it does not stand as the audit log tells"}),
    "a row is taken out": ("DELETE FROM keys WHERE id = 'key_1'",
        {"key_1": "it is gone, and no row of the audit log tells of that"}),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_a_key_that_was_written_by_hand_goes_unseen(tmp_path: Path, name: str) -> None:  # M8.1
    register = Register(tmp_path)
    for key_id, called in (("key_1", "one"), ("key_2", "two"), ("key_3", "gone")):
        register.put(key(key_id, called), Act("key_issued", "boss", "default", f"{called} ({key_id})", "x" * 3_000))
    register.put(key("key_2", "two"), Act("key_changed", "boss", "default", "two (key_2)", "name"))
    register.remove("key_3", Act("key_deleted", "boss", "default", "gone (key_3)"))
    assert (register.unbound(), register.verify().found) == ({}, ())
    assert register.told().grantors == {called: frozenset({"boss"}) for called in ("one", "two", "gone")}
    register.close()
    sql, expected = BY_HAND[name]
    tamper(tmp_path, sql)
    register = Register(tmp_path)
    assert register.unbound() == expected
    assert register.verify().found == tuple(f"key {key_id}: {why}" for key_id, why in expected.items())
    register.close()
