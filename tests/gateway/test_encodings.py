"""Answers that come compressed although nobody asked for that."""

from __future__ import annotations

import asyncio
import gzip
import random
import resource
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fairlead.gateway import encodings
from fairlead.gateway.encodings import EncodedReply
from fairlead.providers.wire import UpstreamBroken
from tests.gateway.reaching import Sending, endpoint, sending
from tests.server.serving import serving, soon, within_a_second
from tests.upstream import CUT, HANG, STREAM_HEAD, Play, Upstream, chunk, completion, events, plain, scripted


def raw_deflate(body: bytes) -> bytes:
    squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return squeezer.compress(body) + squeezer.flush()


ENCODERS = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without a head": ("deflate", raw_deflate),
    "identity": ("identity", bytes),
}
FOREIGN = ["br", "zstd", "gzip, gzip", "compress"]


@asynccontextmanager
async def answering(*plays: Play) -> AsyncIterator[tuple[Sending, Upstream]]:
    async with scripted() as upstream, sending(endpoint(upstream.port)) as one:
        upstream.push("one", *plays)
        yield one, upstream


def encoded(body: bytes, encoding: str) -> Play:
    return Play([plain(200, body, f"Content-Encoding: {encoding}\r\n")])


def chunked(encoding: str, *pieces: bytes) -> list[bytes]:
    head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: %b\r\n\r\n" % encoding.encode())
    return [head, *(chunk(piece) for piece in pieces)]


@pytest.mark.parametrize("name", ENCODERS)
async def test_a_compressed_body_is_read_as_it_was(name: str) -> None:
    encoding, encode = ENCODERS[name]
    body = completion("x" * 1000)
    async with answering(encoded(encode(body), encoding)) as (one, upstream):
        assert await one.ask() == body
        assert await one.ask() == completion()
        assert upstream.accepted == 1


@pytest.mark.parametrize("name", ENCODERS)
async def test_a_compressed_body_may_be_cut_anywhere(name: str) -> None:  # FAULTS 8
    encoding, encode = ENCODERS[name]
    body = completion("\u00fc" * 40)
    sent = encode(body)
    bytewise = Play([*chunked(encoding, *(sent[at : at + 1] for at in range(len(sent)))), b"0\r\n\r\n"])
    async with answering(bytewise) as (one, _):
        assert await one.ask() == body


@pytest.mark.parametrize("name", ["gzip", "deflate", "deflate without a head"])
async def test_no_byte_stays_in_the_decoder_where_pieces_end(name: str) -> None:
    encoding, encode = ENCODERS[name]
    sizes = [encodings.PIECE * 2 + more for more in (-259, -2, -1, 0, 1, 2, 100, 257, 258, 259)]
    async with answering(*(encoded(encode(b"x" * size), encoding) for size in sizes)) as (one, _):
        assert [len(await one.ask()) for _ in sizes] == sizes


@pytest.mark.parametrize("name", ["gzip", "deflate", "deflate without a head"])
async def test_a_compressed_stream_is_read_as_it_comes(name: str) -> None:
    wbits = {"gzip": encodings.GZIP, "deflate": zlib.MAX_WBITS}.get(name, -zlib.MAX_WBITS)
    squeezer = zlib.compressobj(wbits=wbits)
    pieces = [squeezer.compress(one) + squeezer.flush(zlib.Z_SYNC_FLUSH) for one in events()]
    async with answering(Play([*chunked(ENCODERS[name][0], *pieces[:2]), HANG])) as (one, _):
        reply = await one.send()
        assert isinstance(reply, EncodedReply)
        told = b""
        async with asyncio.timeout(20):
            while len(told) < len(events()[0] + events()[1]):
                told += await reply.read()
        assert told == events()[0] + events()[1]
        reply.abort()


@pytest.mark.parametrize("encoding", FOREIGN)
@pytest.mark.parametrize("status", [200, 429])
async def test_an_encoding_nobody_asked_for_is_a_failure_of_the_protocol(encoding: str, status: int) -> None:
    play = Play([plain(status, b"\x0b\x02\x80xyz", f"Content-Encoding: {encoding}\r\nRetry-After: 3\r\n")])
    async with answering(play) as (one, _):
        reply = await one.send()
        assert (reply.status, reply.headers[b"retry-after"]) == (status, b"3")
        with pytest.raises(UpstreamBroken, match=f"encoding {encoding}") as broken:
            await reply.body()
        assert broken.value.reason == "protocol"


DAMAGED = {
    "not compressed": (completion(), "damaged"),
    "cut": (gzip.compress(completion())[:-4], "breaks off"),
    "more behind it": (gzip.compress(completion()) + b"more", "goes on"),
    "a wrong sum": (gzip.compress(completion())[:-8] + b"\0" * 8, "damaged"),
}


@pytest.mark.parametrize("name", DAMAGED)
async def test_a_damaged_body_is_never_taken_for_a_whole_one(name: str) -> None:
    body, words = DAMAGED[name]
    async with answering(encoded(body, "gzip")) as (one, _):
        with pytest.raises(UpstreamBroken, match=words):
            await one.ask()


async def test_a_body_that_is_empty_is_empty_however_it_is_encoded() -> None:
    async with answering(encoded(b"", "gzip"), encoded(b"", "br")) as (one, _):
        assert await one.ask() == b""
        assert await one.ask() == b""


def bomb(megabytes: int) -> bytes:
    squeezer = zlib.compressobj(9, wbits=encodings.GZIP)
    made = b"".join(squeezer.compress(bytes(1 << 20)) for _ in range(megabytes))
    return made + squeezer.flush()


async def test_a_body_that_swells_a_thousandfold_is_given_up_early() -> None:  # FAULTS 15
    swollen = bomb(400)
    async with answering(Play([plain(200, swollen, "Content-Encoding: gzip\r\n")])) as (one, upstream):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(UpstreamBroken, match="swells") as broken:
            await one.ask()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert broken.value.reason == "too_large"
        assert grown * 1024 < 2 * encodings.MAX_BODY
        await soon(lambda: upstream.calls[0].whole or upstream.calls[0].left.is_set())


async def test_a_decoded_body_has_the_same_limit_as_any(monkeypatch: pytest.MonkeyPatch) -> None:  # FAULTS 15
    monkeypatch.setattr(encodings, "MAX_BODY", 1_000_000)
    dull = random.Random(1).randbytes(20_000) * 100
    async with answering(encoded(gzip.compress(dull), "gzip")) as (one, _):
        with pytest.raises(UpstreamBroken) as broken:
            await one.ask()
        assert broken.value.reason == "too_large"


async def test_a_piece_of_a_swelling_body_is_bounded_and_lets_others_have_their_turn() -> None:
    async with answering(encoded(bomb(4), "gzip")) as (one, _):
        reply = await one.send()
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.create_task(other())
        pieces = 0
        while piece := await reply.read():
            assert len(piece) <= encodings.PIECE
            pieces += 1
        task.cancel()
        assert pieces >= 64
        assert turns >= pieces - 2


async def test_a_reader_that_leaves_a_compressed_answer_closes_it() -> None:
    async with answering(Play([*chunked("gzip", gzip.compress(b"x" * 1000)), HANG])) as (one, upstream):
        reply = await one.send()
        assert await reply.read() == b"x" * 1000
        reply.abort()
        await within_a_second(upstream.calls[0].left.wait())


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_client_gets_a_compressed_answer_as_it_was(tmp_path: Path, streamed: bool) -> None:
    async with serving(tmp_path / "s") as server:
        body = b"".join(events()) if streamed else completion()
        server.upstream.push("one", encoded(gzip.compress(body), "gzip"))
        response = await server.chat(stream=streamed)
        assert response.status == 200
        assert "content-encoding" not in response.headers
        assert response.body == (b"".join(events(usage=None)) if streamed else body)


async def test_an_answer_nobody_can_read_gives_way_to_the_next_model(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([plain(200, b"\x0b\x02\x80", "Content-Encoding: br\r\n"), CUT]))
        response = await server.chat(model="auto")
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "m-two")
        assert (await server.record(response)).attempts[0].error.startswith("protocol")
