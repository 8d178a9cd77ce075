"""Names with several addresses, addresses that are dead, name services that falter."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from time import monotonic

import pytest

from fairlead.gateway import addresses as module
from fairlead.gateway.addresses import Address, Addresses
from fairlead.providers.wire import UpstreamBroken
from tests.gateway.reaching import black_hole, endpoint, named, on_both_loops, refusing, sending
from tests.server.serving import soon
from tests.upstream import completion, scripted


def four(*hosts: str, port: int) -> list[Address]:
    return [(socket.AF_INET, (host, port)) for host in hosts]


class Service:
    """A name service that answers from a list, one line a question; a line may be an error or never come."""

    def __init__(self, *lines: Sequence[Address] | OSError | None) -> None:
        self.lines = list(lines)
        self.asked: list[str] = []

    async def look_up(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        line = self.lines.pop(0)
        if line is None:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        if isinstance(line, OSError):
            raise line
        assert line is not None
        return line


def asking(*lines: Sequence[Address] | OSError | None) -> tuple[Addresses, Service]:
    service = Service(*lines)
    return Addresses(asyncio.get_running_loop(), service.look_up), service


NO_NAME = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


# ---- which address


@pytest.mark.parametrize("host", ["::1", "localhost"])
@on_both_loops
async def test_a_provider_may_have_an_address_of_six_or_a_name(host: str) -> None:
    async with (
        scripted("::1" if host == "::1" else "127.0.0.1") as upstream,
        sending(endpoint(upstream.port, host)) as one,
    ):
        assert await one.ask() == completion()


@on_both_loops
async def test_the_next_address_is_tried_at_once_when_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STAGGER", 30.0)
    async with scripted("127.0.0.3") as upstream:
        async with sending(
            endpoint(upstream.port, "provider.test"), named("127.0.0.1", "127.0.0.2", "127.0.0.3")
        ) as one:
            began = monotonic()
            assert await one.ask() == completion()
            assert monotonic() - began < 20


@on_both_loops
async def test_the_next_address_is_tried_soon_when_one_is_silent_and_the_silent_one_is_let_go() -> None:
    async with black_hole() as port, scripted("127.0.0.2", port) as upstream:
        async with sending(
            endpoint(port, "provider.test", connect_timeout=40.0), named("127.0.0.1", "127.0.0.2")
        ) as one:
            began = monotonic()
            assert await one.ask() == completion()
            assert 0.2 < monotonic() - began < 20
            assert len(upstream.calls) == 1
            await soon(lambda: len(asyncio.all_tasks()) == 1)


@on_both_loops
async def test_of_two_that_connect_one_is_used_and_the_other_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STAGGER", 0.0)
    async with scripted("127.0.0.1") as first, scripted("127.0.0.2", first.port) as second:
        async with sending(endpoint(first.port, "provider.test"), named("127.0.0.1", "127.0.0.2")) as one:
            for _ in range(5):
                assert await one.ask() == completion()
            await soon(lambda: len(first.connections) + len(second.connections) == 1)
            assert len(first.calls) + len(second.calls) == 5


@on_both_loops
async def test_an_address_that_failed_comes_last_for_a_while() -> None:
    async with scripted("127.0.0.2") as upstream:
        found = named("127.0.0.1", "127.0.0.2")
        async with sending(endpoint(upstream.port, "provider.test"), found) as one:
            assert await one.ask() == completion()
            known = await found.find("provider.test", upstream.port)
            assert [where[0] for _, where in found._in_order(known)] == ["127.0.0.2", "127.0.0.1"]
            found._dead = {address: until - module.DEAD_SECONDS - 1 for address, until in found._dead.items()}
            assert [where[0] for _, where in found._in_order(known)] == ["127.0.0.1", "127.0.0.2"]


async def test_both_families_have_their_turn_beginning_with_the_one_the_system_prefers() -> None:
    found = named("::1", "::2", "::3", "127.0.0.1")
    known = await found.find("provider.test", 80)
    assert [where[0] for _, where in found._in_order(known)] == ["::1", "127.0.0.1", "::2", "::3"]


@on_both_loops
async def test_a_name_none_of_whose_addresses_answers_is_a_failure_to_connect() -> None:
    async with sending(endpoint(refusing(), "provider.test"), named("127.0.0.1", "127.0.0.2")) as one:
        with pytest.raises(UpstreamBroken, match="refused") as broken:
            await one.send()
        assert broken.value.reason == "connect"


async def test_the_dead_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DEAD", 3)
    found = named("127.0.0.1")
    for port in range(9):
        found._bury((socket.AF_INET, ("127.0.0.1", port)))
    assert len(found._dead) == 3


# ---- which name


@pytest.mark.parametrize("host", ["nobody.test", "a" * 70 + ".test", "fe80::1%nothing"])
@on_both_loops
async def test_a_name_that_has_no_address_is_a_failure_to_connect(host: str) -> None:
    own = named() if host == "nobody.test" else None
    async with sending(endpoint(80, host), own) as one:
        with pytest.raises(UpstreamBroken) as broken:
            await one.send()
        assert broken.value.reason == "connect"


async def test_a_name_is_asked_for_once_for_all_and_again_after_a_while() -> None:
    found, service = asking(four("127.0.0.1", port=1), four("127.0.0.2", port=1))
    answers = await asyncio.gather(*(found.find("p.test", 1) for _ in range(20)))
    assert {answer[0][1] for answer in answers} == {("127.0.0.1", 1)}
    await found.find("p.test", 1)
    assert len(service.asked) == 1
    _age(found, module.FRESH + 1)
    assert (await found.find("p.test", 1))[0][1] == ("127.0.0.2", 1)
    assert len(service.asked) == 2


@pytest.mark.parametrize("silent", [True, False])
async def test_a_name_service_that_falters_stops_no_traffic(silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    found, service = asking(four("127.0.0.1", port=1), None if silent else NO_NAME)
    before = await found.find("p.test", 1)
    _age(found, module.FRESH + 1)
    assert await found.find("p.test", 1) == before
    assert len(service.asked) == 2
    found.close()


async def test_an_old_answer_is_not_used_for_ever() -> None:
    found, _ = asking(four("127.0.0.1", port=1), NO_NAME)
    await found.find("p.test", 1)
    _age(found, module.STALE + 1)
    with pytest.raises(OSError, match="Temporary failure"):
        await found.find("p.test", 1)


async def test_a_failure_is_not_remembered() -> None:
    found, _ = asking(NO_NAME, [], four("127.0.0.1", port=1))
    with pytest.raises(OSError, match="Temporary failure"):
        await found.find("p.test", 1)
    with pytest.raises(OSError, match="no address"):
        await found.find("p.test", 1)
    assert await found.find("p.test", 1)


async def test_one_who_leaves_does_not_take_the_question_from_the_others() -> None:
    found, service = asking(four("127.0.0.1", port=1))
    first, second = (asyncio.create_task(found.find("p.test", 1)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second)[0][1] == ("127.0.0.1", 1)
    assert len(service.asked) == 1


def _age(found: Addresses, seconds: float) -> None:
    found._found = {key: module.Found(entry.addresses, entry.at - seconds) for key, entry in found._found.items()}
