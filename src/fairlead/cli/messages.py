"""The messages people meet first, in Chinese where the environment's language is Chinese. One table, English as key.

Data, errors and logs stay English everywhere: programs read them and search engines know them.
"""

from __future__ import annotations

import os

CHINESE: dict[str, str] = {
    # help
    "A router and gateway for language models: of those that can do what a request needs and are as good as you ask, "
    "each request to the one your policy prefers.": (
        "大语言模型的路由器与网关：在能满足请求、质量达到你所要求的模型中，每个请求交给策略首选的那一个。"
    ),
    "Commands": "命令",
    "Run the gateway.": "启动网关。",
    "One minute of mixed work through simulated models, and what routing saved.": (
        "用模拟模型跑一分钟混合负载，看路由省了多少。"
    ),
    "Say which model a request would go to, without sending it.": "说明某个请求会交给哪个模型，但不发送。",
    "Say in words why a request would go, or went, where it goes.": "用文字解释某个请求为什么交给（或曾交给）这个模型。",
    "List the models, their prices and what they can do.": "列出模型、价格与能力。",
    "What was asked, what it cost, what it would have cost elsewhere.": "请求了多少、花了多少、换别的模型要花多少。",
    "Check a configuration file, or show what it comes to.": "检查配置文件，或显示最终生效的配置。",
    "Run simulated models as an HTTP server.": "把模拟模型作为 HTTP 服务运行。",
    "Print the version.": "显示版本号。",
    # route, explain, models
    "note: no provider key in this terminal and no --config: simulated models; {other} may decide differently": (
        "注意：本终端没有服务商密钥，也没有 --config，这里用的是模拟模型；{other}可能作出不同的决定"
    ),
    "the server running on {state}": "正在使用 {state} 的服务",
    "a running server": "运行中的服务",
    # serve
    "fairlead answers at {address}/v1  ({models} models; state in {state})": (
        "fairlead 已就绪：{address}/v1（模型 {models} 个；状态目录 {state}）"
    ),
    "no provider key is in the environment: the models are SIMULATED, nothing leaves this machine": (
        "环境变量中没有任何服务商密钥：现在用的是【模拟】模型，数据不会离开本机"
    ),
    "the models are SIMULATED, nothing leaves this machine": "模型均为【模拟】，数据不会离开本机",
    "no keys are configured: answering programs on this machine only, without authentication": (
        "没有配置密钥：只应答本机程序，不做身份验证"
    ),
    "key: {key}": "密钥：{key}",
    "try:": "试一试：",
    "stopping; requests under way may finish": "正在停止；进行中的请求会先完成",
    # demo
    "{count} requests of mixed work go through {models} SIMULATED models in about {seconds} s.": (
        "约 {seconds} 秒内，{count} 个混合请求将经过 {models} 个【模拟】模型。"
    ),
    "Each caller names the policy of its task; all take the cheapest model that is good enough.": (
        "每个调用方按任务指定策略；各策略都选质量够好的模型中最便宜的。"
    ),
    "What routing saved (simulated)": "路由节省了多少（模拟数据）",
    "everything to": "全部交给",
    "answered (simulated)": "可应答 （模拟）",
    "cost (simulated)": "成本 （模拟）",
    "quality (simulated)": "预期质量 （模拟）",
    "right (simulated)": "预期答对 （模拟）",
    "routing saves (simulated)": "路由节省 （模拟）",
    "routing cost {times} x as much": "路由成本是其 {times} 倍",
    "Every figure of this table is simulated: invented models, prices and qualities. A model's row is for all the same requests and tokens, also those it could not have answered.": (
        "表中所有数字均为模拟：模型、价格与质量都是虚构的。每个模型一行都按相同的全部请求与 token 数计算，包括它无法应答的请求。"
    ),
    "Where the {count} requests went (simulated): {shares}": "{count} 个请求的去向（模拟）：{shares}",
    "Answers drawn as right (simulated): {right} of {judged}. The table's column is what the qualities lead one to "
    "expect; each simulated answer is then drawn with that chance.": (
        "抽中为正确的回答（模拟）：{judged} 个中有 {right} 个。表中一列是按质量预期的个数；每个模拟回答再按这个概率抽取。"
    ),
    "Models left out, and why: too weak = below the policy's least quality; not for it = lacks a flag the policy "
    "requires; unable = cannot do what the request needs (images, tools, JSON schema).": (
        "落选的模型及理由：too weak = 低于策略的质量下限；not for it = 没有策略要求的标记；"
        "unable = 做不到请求所需的（图片、工具、JSON schema）。"
    ),
    "task": "任务",
    "model": "模型",
    "time": "用时",
    "policy: models left out": "策略：落选的模型",
    "Measured here, not simulated: fairlead took {p50} ms (p99 {p99} ms) from a request coming in to sending it on.": (
        "本机实测（非模拟）：从收到请求到发出，fairlead 用时 {p50} 毫秒（p99 为 {p99} 毫秒）。"
    ),
    # report
    "Totals": "总计",
    "requests": "请求数",
    "not answered": "未应答",
    "side calls": "附带调用",
    "attempts": "尝试次数",
    "tokens in": "输入 token",
    "tokens out": "输出 token",
    "cost": "成本",
    "cost per request": "每个请求的成本",
    "cost per 1,000 requests": "每千个请求的成本",
    "attempts with estimated figures": "数字为估算的尝试",
    "against the recorded baseline": "与记录的基准相比",
    "{spent} spent, {instead} on the baseline ({share})": "实际花费 {spent}，基准需 {instead}（{share}）",
    "By model": "按模型",
    "By key": "按密钥",
    "By tenant": "按租户",
    "By task": "按任务",
    "By day": "按日期",
    "share of requests": "请求占比",
    "share of cost": "成本占比",
    "Had every answered request gone to one model (same tokens, today's prices)": (
        "如果所有已应答请求都交给同一个模型（相同 token 数，当前价格）"
    ),
    "would have cost": "成本会是",
    "routing saved": "路由节省",
    "{saving} saved": "节省 {saving}",
    "priced requests": "有价格的请求",
    "The ledger in {state} is empty{window}: there is nothing to add up yet.": "{state} 中的账本是空的{window}：还没有可统计的内容。",
}


def chinese() -> bool:
    language = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return language.lower().startswith("zh")


def tr(message: str) -> str:
    """The message in the user's language; placeholders are still to be filled."""
    return CHINESE.get(message, message) if chinese() else message
