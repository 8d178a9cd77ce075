"""Starts the gateway inside TensorZero's Python client and writes its address to a file.

    python tensorzero_gateway.py CONFIG ADDRESS_FILE      (with the Python of TensorZero's own environment)

The gateway is the Rust one; the package embeds it and listens on a free port of loopback.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from pathlib import Path

import openai
import tensorzero

LIFETIME_SECONDS = 3600


async def main(config: str, address: Path) -> None:
    warnings.simplefilter("ignore")
    client = await tensorzero.patch_openai_client(
        openai.AsyncOpenAI(api_key="none"), config_file=config, async_setup=True
    )
    address.write_text(str(client.base_url))
    await asyncio.sleep(LIFETIME_SECONDS)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
