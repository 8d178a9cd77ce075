"""What the commands say, in Chinese where the environment's language is Chinese. One table, English as key.

Data stay as they are: names, codes, reasons, JSON, CSV, and the log. So do the problems of a configuration, which name
settings line by line. Errors are raised in English, wherever that is; `told` translates those people meet at a start.
"""

from __future__ import annotations

import os
import re
from functools import cache
from string import Formatter
from typing import Literal

from fairlead.cli import messages_advice, messages_batch, messages_keys, messages_spending
from fairlead.cli.messages_advice import ADVICE
from fairlead.cli.messages_batch import BATCH
from fairlead.cli.messages_cache import CACHE
from fairlead.cli.messages_erasing import ERASING
from fairlead.cli.messages_keys import KEYS
from fairlead.cli.messages_learning import LEARNING
from fairlead.cli.messages_spending import SPENDING

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
    "What was asked, at the prices of today or of a file.": "按今天或某个文件的价格，这些请求要花多少。",
    "costs stay as they were charged; --what-if says what they would have been": (
        "费用以当时计费为准，不会改动；--what-if 说明按其他价格会是多少"
    ),
    "together": "合计",
    "charged": "已计费",
    "difference": "差额",
    "without a price now": "现在没有价格",
    "lost in a crash": "崩溃中丢失",
    "At other prices": "按其他价格",
    "Subscriptions": "订阅",
    "since": "起",
    "per": "每",
    "week": "周",
    "month": "月",
    "of this window": "摊入本期",
    "By team": "按团队",
    "By tag": "按标签",
    "team": "团队",
    "tag": "标签",
    "Work out every cost again, or write the ledger out as rows.": "重新核算每一笔费用，或把账本逐行导出。",
    "{requests} requests, {attempts} attempts: {worked_out} worked out from {rows} price rows, {unpriced} unpriced, "
    "{lost} lost in a crash, {older} from before price rows were kept": (
        "{requests} 个请求、{attempts} 次尝试：{worked_out} 次按 {rows} 条价格重新核算，{unpriced} 次未定价，"
        "{lost} 次因崩溃中断，{older} 次早于价格存档"
    ),
    "{count} differences": "{count} 处不符",
    "the sums are made anew": "汇总已重新生成",
    "no difference": "没有不符",
    "Parquet needs pyarrow: pip install 'fairlead[parquet]'": "Parquet 需要 pyarrow：pip install 'fairlead[parquet]'",
    "Check a configuration file, or show what it comes to.": "检查配置文件，或显示最终生效的配置。",
    "Run simulated models as an HTTP server.": "把模拟模型作为 HTTP 服务运行。",
    "Print the version.": "显示版本号。",
    "Say what kind of request each of many is, as JSON lines.": "逐行判断每个请求属于哪一类，输出 JSON 行。",
    "Learn anew what ships learned.": "重新训练随包提供的模型。",
    "sensitive content is not looked for: only what is declared, or a key's setting, makes a request sensitive": (
        "不检测敏感内容：只有调用方声明或密钥设置才会把请求视为敏感"
    ),
    "a request that holds {what} stays on self-hosted models": "含有 {what} 的请求只交给自托管模型",
    "a request that holds {what} is refused": "含有 {what} 的请求会被拒绝",
    "of a request that holds {what} it is noted": "含有 {what} 的请求只作记录",
    "{count} terms": "{count} 个自定义词",
    "lines that are no requests: {count}": "不是请求的行数：{count}",
    # route, explain, models
    "note: no provider key in this terminal and no --config: simulated models; {other} may decide differently": (
        "注意：本终端没有服务商密钥，也没有 --config，这里用的是模拟模型；{other}可能作出不同的决定"
    ),
    "note: {other} may have other models and keys than this terminal; it may decide differently": (
        "注意：{other}的模型和密钥可能与本终端不同，可能作出不同的决定"
    ),
    "the server running on {state}": "正在使用 {state} 的服务",
    "a running server": "运行中的服务",
    "{name} is off until you switch it on": "{name} 已停用，直到重新启用",
    "{name} is off for {seconds:g} s": "{name} 已停用 {seconds:g} 秒",
    "{name} is on again": "{name} 已重新启用",
    "still off by their own switch: {names}": "仍因各自的开关而停用：{names}",
    "{name} was not switched off": "{name} 并未停用",
    "{value} is no time; write it like 30s, 15m, 2h or 1d": "{value} 不是时长；请写成 30s、15m、2h 或 1d",
    "well": "正常",
    "left alone": "暂停调用",
    "on trial": "试探中",
    "state": "状态",
    "until": "直到",
    "last fault": "最近故障",
    "times ejected": "被暂停次数",
    "Of the running server; who is left alone has failed of late.": "来自运行中的服务；“暂停调用”的渠道近期出现过故障。",
    # serve
    "fairlead answers at {address}/v1  ({models} models; state in {state})": (
        "fairlead 已就绪：{address}/v1（模型 {models} 个；状态目录 {state}）"
    ),
    "no provider key is in the environment: the models are SIMULATED, nothing leaves this machine": (
        "环境变量中没有任何服务商密钥：现在用的是【模拟】模型，数据不会离开本机"
    ),
    "SIMULATED: {names} (no key or address in the environment); what they answer is made up": (
        "【模拟】：{names}（环境变量中没有密钥或地址），其回答均为编造"
    ),
    "--config and --preset exclude each other: name one of them.": "--config 与 --preset 不能同时使用，请只给一个。",
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
    "attempts whose price is unknown, not in the cost": "价格未知、未计入成本的尝试",
    "attempts with estimated figures": "数字为估算的尝试",
    "against the recorded baseline": "与记录的基准相比",
    "{spent} spent, {instead} on the baseline ({share})": "实际花费 {spent}，基准需 {instead}（{share}）",
    "By model": "按模型",
    "By key": "按密钥",
    "By tenant": "按租户",
    "By task": "按任务",
    "By day": "按日期",
    "By tier": "按层级",
    "share of requests": "请求占比",
    "share of cost": "成本占比",
    "Had every answered request gone to one model (same tokens, today's prices)": (
        "如果所有已应答请求都交给同一个模型（相同 token 数，当前价格）"
    ),
    "would have cost": "成本会是",
    "routing saved": "路由节省",
    "{saving} saved": "节省 {saving}",
    "priced requests": "有价格的请求",
    "spent on them": "这些请求的花费",
    "Each model with the requests that it could have answered: texts, or embeddings.": (
        "每个模型只与它能应答的请求比较：文本，或嵌入。"
    ),
    "spent on requests without an answer, in no comparison": "未得到应答的请求的花费，不计入比较",
    "The ledger in {state} is empty: there is nothing to add up yet.": "{state} 中的账本是空的：还没有可统计的内容。",
    "The ledger in {state} is empty since {since}: there is nothing to add up yet.": (
        "{state} 中的账本自 {since} 以来没有记录：还没有可统计的内容。"
    ),
    "(no answer)": "（未应答）",
    "(no tier)": "（不属于任何层级）",
    "Tiers": "层级",
    "tier": "层级",
    "per 1,000": "每千个请求",
    "expected": "预期",
    "budget a day": "每日预算",
    "left today": "今日剩余",
    "Feedback": "反馈",
    "judgements": "评价数",
    "satisfied": "满意度",
    "Classifier: the model that is asked": "分类器：被询问的模型",
    "asked": "询问次数",
    "of these without an answer": "其中没有应答",
    "latest requests looked at": "统计的最近请求数",
    "its word counted": "采用其判断",
    "asked in vain": "询问无果",
    "agrees with the built-in one": "与内置分类器一致",
    "opinions": "判断数",
    "agreement": "一致率",
    "drift": "漂移",
    "most often": "最常见",
    "alarm": "告警",
    "Drift is the population stability index against the day before: above 0.25 is a large change.": (
        "漂移是相对前一天的群体稳定性指数（PSI）：高于 0.25 为显著变化。"
    ),
    "unknown": "未知",
    "key": "密钥",
    "tenant": "租户",
    "day": "日期",
    "note: the program that owns this ledger cannot be asked; its last moments are missing here": (
        "注意：无法询问正在使用这个账本的程序，这里缺少它最后片刻的记录"
    ),
    "note: the gateway did not stop in order; its last requests join these figures when it starts again": (
        "注意：网关上次没有正常停止；它最后的请求将在下次启动后计入"
    ),
    # route, explain
    "{model}  via {channel}  {price}": "{model}  经由 {channel}  {price}",
    "at an unknown price": "价格未知",
    "about {cost}": "约 {cost}",
    "no model may answer this request:": "没有模型可以应答这个请求：",
    "It would go to {model} via {channel}, for about {cost}.": "它会交给 {model}，经由 {channel}，约 {cost}。",
    "It would go to {model} via {channel}; its price is unknown.": "它会交给 {model}，经由 {channel}；价格未知。",
    "No model may answer it.": "没有模型可以应答它。",
    "Candidates, first choice first": "候选模型（首选在前）",
    "channels": "渠道",
    "channel": "渠道",
    "cost about": "成本约",
    "quality": "质量",
    "ms about": "约毫秒",
    "score": "得分",
    "made of": "构成",
    "Left out": "落选",
    "left out": "落选者",
    "reason": "理由",
    "because": "原因",
    "policy {policy} ({strategy}), version {version}; snapshot {snapshot}": (
        "策略 {policy}（{strategy}），版本 {version}；快照 {snapshot}"
    ),
    "Signals": "信号",
    "what was found out": "查明的内容",
    "value": "值",
    "confidence": "置信度",
    "{request}, {when}, key {key}": "{request}，{when}，密钥 {key}",
    "{request}, {when}, key {key} of tenant {tenant}": "{request}，{when}，租户 {tenant} 的密钥 {key}",
    "It asked for {asked}; policy {policy} ({strategy}) chose, and {model} answered via {channel}.": (
        "它要的是 {asked}；由策略 {policy}（{strategy}）选择，{model} 经由 {channel} 应答。"
    ),
    "It asked for {asked}; policy {policy} ({strategy}); it was not answered: {error} (HTTP {status}).": (
        "它要的是 {asked}；策略 {policy}（{strategy}）；未得到应答：{error}（HTTP {status}）。"
    ),
    "It was turned down before any provider was asked ({kind}).": "它在询问任何提供商之前即被拒绝（{kind}）。",
    "Cost {cost}.": "成本 {cost}。",
    "Cost {cost}; {baseline} would have cost {instead} for the same tokens.": (
        "成本 {cost}；同样的 token 数，{baseline} 需要 {instead}。"
    ),
    "{total} ms in all, of which fairlead took {own} ms before it was sent.": (
        "共 {total} 毫秒，其中发出之前 fairlead 用了 {own} 毫秒。"
    ),
    "Attempts": "各次尝试",
    "outcome": "结果",
    "first ms": "首字毫秒",
    "ms": "毫秒",
    "in": "输入",
    "out": "输出",
    "attempt {number}: {error}": "第 {number} 次尝试：{error}",
    "Cost lines": "成本明细",
    "attempt": "尝试",
    "line": "项目",
    "quantity": "数量",
    "unit": "单位",
    "amount": "金额",
    "price row": "价格来源",
    "What would flip it": "怎样会改变选择",
    "Why it went there": "为什么交给它",
    "note: {problem}": "注意：{problem}",
    # replay
    "Make decisions again from what is stored of them.": "用保存的数据重新做出决定。",
    "{request}: the same plan again, to the last figure: {model}, {steps} ready, {rejected} left out.": (
        "{request}：重新得到完全相同的方案：{model}，备有 {steps} 个，落选 {rejected} 个。"
    ),
    "{request}: NOT the same plan: it went to {before}, now it would go to {model}.": (
        "{request}：方案不同：当时交给 {before}，现在会交给 {model}。"
    ),
    "{request}: NOT the same plan, though {model} is first both times.": "{request}：方案不同，不过首选都是 {model}。",
    "It was decided by fairlead {then}; this is {now}, which may decide otherwise by right.": (
        "当时由 fairlead {then} 决定；现在是 {now}，结果不同可能是合理的。"
    ),
    "Under {config}: the same first choice, {model}, for about {cost}.": "在 {config} 下：首选不变，仍是 {model}，约 {cost}。",
    "Under {config}: {model} instead of {before}, for about {cost} instead of {instead}.": (
        "在 {config} 下：{before} 改为 {model}，成本由约 {instead} 变为约 {cost}。"
    ),
    "{count} decisions made again: {same} the same, {different} different, {missing} not kept; {named} named their model.": (
        "重做 {count} 个决定：{same} 个相同，{different} 个不同，{missing} 个未保存；另有 {named} 个请求指定了模型。"
    ),
    "{count} were under way when the gateway ended: what they asked for was not written down yet.": (
        "{count} 个请求在网关终止时仍在进行：它们要求了什么尚未写下。"
    ),
    "{count} were given an earlier answer: nothing was chosen.": "{count} 个得到了先前的应答：没有做选择。",
    "{count} of them were decided by another version.": "其中 {count} 个由另一版本决定。",
    "Under {config} {moved} of {count} would go elsewhere; expected cost {cost} instead of {instead}.": (
        "在 {config} 下，{count} 个中有 {moved} 个会改变去向；预期成本由 {instead} 变为 {cost}。"
    ),
    "from": "原来",
    "to": "改为",
    "policy version": "策略版本",
    "snapshot": "快照",
    "session": "会话",
    "tags": "标签",
    # models
    "off": "停用",
    "$ in / out": "$ 输入 / 输出",
    "context": "上下文",
    "can do": "能力",
    "vendor": "厂商",
    "offered by": "提供方",
    "field": "字段",
    "source": "来源",
    "source and date": "来源与日期",
    "Prices in USD per million tokens.": "价格单位：美元 / 百万 token。",
    "{count} models of the catalogue of {date}; prices in USD per million tokens.": (
        "目录（{date}）中的 {count} 个模型；价格单位：美元 / 百万 token。"
    ),
    "A wider window also shows: {columns}.": "更宽的窗口还会显示：{columns}。",
    # simulate
    "SIMULATED models answer at {address}/v1: {names}": "【模拟】模型已就绪：{address}/v1：{names}",
    "SIMULATED models answer at {address}/v1: {names}, and any other name": (
        "【模拟】模型已就绪：{address}/v1：{names}，以及任何其他名称"
    ),
    # config status, reload, versions, rollback
    "configuration {version} is in force": "配置 {version} 已生效",
    "rejected; configuration {version} stays in force": "已拒绝；配置 {version} 继续生效",
    "since {time}, from {source}": "自 {time} 起，来自 {source}",
    "it was rolled back to; it stays until the file says something new": "这是回滚后的版本；文件内容改变之前一直有效",
    "a newer text was rejected at {time}:": "较新的配置在 {time} 被拒绝：",
    "version": "版本",
    "first in force": "首次生效",
    "in force": "生效中",
    "not restorable: secrets in its text": "无法恢复：正文中含有密钥",
    # calc
    "What strategies would cost on a mix of work, and whether published figures add up.": "估算各种策略在给定负载上的成本，并核对公开数字是否算得对。",
    "--list and --all stand alone: without a scenario, other options or one another.": "--list 与 --all 须单独使用，不能与场景、其他选项或彼此同用。",
    "scenario": "场景",
    "what it is about": "内容",
    "adds up": "是否吻合",
    "`fairlead calc NAME` shows one.": "用 `fairlead calc 名称` 查看其中一个。",
    "Published figures, computed again": "重新核算的公开数字",
    "{right} of {count} published figures add up.": "{count} 个公开数字中有 {right} 个吻合。",
    "{count} requests a {period}": "每个周期（{period}）{count} 个请求",
    "{task}, {share} of them: {input} tokens in, {output} out, {cached} of the input cached": (
        "{task}，占 {share}：输入 {input} token，输出 {output}，输入的 {cached} 命中缓存"
    ),
    "Prices per million tokens": "每百万 token 的价格",
    "cached": "缓存输入",
    "strategy": "策略",
    "per request": "每个请求",
    "saved against {name}": "相对 {name} 节省",
    "Qualities of {models} are the catalogue's estimates.": "{models} 的质量为目录中的估计值。",
    "Published": "公开数字",
    "figure": "数字",
    "published": "公开值",
    "computed": "核算值",
    "yes": "是",
    "NO": "否",
    **ADVICE,
    **KEYS,
    **SPENDING,
    **LEARNING,
    **CACHE,
    **BATCH,
    **ERASING,
    # every command
    "a server that runs goes on as it was; name its state directory with --state-dir to reach it": (
        "运行中的服务仍按原配置工作；请用 --state-dir 指定其状态目录来访问它"
    ),
    "the output could not be written": "无法写入输出",
    "warning": "警告",
    "there is no command {name}.": "没有 {name} 这个命令。",
    "Did you mean {name}?": "你是不是想用 {name}？",
}

ERRORS: dict[str, str] = {
    "no server is running on {folder}; name its directory with --state-dir": (
        "{folder} 上没有运行中的服务；请用 --state-dir 指定它的状态目录"
    ),
    "cannot listen on {host}:{port}: {reason}; choose another with --port, or server.port": (
        "无法监听 {host}:{port}：{reason}；请用 --port 或 server.port 另选一个"
    ),
    "cannot listen on {host}:{port}: {reason}; choose another with --port": (
        "无法监听 {host}:{port}：{reason}；请用 --port 另选一个"
    ),
    "server.host is {host}, which others can reach, and no keys are configured; add `keys: [{{name: me, key: ...}}]`, "
    "or set server.host to 127.0.0.1": (
        "server.host 是 {host}，其他机器可以访问，但没有配置密钥；请添加 `keys: [{{name: me, key: ...}}]`，"
        "或把 server.host 设为 127.0.0.1"
    ),
    "the state directory {state} is in use by process {pid}; stop that process, or give this one another directory: "
    "--state-dir, or server.state_dir": (
        "状态目录 {state} 正被进程 {pid} 使用；请停止该进程，或用 --state-dir 或 server.state_dir 换一个目录"
    ),
    "cannot use the state directory {state}: {reason}; name one this user may write to: --state-dir, or "
    "server.state_dir": (
        "无法使用状态目录 {state}：{reason}；请用 --state-dir 或 server.state_dir 指定当前用户可写的目录"
    ),
    "there is no ledger in {state}; the gateway makes one when it starts. If yours is elsewhere, name it with "
    "--state-dir, or its configuration with --config": (
        "{state} 中没有账本；网关启动时才会建立。如果账本在别处，请用 --state-dir 指定它，或用 --config 指定其配置"
    ),
    "the ledger in {state} has no request {id}; its id is in the answer's x-fairlead-request-id": (
        "{state} 中的账本没有请求 {id}；请求 id 在应答头 x-fairlead-request-id 里"
    ),
    "the server that owns {state} does not answer: {reason}": "正在使用 {state} 的服务没有应答：{reason}",
    "model {name} is neither configured nor in the catalogue.{hint}": "模型 {name} 既没有配置，也不在目录中。{hint}",
    "{file}: there is no such file": "{file}：没有这个文件",
    "{file}: this is a directory; name a file in it": "{file}：这是一个目录；请指定其中的文件",
    "{file}: the file cannot be read: {reason}": "{file}：无法读取文件：{reason}",
    "{file}: the file is not UTF-8 text; save it as UTF-8": "{file}：文件不是 UTF-8 文本；请存为 UTF-8",
    "cannot read {file}: {reason}": "无法读取 {file}：{reason}",
    "{file}: this is not JSON: {reason}": "{file}：这不是 JSON：{reason}",
    **messages_advice.ERRORS,
    **messages_batch.ERRORS,
    **messages_keys.ERRORS,
    **messages_spending.ERRORS,
}
"""Each as the code spells it, with names for what it fills in."""


def chinese() -> bool:
    language = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return language.lower().startswith("zh")


def language() -> Literal["en", "zh"]:
    return "zh" if chinese() else "en"


def tr(message: str) -> str:
    """The message in the user's language; placeholders are still to be filled."""
    return CHINESE.get(message, message) if chinese() else message


def told(error: str) -> str:
    """The text of an error in the user's language, where it is one of those people meet."""
    if chinese():
        for pattern, message in _patterns():
            if found := pattern.fullmatch(error):
                return message.format(**found.groupdict())
    return error


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What recognises an error of the table, and its translation."""
    return tuple((re.compile(_pattern(error), re.DOTALL), message) for error, message in ERRORS.items())


def _pattern(template: str) -> str:
    parts = Formatter().parse(template)
    return "".join(re.escape(text) + (f"(?P<{name}>.*?)" if name else "") for text, name, _, _ in parts)
