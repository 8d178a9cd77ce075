"""An answer in pieces: what is written together, and when the head leaves."""

from __future__ import annotations

import pytest

from fairlead.server.exchange import Exchange
from fairlead.server.turns import OF_A_STREAM


class House:
    closing = False
    date = b"Date: today\r\n"

    def __init__(self) -> None:
        self.statuses = [0] * 600


class Line:
    """Notes what is written, and how."""

    peer = ""
    known: object = None
    choked = False
    share = 0

    def __init__(self) -> None:
        self.listener = House()
        self.wrote: list[tuple[str, bytes]] = []

    def write(self, data: bytes) -> None:
        self.wrote.append(("written", data))

    def hurry(self, data: bytes) -> None:
        self.wrote.append(("hurried", data))

    async def drain(self) -> None: ...

    def answered(self, last: bytes, keep_alive: bool) -> None:
        if last:
            self.write(last)

    def drop(self) -> None: ...

    def hang_up(self, rst: bool) -> None: ...


HEAD = b"HTTP/1.1 200 OK\r\nDate: today\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_the_first_token_does_not_cost_a_second_write_behind_the_head() -> None:
    line = Line()
    exchange = Exchange(line, 0.0)
    exchange.start(200, b"A: b\r\n")
    exchange.put(b"")
    assert exchange.started
    assert line.wrote == []
    exchange.put(b"one")
    exchange.put(b"two")
    exchange.end()
    assert line.wrote == [
        ("hurried", HEAD + b"3\r\none\r\n"),
        ("written", b"3\r\ntwo\r\n"),
        ("written", b"0\r\n\r\n"),
    ]


@pytest.mark.parametrize(("last", "body"), [(b"", b"0\r\n\r\n"), (b"all", b"3\r\nall\r\n0\r\n\r\n")])
def test_an_answer_that_ends_with_its_first_piece_or_without_one_has_a_head(last: bytes, body: bytes) -> None:
    line = Line()
    exchange = Exchange(line, 0.0)
    exchange.start(200, b"A: b\r\n")
    exchange.end(last)
    assert line.wrote == [("written", HEAD + body)]


def test_a_head_can_leave_before_there_is_a_piece_and_leaves_once() -> None:
    line = Line()
    exchange = Exchange(line, 0.0)
    exchange.start(200, b"A: b\r\n", length=3)
    exchange.put_head()
    exchange.put(b"all")
    exchange.end()
    assert b"".join(data for _, data in line.wrote) == (
        b"HTTP/1.1 200 OK\r\nDate: today\r\nA: b\r\nContent-Length: 3\r\n\r\nall"
    )
    assert len(line.wrote) == 2


def test_who_has_had_a_stream_is_looked_at_again_to_know_what_he_takes() -> None:
    line = Line()
    Exchange(line, 0.0).start(200, b"")
    assert line.share == OF_A_STREAM
    Exchange(line, 0.0).send(200, b"", b"{}")
    assert line.share == 1
