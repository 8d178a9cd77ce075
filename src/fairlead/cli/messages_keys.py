"""What the commands for keys and the audit log say, in Chinese. A part of the table of messages."""

from __future__ import annotations

KEYS: dict[str, str] = {
    "Issue API keys, rotate them, and take them back.": "签发、轮换和收回 API 密钥。",
    "Show what was done by those who administer, or verify the log of it.": "显示管理操作记录，或校验该日志。",
    "role": "角色",
    "begins with": "开头",
    "expires": "到期",
    "{key} is disabled": "{key} 已停用",
    "{key} is enabled": "{key} 已启用",
    "{key} is deleted": "{key} 已删除",
    "{key} is changed": "{key} 已修改",
    "it is refused all the same: {why}": "它仍会被拒绝：{why}",
    "--{name} is both given and lifted": "--{name} 既给出又被取消",
    "say what to change, as in --rpm 60 or --lift expires": "请说明要修改什么，例如 --rpm 60 或 --lift expires",
    "it was the last key; requests without one stay refused until `fairlead keys unlock`": (
        "这是最后一个密钥；不带密钥的请求仍会被拒绝，直到执行 `fairlead keys unlock`"
    ),
    "all keys are deleted; requests without one stay refused until `fairlead keys unlock`": (
        "所有密钥都已删除；不带密钥的请求仍会被拒绝，直到执行 `fairlead keys unlock`"
    ),
    "requests need no key any more, until one is issued": "请求不再需要密钥，直到再次签发",
    "this is the secret of {key}; it is kept nowhere and cannot be shown again": (
        "这是 {key} 的密钥内容；任何地方都不保存，以后无法再次显示"
    ),
    "{prefix}... works on until {until}": "{prefix}... 可继续使用到 {until}",
    "{value} is no day nor time; write 90d, 2026-12-31 or 2026-12-31T18:00:00Z": (
        "{value} 不是日期或时间；请写成 90d、2026-12-31 或 2026-12-31T18:00:00Z"
    ),
    "{value} is no budget; write it like 5 or 0.50/day": "{value} 不是预算；请写成 5 或 0.50/day",
    "row": "行",
    "when": "时间",
    "who": "操作者",
    "what": "操作",
    "whose": "租户",
    "of what": "对象",
    "detail": "详情",
    "the audit log is broken at row {row}: {why}": "审计日志从第 {row} 行起不一致：{why}",
    "{rows} rows, all as they were written": "共 {rows} 行，均与写入时一致",
    "keep that line elsewhere: with --head it shows whether rows were cut off later": (
        "请把这一行另行保存：以后用 --head 可以查出末尾是否被截断"
    ),
    # the list: roles and scopes, where a key comes from, how it is
    "caller": "调用者",
    "viewer": "查看者",
    "operator": "操作员",
    "admin": "管理员",
    "configuration": "配置文件",
    "it has expired": "已过期",
    "it is disabled": "已停用",
    "a key of the configuration has its name": "配置中有同名密钥",
    "no row of the audit log tells of it": "审计日志中没有它的记录",
    "it does not stand as the audit log tells": "与审计日志的记录不符",
}

ERRORS: dict[str, str] = {
    "tenant {tenant} has no team {team}": "租户 {tenant} 没有团队 {team}",
    "there is no plan {plan}": "没有套餐 {plan}",
    "there is no policy {name}": "没有策略 {name}",
    "the policy that holds for it, {policy}, is none that it may use": "对它生效的策略 {policy} 不在它可用的策略之内",
}
"""Why a key is refused."""
