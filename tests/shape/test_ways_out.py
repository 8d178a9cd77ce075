"""Nothing leaves but through a door that asks for a permit. A new way out fails here until it has one, or a reason.

Three tables: doors to providers, doors to what stays behind (sinks), and places that carry no request's content.
"""

from __future__ import annotations

import ast
import sys

import pytest

from tests.shape.tree import PACKAGE, sources
from tests.shape.ways_out import callers, calls, functions, network_imports, ways

Place = tuple[str, str]
DIALLED: tuple[Place, ...] = (
    ("gateway/transport.py", "HttpUpstream.send"),
    ("gateway/transport.py", "HttpUpstream._once_connected"),
    ("gateway/pool.py", "Pool.acquire"),
    ("gateway/pool.py", "Pool.connect"),
    ("gateway/connecting.py", "Way.dial"),
)
PROVIDERS: dict[Place, tuple[tuple[Place, ...], ...]] = {
    ("gateway/connecting.py", "Way._straight"): (DIALLED,),
    ("gateway/connecting.py", "Way._through"): (DIALLED,),
    ("gateway/addresses.py", "Addresses._join"): (
        (*DIALLED, ("gateway/connecting.py", "Way._straight"), ("gateway/addresses.py", "Addresses.reach")),
        (*DIALLED, ("gateway/connecting.py", "Way._through"), ("gateway/addresses.py", "Addresses.reach")),
        (
            *DIALLED,
            ("gateway/connecting.py", "Way._straight"),
            ("gateway/addresses.py", "Addresses.reach"),
            ("gateway/addresses.py", "Addresses._race"),
        ),
    ),
}
"""Where a connection to a provider is opened -> the ways there: the door, and the functions behind it."""

SINKS: dict[tuple[str, str], str] = {("store/shelf.py", "Shelf._open"): "Shelf.keep"}
"""Where a request's content is written -> the function of that file that takes the SinkPermit."""

NO_CONTENT: dict[tuple[str, str], str] = {
    ("cli/batch_lines.py", "opened"): "the requests of a batch that come through a pipe, in a file without a name",
    ("cli/batch_results.py", "Results._held"): "the answers of a batch, beside the file its asker named for them",
    ("cli/batch_results.py", "Results._take_up"): "the answers of the batch before, beside that file",
    ("cli/batch_results.py", "Results.finish"): "the answers of a batch, in the file its asker named for them",
    ("cli/books.py", "Connection.connect"): "asks the owner of the state directory, over a socket in it",
    ("cli/main.py", "Lazy.format_help_text"): "help, to the terminal",
    ("cli/main.py", "main"): "the null device, when nobody reads on",
    ("cli/recommend.py", "replace"): "the configuration's file, as the user wants it patched",
    ("cli/writing.py", "target"): "rows of the ledger, to the terminal or the file that was named: figures and names",
    ("evidence/bench.py", "put"): "scores, sums and names of models; of requests nothing",
    ("evidence/train/classifier.py", "write"): "the weights that a user trains",
    ("evidence/train/sources.py", "rows"): "reads examples",
    (
        "gateway/nearby.py",
        "_listed",
    ): "asks a server of one's own which models it has: a plain GET of what the environment names",
    ("gateway/switches.py", "_write"): "names of models and times",
    ("registry/market.py", "write"): "prices and exchange rates",
    ("server/listener.py", "Listener.listen_unix"): "listens",
    ("server/market.py", "_get"): "asks for a price list: a plain GET of what the configuration names",
    ("server/serve.py", "unbindable"): "tries whether an address can be listened on",
    ("server/serve.py", "stored_secret"): "a secret of the server's own",
    ("server/serve.py", "has_terminal"): "asks whether there is a terminal",
    ("server/reload.py", "Reload._hold"): "digests of two configurations",
    ("server/webhook.py", "_posted"): "alarms: figures, names of models and tasks",
    ("store/keys.py", "Register._open"): "digests of keys, and acts: names, no content",
    ("store/keys.py", "Register._keep_head"): "the number and hash of the last act",
    ("store/owner.py", "Owner.acquire"): "the lock of the state directory",
    ("store/owner.py", "is_owned"): "the lock of the state directory",
    ("store/spool.py", "begin"): "records: figures and names, no content",
    ("store/spool.py", "_write_all"): "records: figures and names, no content",
    ("store/sqlite.py", "read_only"): "reads records",
    ("store/sqlite.py", "_begin"): "records: figures and names, no content",
    ("store/sqlite.py", "Projection.__init__"): "records: figures and names, no content",
}
"""Ways out that take no permit -> why they need none."""

NETWORKED: dict[tuple[str, str], str] = {
    ("cli/batch_work.py", "http"): "the kinds of its errors and headers; the socket is that of `books`",
    ("cli/books.py", "http"): "the socket in the state directory",
    ("cli/books.py", "socket"): "the socket in the state directory",
    ("gateway/addresses.py", "socket"): "behind the door to the providers",
    ("gateway/connecting.py", "socket"): "the name of an error",
    ("gateway/connecting.py", "ssl"): "behind the door to the providers",
    ("gateway/connections.py", "httptools"): "behind the door to the providers",
    ("gateway/connections.py", "socket"): "how a connection is ended",
    ("gateway/endpoints.py", "ssl"): "checks a file of authorities",
    ("gateway/nearby.py", "http"): "the kind of an error",
    ("gateway/nearby.py", "urllib"): "asks a server of one's own which models it has, where the environment names one",
    ("server/connection.py", "httptools"): "the listener",
    ("server/connection.py", "socket"): "the listener",
    ("server/listener.py", "socket"): "the listener",
    ("server/market.py", "http"): "the kind of an error",
    ("server/market.py", "urllib"): "asks for price lists, where the configuration names any",
    ("server/serve.py", "socket"): "the listener",
    ("server/webhook.py", "socket"): "the kind of an address to look up",
    ("server/webhook.py", "ssl"): "alarms: figures, names of models and tasks",
}
"""(file, package) of every import that could reach a network."""

UPSTREAMS = {
    ("gateway/transport.py", "HttpUpstream.send"),
    ("providers/simulated/upstream.py", "SimulatedUpstream.send"),
}
GRANTING = {
    ("gateway/attempt.py", "Try.start", "grant"),
    ("gateway/belongings.py", "take_down", "grant_sink"),
    ("gateway/caching.py", "Caching._formed", "grant_sink"),
    ("gateway/look.py", "Look.keep", "grant_sink"),
    ("gateway/callout.py", "CallOut._posted", "grant_service"),
    ("gateway/conversations.py", "answer", "grant_sink"),
    ("gateway/idempotency.py", "Once._record", "grant_sink"),
    ("gateway/probing.py", "Probing._ask", "grant_probe"),
    ("gateway/remembering.py", "Remembering._remember", "grant_sink"),
    ("server/memories.py", "write", "grant_sink"),
}
"""Where permits are asked for."""
KEEPING_ROOMS = ("cache", "memory", "telemetry")
KEEPING = frozenset(("put", "store", "keep", "remember", "save", "add", "insert", "write", "export", "append"))
"""Public functions of those rooms with such a name take a SinkPermit: they are what content stays behind in."""

STANDARD = frozenset(sys.stdlib_module_names)
FILES = {file.relative_to(PACKAGE).as_posix(): file.read_text() for file in sources("src")}


def unknown_ways(files: dict[str, str]) -> list[str]:
    known = {*PROVIDERS, *SINKS, *NO_CONTENT}
    return [
        f"{way.file}: {way.function} calls {way.call}"
        for file, source in files.items()
        for way in ways(file, source)
        if way.place not in known
    ]


def unknown_imports(files: dict[str, str]) -> list[str]:
    found = {each for file, source in files.items() for each in network_imports(file, source, STANDARD)}
    return sorted(f"{file} imports {package}" for file, package in found - NETWORKED.keys())


def permit_of(source: str, function: str) -> str:
    """The kind of permit a function takes as a parameter, and refuses to work without; else nothing."""
    node = functions(source).get(function)
    if node is None:
        return ""
    for parameter in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        told = "" if parameter.annotation is None else ast.unparse(parameter.annotation).strip("'\"")
        if told in ("EgressPermit", "SinkPermit") and _checked(node, parameter.arg, told):
            return told
    return ""


def _checked(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, kind: str) -> bool:
    """Whether the first statement raises unless the parameter is such a permit."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    first = body[0]
    if not isinstance(first, ast.If) or not isinstance(first.body[-1], ast.Raise):
        return False
    test = ast.unparse(first.test)
    return f"type({name}) is not {kind}" in test or f"not isinstance({name}, {kind})" in test


def unguarded_keepers(files: dict[str, str]) -> list[str]:
    found = []
    for file, source in files.items():
        if file.split("/")[0] in KEEPING_ROOMS:
            for name, node in functions(source).items():
                told = ast.unparse(node).rstrip().endswith("...")  # by a protocol
                if name.rpartition(".")[2] in KEEPING and not told and permit_of(source, name) != "SinkPermit":
                    found.append(f"{file}: {name}")
    return found


def test_a_new_way_out_has_no_permit_and_no_reason() -> None:  # M3.7
    assert unknown_ways(FILES) == []


def test_a_module_reaches_the_network_that_nobody_knows_of() -> None:  # M3.7
    assert unknown_imports(FILES) == []


def test_a_line_of_the_tables_is_about_nothing() -> None:
    places = {way.place for file, source in FILES.items() for way in ways(file, source)}
    imported = {each for file, source in FILES.items() for each in network_imports(file, source, STANDARD)}
    assert {*PROVIDERS, *SINKS, *NO_CONTENT} == places
    assert NETWORKED.keys() == imported
    assert all(len(reason) > 5 for reason in (*NO_CONTENT.values(), *NETWORKED.values()))


def test_a_door_to_a_provider_opens_without_a_permit() -> None:  # M3.7
    steps: dict[Place, set[Place]] = {}
    for place, led in PROVIDERS.items():
        for file, door in {way[0] for way in led}:
            assert permit_of(FILES[file], door) == "EgressPermit", door
        for way in led:
            for outer, inner in zip(way, (*way[1:], place), strict=True):
                steps.setdefault(inner, set()).add(outer)
    for (_, inner), outer in steps.items():
        method = inner.rpartition(".")[2]
        rooms = {name: text for name, text in FILES.items() if name.startswith("gateway/")}
        assert {(name, found) for name, text in rooms.items() for found in callers(text, method)} == outer, inner


def test_somebody_else_takes_a_kept_connection() -> None:  # M3.7
    assert [file for file, source in FILES.items() if ".pools" in source] == ["gateway/transport.py"]


def test_a_sink_is_written_to_without_a_permit() -> None:  # M3.7
    for (file, _), door in SINKS.items():
        assert permit_of(FILES[file], door) == "SinkPermit", door
    assert unguarded_keepers(FILES) == []


def test_something_carries_requests_to_a_provider_and_asks_for_no_permit() -> None:  # M3.7
    found = set()
    for file, source in FILES.items():
        for name, node in functions(source).items():
            parameters = {each.arg for each in node.args.args}
            if name.rpartition(".")[2] == "send" and {"endpoint", "outbound"} <= parameters and len(node.body) > 1:
                found.add((file, name))
                if not ast.unparse(node).rstrip().endswith("..."):
                    assert permit_of(source, name) == "EgressPermit", (file, name)
    assert {place for place in found if place[0] != "providers/wire.py"} == UPSTREAMS


def test_a_permit_is_made_somewhere_else() -> None:  # M3.7
    made, granted = set(), set()
    for file, source in FILES.items():
        for function, call in calls(source):
            name = ast.unparse(call.func).rpartition(".")[2]
            if name in ("EgressPermit", "SinkPermit"):
                made.add((file, function))
            elif name in ("grant", "grant_probe", "grant_service", "grant_sink") and "egress" in source:
                granted.add((file, function, name))
    assert made == {("core/egress.py", name) for name in ("grant", "grant_probe", "grant_service", "grant_sink")}
    assert granted == GRANTING
    assert [file for file, source in FILES.items() if "egress._KEY" in source or "egress import _KEY" in source] == []


@pytest.mark.parametrize(
    "source",
    [
        "async def f(loop):\n    await loop.create_connection(None, 'h', 1)",
        "import asyncio\nclass A:\n    async def f(self):\n        await asyncio.open_connection('h', 1)",
        "import os\ndef f():\n    os.system('curl h')",
        "from os import system\n",
        "def f(path, text):\n    path.write_text(text)",
        "def f(path):\n    return open(path, 'a')",
        "def f(path, mode):\n    return open(path, mode)",
        "def f(path):\n    return path.open(mode='wb')",
        "import sqlite3\nconnection = sqlite3.connect('x')",
        "import logging.handlers\nlogging.handlers.SysLogHandler()",
        "f = lambda: urlopen('http://h')",
    ],
)
def test_a_way_out_goes_unnoticed(source: str) -> None:
    assert unknown_ways({"evidence/new.py": source})


@pytest.mark.parametrize(
    "source",
    ["import aiohttp", "def f():\n    import httpx", "from http import client", "import urllib.request", "import unheard_of", "import redis.asyncio", "from subprocess import run", "import socket"],
)  # fmt: skip
def test_a_network_library_goes_unnoticed(source: str) -> None:
    assert unknown_imports({"evidence/new.py": source})


def test_an_ordinary_module_is_suspected() -> None:
    source = (
        "from urllib.parse import quote\nimport json, orjson\nfrom http import HTTPStatus\nopen('x')\nopen('x', 'rb')\n"
    )
    assert unknown_ways({"evidence/new.py": source}) == unknown_imports({"evidence/new.py": source}) == []


KEEPER = "class Cache:\n    async def put(self, permit: SinkPermit, text: str) -> None:\n        {}\n        self.kept = text\n"


def test_a_cache_that_keeps_without_looking_at_its_permit_goes_unnoticed() -> None:  # M3.7
    looks = KEEPER.format("if type(permit) is not SinkPermit:\n            raise TypeError('no permit')")
    assert unguarded_keepers({"cache/exact.py": looks}) == []
    assert unguarded_keepers({"cache/exact.py": KEEPER.format("pass")}) == ["cache/exact.py: Cache.put"]
    assert unguarded_keepers({"memory/shared.py": "def remember(text: str) -> None:\n    pass\n"}) != []
    assert unguarded_keepers({"memory/shared.py": "def recall(key: str) -> str:\n    return ''\n"}) == []
