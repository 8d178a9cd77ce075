"""What `fairlead cache` and the reports say of answers that are given again, in Chinese. A part of the table of messages."""

from __future__ import annotations

CACHE: dict[str, str] = {
    "What the caches hold and have answered, and how to have it erased.": "缓存中有什么、命中了多少，以及如何清除。",
    "The cache is off: set cache.exact.enabled.": "缓存未启用：请设置 cache.exact.enabled。",
    "say whose answers (--tenant, --user, --session), or --all": (
        "请指明清除谁的应答（--tenant、--user、--session），或使用 --all"
    ),
    "{count} answers erased": "已清除 {count} 条应答",
    "answers given again": "缓存命中的应答",
    "saved by answers given again": "缓存命中节省",
    "(given again)": "（缓存命中）",
    "looked up in vain": "未命中",
    "passed by": "未使用缓存",
    "kept in": "保存位置",
    "memory": "内存",
    "memory and the state directory": "内存与状态目录",
    "Since the server began": "自服务启动以来",
    "the very same": "完全相同",
    "by meaning": "含义相同",
    "newly kept": "新保存",
    "answers": "应答",
    "Kept": "已保存",
    "check": "检查",
    "times": "次数",
    "Alike, and not given each other's answer": "相似但未互用应答",
    "It asked for {asked}; it was given an earlier answer of {model} via {channel}, found by policy {policy}.": (
        "请求的是 {asked}；由策略 {policy} 得到的 {model}（经 {channel}）的先前应答被再次使用。"
    ),
    "The gateway ended while it was under way, after {model} was asked via {channel}: whether it was answered is not "
    "known. It counts with what that may have cost.": (
        "网关在处理期间结束，此前已向 {model}（经 {channel}）发出请求：是否得到应答未知。按它可能的花费计入。"
    ),
    "That was the answer to {request}, {age} s before: {saved} saved.": "那是 {age} 秒前对 {request} 的应答：节省 {saved}。",
}
