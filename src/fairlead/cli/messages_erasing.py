"""What `fairlead erase` says, in Chinese. A part of the table of messages."""

from __future__ import annotations

ERASING: dict[str, str] = {
    "Erase what a user, a session or a tenant said, wherever it is kept.": "清除某个用户、会话或租户说过的内容，无论保存在何处。",
    "say whose it is: --user, --session or --tenant": "请指明清除谁的内容：--user、--session 或 --tenant",
    "Erase it in {folder}?": "要清除 {folder} 中的这些内容吗？",
    "place": "位置",
    "erased": "已清除",
    "stored responses": "保存的应答",
    "answers under an Idempotency-Key": "带 Idempotency-Key 的应答",
    "results to go on from": "供后续引用的结果",
    "memories": "记忆",
    "cached answers": "缓存的应答",
}
