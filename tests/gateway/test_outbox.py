"""Writes of one turn go out together, in order, and none is forgotten."""

from __future__ import annotations

import asyncio

from fairlead.gateway.outbox import MOST, MOST_BYTES, Outbox


class Wire(asyncio.Transport):
    def __init__(self, name: str, sent: list[tuple[str, bytes]]) -> None:
        super().__init__()
        self.name = name
        self.sent = sent
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.sent.append((self.name, bytes(data)))

    def is_closing(self) -> bool:
        return self.closed


def made(*names: str) -> tuple[Outbox, list[tuple[str, bytes]], list[Wire]]:
    sent: list[tuple[str, bytes]] = []
    return Outbox(asyncio.get_running_loop()), sent, [Wire(name, sent) for name in names]


async def test_who_is_alone_does_not_wait() -> None:
    outbox, sent, (one,) = made("one")
    for _ in range(3):
        outbox.expected += 1
        outbox.write(one, b"x")
    outbox.write(one, b"unasked")
    assert [data for _, data in sent] == [b"x", b"x", b"x", b"unasked"]


async def test_writes_wait_for_the_one_behind_the_last_read_and_keep_their_order() -> None:
    outbox, sent, (one, two) = made("one", "two")
    outbox.expected = 3
    outbox.write(one, b"1")
    outbox.write(two, b"2")
    assert sent == []
    outbox.write(one, b"3")
    assert sent == [("one", b"1"), ("two", b"2"), ("one", b"3")]


async def test_a_write_goes_out_at_the_end_of_the_turn_though_another_read_leads_to_none() -> None:
    outbox, sent, (one,) = made("one")
    outbox.expected = 5
    outbox.write(one, b"1")
    assert sent == []
    await asyncio.sleep(0)
    assert sent == [("one", b"1")]
    outbox.expected += 1
    outbox.write(one, b"2")
    assert sent[-1] == ("one", b"2"), "what was read for nothing must not hold up whoever is alone for good"


async def test_not_more_is_held_than_is_worth_waiting_for() -> None:
    outbox, sent, (one,) = made("one")
    outbox.expected = 10 * MOST
    for _ in range(MOST):
        outbox.write(one, b"x")
    assert len(sent) == MOST
    outbox.write(one, b"x" * MOST_BYTES)
    assert len(sent) == MOST + 1


async def test_what_is_held_for_a_connection_that_broke_meanwhile_keeps_nothing_from_the_others() -> None:
    outbox, sent, (one, two) = made("one", "two")
    outbox.expected = 3
    outbox.write(one, b"1")
    outbox.write(two, b"2")
    one.closed = True
    outbox.flush()
    assert sent == [("two", b"2")]


async def test_what_hurries_does_not_wait_for_others_nor_pass_what_was_written_before() -> None:
    outbox, sent, (one, two, three) = made("one", "two", "three")
    outbox.expected = 9
    outbox.write(one, b"1")
    outbox.write(two, b"2")
    outbox.hurry(three, b"3")
    assert sent == [("three", b"3")]
    outbox.hurry(one, b"4")
    assert sent == [("three", b"3"), ("one", b"1"), ("two", b"2"), ("one", b"4")]
    assert outbox.expected == 5
