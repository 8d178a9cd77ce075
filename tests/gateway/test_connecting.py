"""How providers are reached: over TLS, through proxies, and what is said when they are not."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from time import monotonic

import pytest

from fairlead.providers.wire import Proxy, UpstreamBroken
from tests.gateway.reaching import Authority, black_hole, ear, endpoint, middle, named, on_both_loops, refusing, sending
from tests.server.serving import question, within_a_second
from tests.upstream import completion, scripted

TOKEN = base64.b64encode(b"user:a-password")
CREDENTIALS = b"Proxy-Authorization: Basic %b\r\n" % TOKEN


# ---- TLS


@pytest.mark.parametrize("name", ["provider.test", "127.0.0.1", "::1"])
@on_both_loops
async def test_a_provider_is_trusted_by_the_authority_its_configuration_names(tmp_path: Path, name: str) -> None:
    authority = Authority(tmp_path)
    literal = name if name[-1].isdigit() else "127.0.0.1"
    async with scripted(literal, tls=authority.server(name)) as upstream:
        far = endpoint(upstream.port, name, tls=True, ca_file=str(authority.file))
        async with sending(far, named("127.0.0.1")) as one:
            assert await one.ask() == completion()
            assert await one.ask() == completion()
        assert upstream.accepted == 1


@pytest.mark.parametrize(("name", "trusted"), [("provider.test", False), ("other.test", True)])
@on_both_loops
async def test_a_provider_whose_certificate_is_not_its_own_gets_no_request(
    tmp_path: Path, name: str, trusted: bool
) -> None:
    authority = Authority(tmp_path)
    async with scripted(tls=authority.server(name)) as upstream:
        far = endpoint(upstream.port, "provider.test", tls=True, ca_file=str(authority.file) if trusted else "")
        async with sending(far, named("127.0.0.1")) as one:
            with pytest.raises(UpstreamBroken, match="certificate is not valid") as broken:
                await one.send()
            assert broken.value.reason == "tls"
            assert one.open == 0
        assert upstream.calls == []


@on_both_loops
async def test_a_certificate_that_need_not_be_checked_is_not_checked(tmp_path: Path) -> None:
    async with scripted(tls=Authority(tmp_path).server("other.test")) as upstream:
        far = endpoint(upstream.port, "provider.test", tls=True, verify=False)
        async with sending(far, named("127.0.0.1")) as one:
            assert await one.ask() == completion()


@on_both_loops
async def test_a_provider_that_speaks_no_tls_is_a_failure_of_tls() -> None:
    async with (
        ear(b"HTTP/1.1 400 Bad Request\r\n\r\n", asked=False) as plain,
        sending(endpoint(plain.port, tls=True, verify=False)) as one,
    ):
        with pytest.raises(UpstreamBroken) as broken:
            await one.send()
        assert broken.value.reason == "tls"


# ---- proxies


@on_both_loops
async def test_a_tunnel_leads_to_the_provider_and_is_kept(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with scripted(tls=authority.server()) as upstream, middle(upstream.port) as proxy:
        far = endpoint(
            443,
            "provider.test",
            tls=True,
            ca_file=str(authority.file),
            proxy=Proxy("127.0.0.1", proxy.port, False, CREDENTIALS),
        )
        async with sending(far) as one:
            assert await one.ask() == completion()
            assert await one.ask() == completion()
        (asked,) = proxy.asked
        assert asked.startswith(b"CONNECT provider.test:443 HTTP/1.1\r\nHost: provider.test:443\r\n")
        assert CREDENTIALS in asked
        assert upstream.seats == ["one", "one"]
        assert all("proxy-authorization" not in seen.headers for seen in upstream.calls)
        await within_a_second(proxy.gone[0].wait())


@on_both_loops
async def test_the_way_to_the_proxy_may_be_encrypted_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with (
        scripted(tls=authority.server()) as upstream,
        middle(upstream.port, tls=authority.server("127.0.0.1")) as proxy,
    ):
        far = endpoint(
            443,
            "provider.test",
            tls=True,
            ca_file=str(authority.file),
            proxy=Proxy("127.0.0.1", proxy.port, True),
        )
        async with sending(far) as one:
            assert await one.ask() == completion()
        assert len(upstream.calls) == 1


@on_both_loops
async def test_a_proxy_cannot_pass_itself_off_as_the_provider(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with scripted(tls=authority.server("proxy.test")) as upstream, middle(upstream.port) as proxy:
        proxied = Proxy("127.0.0.1", proxy.port)
        far = endpoint(443, "provider.test", tls=True, ca_file=str(authority.file), proxy=proxied)
        async with sending(far) as one:
            with pytest.raises(UpstreamBroken, match="certificate is not valid") as broken:
                await one.send()
            assert (broken.value.reason, one.open) == ("tls", 0)
        assert upstream.calls == []
        await within_a_second(proxy.gone[0].wait())


REFUSALS = {
    "407": (b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n", "other credentials"),
    "403": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", r"HTTP 403"),
    "garbage": (b"SSH-2.0-x\r\n\r\n", "proper HTTP"),
    "cut": (b"HTTP/1.1 20", "proper HTTP"),
    "endless": (b"HTTP/1.1 500 X\r\nX: " + b"y" * 40_000, "proper HTTP"),
    "chatty": (b"HTTP/1.1 200 OK\r\n\r\nhello", "nobody asked for"),
}


@pytest.mark.parametrize("name", REFUSALS)
@on_both_loops
async def test_a_proxy_that_opens_no_way_is_named(name: str) -> None:
    answer, words = REFUSALS[name]
    async with scripted() as upstream, middle(upstream.port, answer) as proxy:
        proxied = Proxy("127.0.0.1", proxy.port, False, CREDENTIALS)
        async with sending(endpoint(443, "provider.test", tls=True, proxy=proxied)) as one:
            with pytest.raises(UpstreamBroken, match=words) as broken:
                await one.send()
            assert broken.value.reason == "proxy"
            assert f"127.0.0.1:{proxy.port}" in str(broken.value)
            assert TOKEN.decode() not in str(broken.value)
            assert one.open == 0
        assert upstream.calls == []
        await within_a_second(proxy.gone[0].wait())


@pytest.mark.parametrize("tls", [True, False])
@on_both_loops
async def test_a_proxy_that_is_not_there_is_told_apart_from_the_provider(tls: bool) -> None:
    port = refusing()
    async with sending(endpoint(443, "provider.test", tls=tls, proxy=Proxy("127.0.0.1", port))) as one:
        with pytest.raises(UpstreamBroken, match=f"through the proxy 127.0.0.1:{port}") as broken:
            await one.send()
        assert broken.value.reason == "connect"


@on_both_loops
async def test_a_proxy_that_says_nothing_uses_up_the_time_for_connecting() -> None:
    async with middle(0, b"") as proxy:
        proxied = Proxy("127.0.0.1", proxy.port)
        async with sending(endpoint(443, "provider.test", tls=True, proxy=proxied, connect_timeout=0.2)) as one:
            with pytest.raises(UpstreamBroken) as broken:
                await one.send()
            assert broken.value.reason == "connect_timeout"
        await within_a_second(proxy.gone[0].wait())


@on_both_loops
async def test_a_proxy_that_wants_credentials_for_an_ordinary_request_is_named() -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with (
        ear(refusal) as proxy,
        sending(endpoint(80, "provider.test", proxy=Proxy("127.0.0.1", proxy.port))) as one,
    ):
        with pytest.raises(UpstreamBroken, match="other credentials") as broken:
            await one.send()
        assert broken.value.reason == "proxy"


# ---- time


@on_both_loops
async def test_a_provider_that_refuses_is_known_at_once() -> None:  # FAULTS 1
    async with sending(endpoint(refusing(), connect_timeout=30.0)) as one:
        began = monotonic()
        with pytest.raises(UpstreamBroken) as broken:
            await one.send()
        assert broken.value.reason == "connect"
        assert monotonic() - began < 20


@on_both_loops
async def test_a_provider_that_takes_no_connection_uses_up_no_more_than_the_time_for_connecting() -> None:  # FAULTS 2
    async with black_hole() as port, sending(endpoint(port, connect_timeout=0.3)) as one:
        began = monotonic()
        with pytest.raises(UpstreamBroken) as broken:
            await one.send()
        assert broken.value.reason == "connect_timeout"
        assert 0.25 < monotonic() - began < 20
        assert one.http.pools["one"].connecting == 0


@on_both_loops
async def test_a_provider_that_never_ends_its_handshake_is_left() -> None:
    async with ear() as silent, sending(endpoint(silent.port, tls=True, connect_timeout=0.3)) as one:
        with pytest.raises(UpstreamBroken) as broken:
            await one.send()
        assert broken.value.reason == "connect_timeout"
        await within_a_second(silent.gone[0].wait())
        assert silent.heard[0].startswith(b"\x16\x03")


async def test_a_request_body_is_not_sent_before_there_is_a_way() -> None:
    async with middle(0, b"") as proxy:
        proxied = Proxy("127.0.0.1", proxy.port)
        async with sending(endpoint(443, "provider.test", tls=True, proxy=proxied)) as one:
            task = asyncio.create_task(one.send())
            while not proxy.asked:
                await asyncio.sleep(0.005)
            assert question() not in proxy.asked[0]
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
