"""A price list that is asked while the server runs: what it says next decides next, and stays after a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairlead.server.market import Prices
from fairlead.store.reports import open_ledger
from fairlead.store.verification import verify
from tests.server.reloading import following

CHEAP, DEAR = {"input": 0.1, "output": 0.1}, {"input": 9, "output": 9}


class Lists:
    """Serves one document, whatever is asked."""

    def __init__(self) -> None:
        self.document: object = {}
        self.raw = b""
        """What is sent in its place."""
        self.asked = 0

    def say(self, **prices: dict[str, float]) -> None:
        self.document = {"models": {name.replace("_", "-"): price for name, price in prices.items()}}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.raw or said(json.dumps(self.document).encode()))
        await writer.drain()
        writer.close()
        self.asked += 1


def said(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)


@asynccontextmanager
async def lists() -> AsyncIterator[tuple[Lists, str]]:
    serving = Lists()
    server = await asyncio.start_server(serving.answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield serving, f"http://127.0.0.1:{port}/prices.json"


def sections(url: str) -> dict[str, str]:
    return {
        "extra_model": "  poll-a: {channels: [{provider: one}], quality: 0.8}\n"
        "  poll-b: {channels: [{provider: two}], quality: 0.8}\n",
        "extra_policy": "  frugal: {strategy: cost_first, models: [poll-a, poll-b]}\n",
        "more": f"keys: [{{name: test, key: fl_test}}]\nprices: {{sources: [{{url: '{url}', every: 1}}]}}\n",
    }


async def chosen(server: object) -> str:
    response = await server.chat({"x-fairlead-policy": "frugal"}, model="auto")  # type: ignore[attr-defined]
    assert response.status == 200
    return str(response.headers["x-fairlead-model"])


async def until_chosen(server: object, model: str) -> None:
    async with asyncio.timeout(20):
        while await chosen(server) != model:
            await asyncio.sleep(0.1)


async def test_a_served_price_changes_and_the_next_decision_stays(tmp_path: Path) -> None:  # M3.6 M6.2
    async with lists() as (serving, url):
        serving.say(poll_a=DEAR, poll_b=CHEAP)
        async with following(tmp_path, **sections(url)) as server:
            await until_chosen(server, "poll-b")
            serving.say(poll_a=CHEAP, poll_b=DEAR)
            await until_chosen(server, "poll-a")
            serving.say(poll_a=CHEAP, poll_b={"input": 0.0001, "output": 0.0001})
            asked = serving.asked
            async with asyncio.timeout(20):
                while serving.asked < asked + 3:
                    await asyncio.sleep(0.1)
            assert await chosen(server) == "poll-a"
            kinds = [kind for kind, _ in await server.audits()]
            assert kinds.count("price_changed") == 4
            assert kinds.count("price_refused") == 1
            records = await server.records()
        async with following(tmp_path, **sections(f"{url}/gone")) as server:
            assert await chosen(server) == "poll-a"
            priced = server.running.runtime.world.snapshot.models["poll-b"].channels[0].prices
            assert [row.rates.input for row in priced] == [100_000_000, 9_000_000_000], (
                "what was asked before the restart is forgotten"
            )
    assert len({record.attempts[0].price_row for record in records if record.attempts[0].price_row}) >= 2
    connection = open_ledger(tmp_path / "s" / "ledger.db")
    found = verify(connection)
    connection.close()
    assert (found.told, found.worked_out > 0) == ([], True)


async def test_a_served_exchange_rate_changes_and_the_next_decision_stays(tmp_path: Path) -> None:  # M6.2
    """Eight yuan are more than a dollar, until they are worth less."""
    models = (
        "  poll-a: {channels: [{provider: one}], quality: 0.8, price: {currency: CNY, input: 8, output: 8}}\n"
        "  poll-b: {channels: [{provider: two}], quality: 0.8, price: {input: 1, output: 1}}\n"
    )
    async with lists() as (serving, url):
        serving.document = {"source": "our bank", "rates": []}
        given = {**sections(url), "extra_model": models}
        given["more"] = f"keys: [{{name: test, key: fl_test}}]\nexchange: {{url: '{url}', every: 1}}\n"
        async with following(tmp_path, **given) as server:
            await until_chosen(server, "poll-b")
            today = datetime.now(UTC).date().isoformat()
            serving.document = {"source": "our bank", "rates": [["CNY", today, "9", "1"]]}
            await until_chosen(server, "poll-a")
            before, after = (await server.records())[0], (await server.records())[-1]
        async with following(tmp_path, **{**given, "more": "keys: [{name: test, key: fl_test}]\n"}) as server:
            assert await chosen(server) == "poll-a", "what was asked before the restart is forgotten"
    assert (before.model, after.model) == ("poll-b", "poll-a")
    (attempt,) = after.attempts
    assert (attempt.currency, attempt.cost) == ("CNY", 18 * 8_000)
    assert attempt.usd == 18 * 8_000 // 9


async def test_a_source_that_is_gone_or_odd_stops_the_server_or_its_prices(tmp_path: Path) -> None:
    async with lists() as (serving, url):
        serving.document = ["no", "list"]
        async with following(tmp_path, **sections(url)) as server:
            async with asyncio.timeout(20):
                while "prices_unread" not in [kind for kind, _ in await server.audits()]:
                    await asyncio.sleep(0.1)
            serving.say(poll_a=CHEAP)
            await until_chosen(server, "poll-a")


ODD = {
    "no status": b"nonsense\r\n\r\n",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "depths": said(b'{"models":' + b"[" * 100_000),
    "a name that is no text": said(b'{"models": {"\\ud800": {"input": "x"}}}'),
    "a price beyond all": said(b'{"models": {"poll-a": {"input": 1e999999, "output": NaN}}}'),
}


@pytest.mark.parametrize("what", ODD)
async def test_an_answer_that_is_none_ends_the_asking_for_good(tmp_path: Path, what: str) -> None:  # M6.2
    async with lists() as (serving, url):
        serving.raw = ODD[what]
        async with following(tmp_path, **sections(url)) as server:
            async with asyncio.timeout(20):
                while "prices_unread" not in [kind for kind, _ in await server.audits()]:
                    await asyncio.sleep(0.1)
            serving.raw = b""
            serving.say(poll_a=CHEAP)
            await until_chosen(server, "poll-a")


async def test_nothing_is_asked_unless_it_is_set(tmp_path: Path) -> None:
    async with following(tmp_path) as server:
        assert isinstance(server.running.prices, Prices)
        assert server.running.prices._tasks == []
