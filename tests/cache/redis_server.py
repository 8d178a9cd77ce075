"""A Redis of one's own for a test: on a socket in a folder, nothing on disk. Skips where there is no server or no client."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

SERVER = os.environ.get("FAIRLEAD_REDIS_SERVER") or shutil.which("redis-server") or shutil.which("valkey-server")


@asynccontextmanager
async def redis_in(folder: Path) -> AsyncIterator[str]:
    """Its address."""
    if SERVER is None or importlib.util.find_spec("redis") is None:
        pytest.skip("there is no Redis here, or no client for it")
    with tempfile.TemporaryDirectory() as short:  # the path of a socket may not be long
        socket = Path(short) / "s"
        process = await asyncio.create_subprocess_exec(
            SERVER, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", short,
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            for _ in range(200):
                if socket.exists():
                    break
                await asyncio.sleep(0.02)
            yield f"unix://{socket}"
        finally:
            process.terminate()
            await process.wait()
