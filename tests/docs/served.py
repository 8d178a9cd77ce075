"""What `make run` serves without any key, hastened, for the code in the documentation to talk to: `served.py STATE_DIR`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from fairlead.cli.serve import with_options
from fairlead.config.environment import from_environment
from fairlead.config.memory import Memory
from fairlead.config.schema import Key
from fairlead.config.secret import Secret
from fairlead.gateway.minting import mint
from fairlead.server.serve import start, stored_secret, until_stopped


async def serve(state_dir: Path) -> None:
    state_dir.mkdir(mode=0o700)
    key = Key(name="local", key=Secret(stored_secret(state_dir / "key", mint)))
    config = with_options(from_environment({}), None, 0, state_dir).model_copy(
        update={"keys": (key,), "memory": Memory(enabled=True)}
    )
    running = await start(config, speed=100.0)
    print(f"http://127.0.0.1:{running.port}", file=sys.stderr, flush=True)
    await until_stopped(running, lambda words: None)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
