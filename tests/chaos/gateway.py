"""`fairlead serve` as a process of its own: started, asked how it is, and ended again by its id."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import fairlead

SOURCES = Path(fairlead.__file__).parent.parent
TESTS = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0


class Gateway:
    """One life of the process."""

    def __init__(self, child: asyncio.subprocess.Process, port: int, state_dir: Path, log: Path) -> None:
        self.child = child
        self.port = port
        self.state_dir = state_dir
        self.log = log

    async def admin(self, path: str) -> dict[str, object]:
        """What the owner's door says."""
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_unix_connection(str(self.state_dir / "admin.sock"))
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
        assert head.startswith(b"HTTP/1.1 200"), head + body
        told = json.loads(body)
        assert isinstance(told, dict)
        return told

    async def under_way(self) -> int:
        """Requests that have begun and not ended."""
        return int(str((await self.admin("/status"))["load"]).split(" ")[0].replace(",", ""))

    async def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """From the books, brought up to date."""
        await self.admin("/report")
        return await asyncio.to_thread(rows, self.state_dir, query, *values)

    @property
    def memory(self) -> int:
        """Bytes it takes of the machine's memory."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    async def stop(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            return await self.child.wait()

    async def kill(self) -> None:
        if self.child.returncode is None:
            self.child.kill()
        await self.child.wait()


def rows(state_dir: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{state_dir / 'ledger.db'}?mode=ro", uri=True, timeout=60)) as connection:
        return connection.execute(query, values).fetchall()


@asynccontextmanager
async def gateway(file: Path, state_dir: Path, through: tuple[str, ...] = ("fairlead",)) -> AsyncIterator[Gateway]:
    """`through`: the module that is run, and what it is told before the command."""
    log = file.with_suffix(".log")
    with log.open("ab") as written:
        began = written.tell()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *through, "serve", "--config", str(file), "--port", "0",
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(SOURCES), str(TESTS)))},
            stdout=asyncio.subprocess.DEVNULL, stderr=written,
        )  # fmt: skip
    one = Gateway(child, 0, state_dir, log)
    try:
        one.port = await _port(child, log, began)
        yield one
    finally:
        await one.kill()


async def _port(child: asyncio.subprocess.Process, log: Path, began: int) -> int:
    async with asyncio.timeout(START_SECONDS):
        while True:
            told = log.read_bytes()[began:]
            if b"answers at http://127.0.0.1:" in told and b"/v1" in told.partition(b"answers at ")[2]:
                return int(told.partition(b"answers at http://127.0.0.1:")[2].partition(b"/")[0])
            assert child.returncode is None, told.decode(errors="replace")
            await asyncio.sleep(0.02)
