from __future__ import annotations

import os
import stat
from pathlib import Path

from fairlead.server.listener import Listener


async def test_nobody_else_can_connect_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    listener = Listener(None, None)  # type: ignore[arg-type]  # nothing is asked
    try:
        await listener.listen_unix(str(tmp_path / "admin.sock"))
        assert stat.S_IMODE((tmp_path / "admin.sock").stat().st_mode) == 0o600
    finally:
        os.umask(before)
        await listener.close(0)
