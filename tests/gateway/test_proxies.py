"""Which proxy a provider is reached through, and that nobody reads its password."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import pytest

from fairlead.config.load import loads
from fairlead.config.schema import Provider
from fairlead.errors import ConfigError
from fairlead.gateway.endpoints import endpoint
from fairlead.gateway.proxies import exempt
from fairlead.providers.wire import Endpoint
from tests.server.serving import serving
from tests.upstream import Play, completion, plain, scripted, status

TOKEN = base64.b64encode(b"user:a/password").decode()


def provider(address: str = "https://provider.test/v1", proxy: str = "") -> Provider:
    setting = f", proxy: '{proxy}'" if proxy else ""
    return loads(
        f"providers: {{one: {{kind: openai, base_url: '{address}', api_key: key-key-key{setting}}}}}"
    ).providers["one"]


def through(environ: dict[str, str], address: str = "https://provider.test/v1", proxy: str = "") -> str:
    found = endpoint("one", provider(address, proxy), environ).proxy
    return "" if found is None else f"{'https' if found.tls else 'http'}://{found.host}:{found.port}"


HTTPS, HTTP = "https://provider.test/v1", "http://provider.test/v1"


@pytest.mark.parametrize(
    ("environ", "address", "expected"),
    [
        ({}, HTTPS, ""),
        ({"HTTPS_PROXY": "http://a:1"}, HTTPS, "http://a:1"),
        ({"HTTPS_PROXY": "http://a:1"}, HTTP, ""),
        ({"HTTP_PROXY": "http://a:1"}, HTTP, "http://a:1"),
        ({"HTTP_PROXY": "http://a:1"}, HTTPS, ""),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:2"}, HTTPS, "http://a:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://b:2"}, HTTPS, ""),
        ({"https_proxy": "", "ALL_PROXY": "http://c:3"}, HTTPS, "http://c:3"),
        ({"all_proxy": "http://c:3"}, HTTP, "http://c:3"),
        ({"HTTPS_PROXY": "http://a:1", "all_proxy": "http://c:3"}, HTTPS, "http://a:1"),
        ({"HTTPS_PROXY": "a:1"}, HTTPS, "http://a:1"),
        ({"HTTPS_PROXY": "http://a"}, HTTPS, "http://a:80"),
        ({"HTTPS_PROXY": "https://a/"}, HTTPS, "https://a:443"),
        ({"HTTPS_PROXY": "http://[::1]:8"}, HTTPS, "http://::1:8"),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "provider.test"}, HTTPS, ""),
        ({"HTTPS_PROXY": "http://a:1", "no_proxy": "provider.test"}, HTTPS, ""),
        ({"HTTPS_PROXY": "http://a:1", "no_proxy": "other.test", "NO_PROXY": "provider.test"}, HTTPS, "http://a:1"),
        ({"ALL_PROXY": "http://a:1"}, "http://localhost:8000/v1", ""),
        ({"ALL_PROXY": "http://a:1"}, "http://127.0.0.9:8000/v1", ""),
        ({"ALL_PROXY": "http://a:1"}, "http://[::1]:8000/v1", ""),
        ({"ALL_PROXY": "http://a:1"}, "http://10.0.0.1:8000/v1", "http://a:1"),
    ],
)
def test_the_environment_names_the_proxy(environ: dict[str, str], address: str, expected: str) -> None:
    assert through(environ, address) == expected


@pytest.mark.parametrize("address", [HTTPS, "http://127.0.0.1:8000/v1"])
def test_a_providers_own_setting_goes_before_the_environment(address: str) -> None:
    environ = {"ALL_PROXY": "http://a:1", "NO_PROXY": "*"}
    assert through(environ, address, "http://own:9") == "http://own:9"
    assert through({"ALL_PROXY": "http://a:1"}, address, "none") == ""


@pytest.mark.parametrize(
    ("listed", "host", "expected"),
    [
        ("", "a.test", False),
        ("*", "a.test", True),
        ("a.test", "a.test", True),
        ("A.Test.", "a.test", True),
        ("a.test", "x.a.test", True),
        ("a.test", "xa.test", False),
        (".a.test", "x.a.test", True),
        (".a.test", "xa.test", False),
        ("*.a.test", "x.a.test", True),
        ("x.test, a.test", "a.test", True),
        ("x.test a.test", "a.test", True),
        ("a.test:443", "a.test", True),
        ("a.test:80", "a.test", False),
        (".", "a.test", False),
        (",,", "a.test", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3:443", "10.1.2.3", True),
        ("10.1.2.3:80", "10.1.2.3", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.1.2.3/8", "10.200.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("1.2.3", "10.1.2.3", False),
        ("2.3", "10.1.2.3", False),
        ("fd00::/8", "fd12::1", True),
        ("fd00::/8", "10.1.2.3", False),
        ("fd12::1", "fd12:0::1", True),
        ("[fd12::1]:443", "fd12::1", True),
        ("[fd12::1]:80", "fd12::1", False),
        ("10.0.0.0/8", "10.test", False),
    ],
)
def test_the_list_of_those_reached_directly(listed: str, host: str, expected: bool) -> None:
    assert exempt(host, 443, listed) is expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("socks5://user:hunter22@a:1", "not socks5"),
        ("http://user:hunter22@a:1/path", "no path"),
        ("http://user:hunter22@:1", "expected an address"),
        ("http://user:hunter22@a:99999", "expected an address"),
        ("http://user:hunter22@[a:1", "expected an address"),
        ("http://us%3Aer:hunter22@a:1", "a colon"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_a_mistake_that_is_named_without_its_password(value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as own:
        provider(proxy=value)
    with pytest.raises(ConfigError, match=words) as surrounding:
        through({"HTTPS_PROXY": value})
    assert "providers.one.proxy" in str(own.value)
    assert "HTTPS_PROXY" in str(surrounding.value)
    assert "hunter22" not in str(own.value) + str(surrounding.value)


def credentialled(address: str) -> Endpoint:
    return endpoint("one", provider(address, "http://user:a%2Fpassword@proxy.test:3128"), {})


def test_an_ordinary_request_names_the_whole_address_and_who_asks() -> None:
    far = credentialled("http://provider.test:8080/v1")
    assert far.prefix == "http://provider.test:8080/v1"
    assert f"Proxy-Authorization: Basic {TOKEN}\r\n".encode() in far.headers
    assert b"Host: provider.test:8080\r\n" in far.headers


def test_a_request_through_a_tunnel_says_nothing_of_the_proxy() -> None:
    far = credentialled("https://provider.test/v1")
    assert (far.prefix, b"Proxy" in far.headers) == ("/v1", False)


@pytest.mark.parametrize("address", [HTTPS, HTTP])
def test_what_a_proxy_is_told_is_a_secret(address: str) -> None:  # FAULTS 50
    far = credentialled(address)
    assert {b"a/password", TOKEN.encode()} <= set(far.secrets)
    assert "password" not in repr(far) + repr(far.proxy)
    assert TOKEN not in repr(far) + repr(far.proxy)
    assert "password" not in repr(provider(address, "http://user:a%2Fpassword@proxy.test:3128"))


async def test_a_server_asks_its_provider_through_the_proxy_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:  # FAULTS 50
    caplog.set_level(logging.DEBUG)
    async with scripted() as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:a%2Fpassword@127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        far = '  far: {kind: openai, base_url: "http://provider.test/far/v1", api_key: key-far}\n'
        model = "  m-far: {channels: [{provider: far}], price: {input: 1, output: 1}, quality: 0.5}\n"
        async with serving(tmp_path / "s", extra_provider=far, extra_model=model) as server:
            assert (await server.chat(model="m-far")).body == completion()
            (seen,) = proxy.calls
            assert seen.path == "http://provider.test/far/v1/chat/completions"
            assert seen.headers["proxy-authorization"] == f"Basic {TOKEN}"
            assert (await server.chat()).body == completion()
            assert server.upstream.seats == ["one"]
            failed = []
            for play in (status(500, f"you sent {TOKEN} and a/password"), Play([plain(407, b"who?")])):
                proxy.script.clear()
                proxy.push("far", *[play] * 10)
                failed.append(await server.chat(model="m-far"))
            records = [await server.record(one) for one in failed]
            assert records[1].attempts[0].error.startswith("proxy: the proxy 127.0.0.1")
    told = "".join([caplog.text, *map(str, records), *(one.body.decode() for one in failed)])
    assert TOKEN not in told
    assert "a/password" not in told
