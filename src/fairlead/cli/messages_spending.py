"""What `fairlead recommend`, `fairlead guards` and the later parts of `fairlead report` say, in Chinese. A part of the
table of messages."""

from __future__ import annotations

SPENDING: dict[str, str] = {
    # recommend
    "What would save money, and the change of the configuration that does it.": "怎样可以省钱，以及对应的配置改动。",
    "--apply needs --config: the file to write to": "--apply 需要 --config：要写入的文件",
    "none": "无",
    "there is no recommendation {name}; there are: {names}": "没有建议 {name}；现有：{names}",
    "no change of the file does this: {why}": "修改配置文件无法做到：{why}",
    "{file} says so already; nothing to change": "{file} 已经是这样，无需修改",
    "Write this to {file}?": "把它写入 {file} 吗？",
    "{file} is written; a running server takes it up within a second": "{file} 已写入；运行中的服务会在一秒内采用",
    "Nothing was spent according to the ledger in {state}: there is nothing to recommend.": (
        "{state} 中的账本没有任何花费：没有可建议的内容。"
    ),
    "Nothing to recommend: {spent} a month, well spent.": "没有建议：每月 {spent}，花得值。",
    "saves {saving} a month": "每月节省 {saving}",
    "Together they save {saving} of {spent} a month ({share}); each request is counted once.": (
        "合计每月可省 {saving}（共花费 {spent}，{share}）；每个请求只计一次。"
    ),
    "move {share} of {task} from {models} to {to}": "将 {share} 的 {task} 从 {models} 移到 {to}",
    "{model} answered {requests} such requests for {cost} a month; {to} would take {instead} for the same tokens. "
    "Expected quality {now} and {then} (judged {count} times)": (
        "{model} 应答了 {requests} 个这类请求，每月 {cost}；同样的 token 数，{to} 需要 {instead}。"
        "预期质量 {now} 与 {then}（评价 {count} 次）"
    ),
    "the table of {policy} names {to} already: these were answered before it did, or below its threshold of {threshold}. "
    "`--since` leaves out what was before; a lower threshold, or callers that state their task, help with the rest": (
        "{policy} 的任务表已指定 {to}：这些请求是在此之前应答的，或低于阈值 {threshold}。`--since` 可排除更早的请求；"
        "其余的可降低阈值，或让调用方声明任务"
    ),
    "the table of {policy} names {to} already: these were answered before it did, or sent on for a reason that "
    "`fairlead explain` tells; `--since` leaves out what was before": (
        "{policy} 的任务表已指定 {to}：这些请求是在此之前应答的，或因故转给了备选（`fairlead explain` 说明原因）；`--since` 可排除更早的请求"
    ),
    "{policy} is not declared in the configuration: declare it, with a table": (
        "配置中没有声明 {policy}：请声明它并写出任务表"
    ),
    "{to} is better and cheaper than {model}": "{to} 比 {model} 更好也更便宜",
    "{model} cost {cost} a month for {requests} requests; {to} would have taken {instead} for the same tokens": (
        "{model} 的 {requests} 个请求每月 {cost}；同样的 token 数，{to} 需要 {instead}"
    ),
    "expected quality at {task}: {now} and {then}": "{task} 的预期质量：{now} 与 {then}",
    "some callers name {model}: let them ask for {to}, or for auto": (
        "有调用方直接指定 {model}：请让它们改用 {to} 或 auto"
    ),
    "a policy names {model}: let it name {to}": "有策略指定了 {model}：请改为 {to}",
    "less work for premium models": "减少高价模型的用量",
    "more work for cheap models": "增加低价模型的用量",
    "premium models ({models}) took {share} of the spend, more than {limit}": (
        "高价模型（{models}）占花费的 {share}，超过 {limit}"
    ),
    "cheap models ({models}) took {share} of the spend, less than {limit}": (
        "低价模型（{models}）占花费的 {share}，不到 {limit}"
    ),
    "cheap models ({models}) answered {share} of the requests, fewer than {limit}": (
        "低价模型（{models}）应答了 {share} 的请求，不到 {limit}"
    ),
    "{task} could move from {models} to {to}": "{task} 可以从 {models} 移到 {to}",
    "no cheaper model is known to be good enough for what they do: lower a policy's `min_quality`, declare "
    "`models.*.qualities`, or have answers judged (POST /v1/feedback)": (
        "没有已知够好的更便宜模型可以接手：可降低策略的 `min_quality`，声明 `models.*.qualities`，"
        "或提交对回答的评价（POST /v1/feedback）"
    ),
    "{share} of the prompt tokens of {model} had been sent in the same session up to five minutes before; {cached} were "
    "billed as cached, which costs {off} less": (
        "{model} 的输入 token 中有 {share} 在此前五分钟内于同一会话发送过；其中 {cached} 按缓存计费，缓存价低 {off}"
    ),
    "keep what prompts begin with unchanged and in front; where the provider wants it, let the client mark it "
    "(`cache_control`)": "把不变的内容放在提示词开头并保持不变；如服务商要求，请让客户端标记它（`cache_control`）",
    "{model} reads from its cache for less, and hardly does": "{model} 的缓存读取更便宜，但几乎没有用上",
    # budgets
    "What may be spent, by whom, and what is.": "可以花多少、由谁花、已花多少。",
    "No budgets are set that bind anybody yet: see `budgets` in the configuration.": (
        "还没有对任何人生效的预算：请查看配置中的 `budgets`。"
    ),
    "None of the budgets is of this scope and tenant; without --scope and --tenant there are {count}.": (
        "没有属于该范围和租户的预算；不加 --scope 和 --tenant 共有 {count} 个。"
    ),
    "scope": "范围",
    "whose": "对象",
    "per": "周期",
    "mode": "方式",
    "spent": "已花费",
    "held": "占用",
    "left": "剩余",
    "anew": "重置时间",
    # report
    "spend": "花费",
    "shared context": "共享上下文",
    "{sent} tokens put in instead of {instead}, in {requests} requests": (
        "{requests} 个请求共放入 {sent} 个 token，代替 {instead} 个"
    ),
    "Tools that providers ran": "服务商自行运行的工具",
    "tool": "工具",
    "uses": "使用次数",
    "fees": "费用",
    "without a known fee": "费用未知",
    "{count} attempts used a provider's tool whose fee is not known: it is not in their cost": (
        "{count} 次尝试使用了费用未知的服务商工具：其费用未计入成本"
    ),
    "Providers' prompt caches": "提供方的提示缓存",
    "from its cache": "缓存读取",
    "written to it": "缓存写入",
    "hit rate": "命中率",
    "a million, plain": "每百万原价",
    "a million, in effect": "每百万实价",
    "saved by providers' caches": "服务商缓存节省",
    "{paid} instead of {full}": "实付 {paid}，原价 {full}",
    "spent on routing itself": "路由自身的花费",
    "time spent on routing": "路由自身的用时",
    "{ms} ms a request": "每个请求 {ms} 毫秒",
    "expected quality": "预期质量",
    "cost-quality ratio": "成本质量比",
    "{month}: {spent} so far.": "{month}：目前 {spent}。",
    "{month}: {spent} so far, {expected} expected by its end ({low} to {high}).": (
        "{month}：目前 {spent}，预计月底 {expected}（{low} 至 {high}）。"
    ),
    "budget of": "预算",
    "share": "占比",
    "burnt": "消耗",
    "outlook": "预测",
    "Budgets": "预算",
    "will be spent early": "将提前用完",
    "may be spent early": "可能提前用完",
    "lasts": "够用",
    "a day": "每日",
    "a week": "每周",
    "a month": "每月",
    "in all": "总额",
    "the gateway": "网关",
    "By team": "按团队",
    "By tag": "按标签",
    "team": "团队",
    "tag": "标签",
    # guards
    "Whether routing itself goes wrong somewhere: quality, overhead, caches, drift.": (
        "路由本身是否出了问题：质量、开销、缓存、分布漂移。"
    ),
    "verifying": "核对",
    "adding up": "汇总",
    "{owner} of tenant {tenant}": "租户 {tenant} 的{owner}",
    "nothing was asked of {models}: what the file says of that changes nothing": (
        "没有请求用过 {models}：文件中关于它的价格不起作用"
    ),
    "guard": "守卫",
    "bound": "界限",
    "not enough to tell": "数据不足",
    "fine": "正常",
    "ALARM": "告警",
}

ERRORS: dict[str, str] = {
    # whose a budget is
    "key {name} with all keys it granted": "密钥 {name} 及其签发的所有密钥",
    "tier {tier} of policy {policy}": "策略 {policy} 的层级 {tier}",
    # guards
    "the quality of answers is {value} (expected), the floor {bound}": "回答质量为 {value}（预期），下限 {bound}",
    "the quality of answers is {value} (judged {count} times), the floor {bound}": (
        "回答质量为 {value}（评价 {count} 次），下限 {bound}"
    ),
    "routing's own calls cost ${cost}, routing saved ${saved}": "路由自身的调用花费 ${cost}，路由节省 ${saved}",
    "{share} of {tokens} cacheable prompt tokens came from providers' caches, at least {bound} should": (
        "{tokens} 个可缓存的输入 token 中有 {share} 来自服务商的缓存，应至少为 {bound}"
    ),
    "the shares of {what} have a population stability index of {value} against the window before; most moved {name}, "
    "from {had} to {has}": (
        "{what} 的占比相对前一窗口的群体稳定性指数（PSI）为 {value}；变化最大的是 {name}，由 {had} 变为 {has}"
    ),
}
"""What whoever works it out has put into words already."""
