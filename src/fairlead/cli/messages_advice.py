"""What `fairlead advise` says, in Chinese. A part of the table of messages."""

from __future__ import annotations

ADVICE: dict[str, str] = {
    "Say from logs whether routing pays, and what it would save.": "根据日志判断路由是否划算、能省多少。",
    "reading": "读取",
    "{file}: {count} lines could not be read, of which {told} are told above": (
        "{file}：{count} 行无法读取，上面列出了其中 {told} 行"
    ),
    "{file}: no usage in it": "{file}：其中没有用量",
    # verdicts
    "No: {spent_usd} a month is under {least_usd}; what routing saves of that is not worth a router.": (
        "不必：每月 {spent_usd}，不到 {least_usd}；省下的部分抵不过维护路由器。"
    ),
    "No: of the models that may be used, {models} are left, and there is nothing to choose from.": (
        "不必：允许使用的模型只剩 {models} 个，没有选择余地。"
    ),
    "No: nobody can look after a router. Use fewer models, or the findings below by hand.": (
        "不必：没有人能维护路由器。请减少模型种类，或手动采用下面的发现。"
    ),
    "Yes: {spent_usd} a month is worth routing (rules for it: {for}, against it: {against}).": (
        "值得：每月 {spent_usd} 值得做路由（支持的规则 {for} 条，反对 {against} 条）。"
    ),
    "Perhaps: {spent_usd} a month is worth routing, but more speaks against it (rules for it: {for}, against it: {against}).": (
        "未必：每月 {spent_usd} 值得做路由，但反对多于支持（支持的规则 {for} 条，反对 {against} 条）。"
    ),
    "Yes: {spent_usd} a month is not much, but enough speaks for routing (rules for it: {for}, against it: {against}).": (
        "值得：每月 {spent_usd} 不算多，但理由充分（支持的规则 {for} 条，反对 {against} 条）。"
    ),
    "Perhaps: {spent_usd} a month is not much (rules for routing: {for}, against it: {against}).": (
        "未必：每月 {spent_usd} 不算多（支持路由的规则 {for} 条，反对 {against} 条）。"
    ),
    "No: {spent_usd} a month is not much, and more speaks against routing (rules for it: {for}, against it: {against}).": (
        "不必：每月 {spent_usd} 不算多，且反对路由的多于支持（支持的规则 {for} 条，反对 {against} 条）。"
    ),
    "Unknown: too much of the logs has no known price ({spent_usd} a month are known).": (
        "无法判断：日志中太多行没有已知价格（已知的每月 {spent_usd}）。"
    ),
    # rules
    "{spent_usd} a month are known, but {unpriced_share} of the rows have no known price": (
        "已知每月 {spent_usd}，但 {unpriced_share} 的行没有已知价格"
    ),
    "only {known_share} of the spending goes, with tokens, to models the catalogue knows": (
        "只有 {known_share} 的花费附有 token 数且模型在目录中"
    ),
    "{spent_usd} a month; under {least_usd} the trouble costs more than it saves": (
        "每月 {spent_usd}；低于 {least_usd} 时得不偿失"
    ),
    "{spent_usd} a month, between {least_usd} and {enough_usd}: the other rules decide": (
        "每月 {spent_usd}，介于 {least_usd} 与 {enough_usd} 之间：由其他规则决定"
    ),
    "{spent_usd} a month; over {enough_usd} a router pays for itself": "每月 {spent_usd}；超过 {enough_usd} 时路由器能收回成本",
    "{saved_share} of it could be saved: hardly worth it": "可节省其中 {saved_share}：几乎不值得",
    "{saved_share} of it might be saved, but it may also be nothing ({low_usd} to {high_usd})": (
        "可能节省其中 {saved_share}，也可能一无所获（{low_usd} 至 {high_usd}）"
    ),
    "{saved_share} of it would be saved: {low_usd} to {high_usd} a month": (
        "可节省其中 {saved_share}：每月 {low_usd} 至 {high_usd}"
    ),
    "the work is varied: as if {tasks} tasks were equally frequent; the most frequent, {task}, is {task_share}": (
        "任务多样：相当于 {tasks} 种任务同样频繁；最常见的 {task} 占 {task_share}"
    ),
    "the work is much alike: as if {tasks} tasks were equally frequent, {task} alone is {task_share}; choosing one fitting model does most of it": (
        "任务单一：相当于 {tasks} 种任务同样频繁，仅 {task} 就占 {task_share}；选一个合适的模型即可"
    ),
    "the task is known of {known_share} of the requests only; logs with prompts would tell": (
        "只有 {known_share} 的请求知道任务；含提示词的日志能说明"
    ),
    "how much quality may be lost is not said (--tolerance); {loss} is taken": (
        "没有说明可以损失多少质量（--tolerance）；按 {loss} 计"
    ),
    "no loss of quality is accepted: only better and cheaper models remain": "不接受质量损失：只剩更好且更便宜的模型",
    "a loss of quality of {loss} is accepted: little room": "接受 {loss} 的质量损失：余地很小",
    "a loss of quality of {loss} is accepted: room enough": "接受 {loss} 的质量损失：余地足够",
    "whether every provider may be used is not said (--compliance); all {vendors} vendors of the catalogue are considered": (
        "没有说明是否可用任何服务商（--compliance）；目录中全部 {vendors} 家厂商都在考虑之内"
    ),
    "any provider may be used: {models} models of {vendors} vendors": "可用任何服务商：{vendors} 家厂商的 {models} 个模型",
    "{models} models of {vendors} vendors may be used": "可用 {vendors} 家厂商的 {models} 个模型",
    "only some providers may be used, but which is not said (--vendor, --region, --model)": (
        "只能用部分服务商，但没有说明是哪些（--vendor、--region、--model）"
    ),
    "{models} models may be used: there is nothing to choose from": "允许使用的模型有 {models} 个：没有选择余地",
    "{provider_share} goes to {provider}: when it fails or raises its prices, there is no other way": (
        "{provider_share} 花在 {provider}：一旦它故障或涨价，别无他路"
    ),
    "{provider_share} at most goes to one provider, {provider}": "最多的一家服务商 {provider} 占 {provider_share}",
    "whose the models are is not known": "不知道模型属于谁",
    "who would look after a router is not said (--capacity)": "没有说明由谁维护路由器（--capacity）",
    "nobody can look after a router": "没有人能维护路由器",
    "somebody can look after a router now and then: keep to few models": "有人可以偶尔维护路由器：模型不宜多",
    "a team looks after it": "有团队维护",
    # findings
    "premium models take {premium_share} of the spending; over {most_share} is too much": (
        "高价模型占花费的 {premium_share}；超过 {most_share} 就太多了"
    ),
    "cheap models answer {cheap_share} of the requests; under {least_share} is too little": (
        "低价模型应答 {cheap_share} 的请求；低于 {least_share} 就太少了"
    ),
    "{model} answers simple requests ({tasks}): {simple_share} of what it costs": (
        "{model} 在应答简单请求（{tasks}）：占其成本的 {simple_share}"
    ),
    "{to} is as good as {model} or better ({quality_to}, {quality}), and costs less": (
        "{to} 不逊于 {model}（{quality_to}，{quality}），而且更便宜"
    ),
    "{model} gets {requests} complex requests a month ({tasks}) that it is too weak for": (
        "{model} 每月收到 {requests} 个复杂请求（{tasks}），对它来说太难"
    ),
    "{model} has lower prices than {other}, but costs {times} times as much a request ({tasks}): it writes more": (
        "{model} 单价低于 {other}，但每个请求的成本是其 {times} 倍（{tasks}）：它写得更多"
    ),
    "{again_share} of the prompts to {model} come again soon, {risen_share} of these to a dearer model: its answers may not be good enough": (
        "发给 {model} 的提示词有 {again_share} 很快重来，其中 {risen_share} 改用更贵的模型：它的回答可能不够好"
    ),
    "{failed_share} of the requests to {model} fail": "发给 {model} 的请求有 {failed_share} 失败",
    # headings
    "Does routing pay?": "路由划算吗？",
    "rule": "规则",
    "speaks": "意见",
    "for": "支持",
    "against": "反对",
    "neither": "中立",
    "spending": "花费",
    "saving": "节省",
    "variety of tasks": "任务多样性",
    "tolerance": "质量容忍度",
    "compliance": "合规",
    "single provider": "单一服务商",
    "capacity to maintain": "维护能力",
    "What would be saved": "能省多少",
    "Nothing could go to another model that is about as good and costs less.": "没有可以交给质量相近且更便宜的模型的请求。",
    "Of {spent} a month {saved} would be saved ({share}); in 90 of 100 draws {low} to {high}.": (
        "每月 {spent} 中可节省 {saved}（{share}）；100 次抽样中有 90 次在 {low} 至 {high} 之间。"
    ),
    "{count} smaller moves are not shown.": "另有 {count} 项较小的调整未列出。",
    "Qualities are what the catalogue says: try a move on requests of your own first.": (
        "质量取自目录：请先用自己的请求试一试再调整。"
    ),
    "{count} smaller findings are not shown.": "另有 {count} 项较小的发现未列出。",
    "cost a month": "每月成本",
    "would save": "可节省",
    "Overuse and mismatch": "过度使用与错配",
    "kind": "类别",
    "overuse": "过度使用",
    "mismatch": "错配",
    "what was found": "发现",
    "Who spends it": "谁在花费",
    "tenant or key": "租户或密钥",
    "Everything to one model": "全部交给一个模型",
    "in use": "在用",
    "yes": "是",
    "no": "否",
    "(today)": "（现状）",
    "(as advised)": "（按建议）",
    "What this rests on": "依据",
    "rows": "行数",
    "days": "天数",
    "first day": "首日",
    "last day": "末日",
    "cost in that time": "这段时间的成本",
    "of it as the logs say": "其中日志记载的",
    "of it at list prices": "其中按标价计算的",
    "on invoices": "账单金额",
    "rows without a known price, left out": "价格未知而未计入的行",
    "rows whose tokens are estimates": "token 数为估算的行",
    "prompts without a task": "没有标明任务的提示词",
    "of them read by the classifier": "其中由分类器读取的",
    "share of the cost whose task is unknown": "任务未知的成本占比",
    "The logs have no times: {days} days are assumed (--days).": "日志没有时间：按 {days} 天计（--days）。",
    "The logs cover {days} days: a month may be quite different.": "日志只覆盖 {days} 天：一个月的情况可能大不相同。",
    # what is wrong with logs
    "there is no usage in these logs": "这些日志中没有用量",
    "the file is empty": "文件是空的",
    "this is neither JSON, nor JSON lines, nor CSV": "这既不是 JSON，也不是 JSON Lines，也不是 CSV",
    "a count of tokens is negative": "token 数是负的",
    "the row names no model": "这一行没有写模型",
    "the row names no model: ask for the usage with group_by=model": "这一行没有写模型：请用 group_by=model 查询用量",
    "the row names no model: ask for the report with group_by[]=model": "这一行没有写模型：请用 group_by[]=model 查询报表",
    "there is no prompt, text or messages in it": "其中没有 prompt、text 或 messages",
}

ERRORS: dict[str, str] = {
    "there is no model {name}; see `fairlead models`": "没有模型 {name}；见 `fairlead models`",
    "there is no {what} {name}; there are {names}": "没有 {what} {name}；现有 {names}",
    "no known log has objects with {names} in them": "已知的日志格式都没有带 {names} 的对象",
    "no known log has the columns {names}": "已知的日志格式都没有 {names} 这些列",
    "there is no column {name}": "没有列 {name}",
    "{value} is no time of such a log": "{value} 不是这种日志会有的时间",
    "{value} is no time": "{value} 不是时间",
    "{value} is no amount": "{value} 不是金额",
    "{value} is no count": "{value} 不是数量",
    "an amount in {currency}: only USD is understood": "金额的货币是 {currency}：只认识 USD",
    "a JSON document of more than {size} MB: make JSON lines of it, one object a line": (
        "JSON 文档超过 {size} MB：请改成 JSON Lines，每行一个对象"
    ),
    # prices and figures
    "{file} is no price list: {reason}": "{file} 不是价目表：{reason}",
    "{file}: the price of {model} is not in USD": "{file}：{model} 的价格不是 USD",
    "{text}: write it IN/OUT, such as 1000/400": "{text}：请写成 输入/输出，例如 1000/400",
    "{text}: write it NAME=IN/OUT or NAME=IN/OUT/CACHED": "{text}：请写成 名称=输入/输出 或 名称=输入/输出/缓存",
    "{text}: write it NAME=VALUE,NAME=VALUE": "{text}：请写成 名称=值,名称=值",
}
"""Each as the code spells it, with names for what it fills in."""
