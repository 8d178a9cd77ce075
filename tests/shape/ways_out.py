"""Every place in the sources where something could leave the process: a connection, a program, a file.

Read off the syntax, whatever the names are bound to: a call that is spelled like a way out counts as one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from tests.shape.tree import imports

NETWORK = {
    "aiohttp", "aioquic", "asyncssh", "boto3", "ftplib", "grpc", "http", "httpcore", "httptools", "httpx", "imaplib", "kafka", "multiprocessing", "nntplib", "paramiko", "poplib", "psycopg", "pycurl",
    "redis", "requests", "smtplib", "socket", "socketserver", "ssl", "subprocess", "telnetlib", "urllib", "urllib3", "websockets", "xmlrpc",
}  # fmt: skip
HARMLESS = {"urllib.parse", "http.HTTPStatus"}
LIBRARIES = {
    "_typeshed", "click", "jsonschema_rs", "msgspec", "numpy", "orjson", "pydantic", "pydantic_core", "sqlglot",
    "tree_sitter", "tree_sitter_javascript", "uvloop", "yaml",
}  # fmt: skip
"""Third-party packages that open no connection by themselves. Any other is a network library until it stands here."""
CONNECTS = {
    "create_connection", "create_unix_connection", "create_datagram_endpoint", "open_connection", "open_unix_connection", "sock_connect", "sock_sendall", "sock_sendto", "sendto", "connect_ex",
    "urlopen", "urlretrieve", "HTTPConnection", "HTTPSConnection", "start_tls", "subprocess_exec", "subprocess_shell", "create_subprocess_exec", "create_subprocess_shell", "Popen", "check_output",
    "check_call", "popen", "system", "execv", "execve", "execvp", "posix_spawn", "spawnv", "sendmsg", "connect_write_pipe",
}  # fmt: skip
WRITES = {
    "write_text", "write_bytes", "writelines", "NamedTemporaryFile", "TemporaryFile", "mkstemp", "FileHandler", "RotatingFileHandler", "SysLogHandler", "SocketHandler", "HTTPHandler",
}  # fmt: skip
WHOLE = {"os.open", "os.write", "os.pwrite", "os.fdopen", "sqlite3.connect", "socket.socket", "shutil.copyfile"}
"""Spelled out in full: by their last name alone they could be anything."""
MODES = set("wax+")


class Way(NamedTuple):
    file: str
    function: str
    call: str

    @property
    def place(self) -> tuple[str, str]:
        return self.file, self.function


def calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    """Each call with the function it stands in, as `Class.method` or `function`; `<module>` outside of any."""

    def visit(node: ast.AST, inside: tuple[str, ...]) -> Iterator[tuple[str, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield ".".join(inside) or "<module>", child
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from visit(child, (*inside, child.name))
            else:
                yield from visit(child, inside)

    yield from visit(ast.parse(source), ())


def ways(file: str, source: str) -> Iterator[Way]:
    for function, call in calls(source):
        spelled = ast.unparse(call.func)
        name = spelled.rpartition(".")[2]
        if name in CONNECTS or name in WRITES or spelled in WHOLE or (name == "open" and _writes(call)):
            yield Way(file, function, spelled)
    for _, name in imports(source):
        if name in ("os.system", "os.popen", "sqlite3.connect", "socket.socket", "os.write", "os.open"):
            yield Way(file, "<module>", f"import {name}")


def _writes(call: ast.Call) -> bool:
    """Whether an `open` may write: its mode says so, or cannot be read off."""
    at = 0 if isinstance(call.func, ast.Attribute) else 1
    given = [word.value for word in call.keywords if word.arg == "mode"] or call.args[at : at + 1]
    if not given:
        return False
    mode = given[0]
    return not (isinstance(mode, ast.Constant) and isinstance(mode.value, str)) or bool(MODES & set(mode.value))


def network_imports(file: str, source: str, own: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(file, top package) of what can reach a network, or is not known not to. `own`: the standard library's names."""
    for _, name in imports(source):
        top = name.partition(".")[0]
        harmless = any(name == good or name.startswith(f"{good}.") for good in HARMLESS)
        unheard_of = top not in own and top not in LIBRARIES and top not in ("fairlead", "")
        if unheard_of or (top in NETWORK and not harmless):
            yield file, top


def functions(source: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    found: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}

    def visit(node: ast.AST, inside: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if not isinstance(child, ast.ClassDef):
                    found[".".join((*inside, child.name))] = child
                visit(child, (*inside, child.name))

    visit(ast.parse(source), ())
    return found


def callers(source: str, method: str) -> set[str]:
    """The functions that call something of this name."""
    return {function for function, call in calls(source) if ast.unparse(call.func).rpartition(".")[2] == method}
