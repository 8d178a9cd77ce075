"""What a decision says of itself, in Chinese: sentences by their English template, reasons by the pattern of the English
that the core gives. Names, codes and figures stay as they are; what a configuration gives as a reason does too.
"""

from __future__ import annotations

import re
from functools import cache
from string import Formatter

PHRASES: dict[str, str] = {
    "The request asks for {asked}, so policy {policy} ({strategy}) chooses.": (
        "请求要的是 {asked}，由策略 {policy}（{strategy}）选择。"
    ),
    "The request asks for {asked}, which names the model.": "请求要的是 {asked}，已指定模型。",
    "It is taken for: {heads}.": "判断为：{heads}。",
    "{name} {value} (declared)": "{name} {value}（已声明）",
    "{name} {value} (confidence {confidence})": "{name} {value}（置信度 {confidence}）",
    "task": "任务",
    "complexity": "复杂度",
    "domain": "领域",
    "language": "语言",
    "latency class": "时延级别",
    "For this task spoke: {words}.": "支持这一任务判断的依据：{words}。",
    "Found out: {signals}.": "另外查明：{signals}。",
    "Note: {warning}.": "注意：{warning}。",
    "{model} answered this conversation last, via {channel}; {cached} tokens of it are in its prompt cache.": (
        "这段对话上次由 {model} 经由 {channel} 应答；其提示缓存中有 {cached} 个 token。"
    ),
    "Left of the tiers' budgets today: {left}.": "各层级今天的剩余预算：{left}。",
    "Rule {rule} of policy {policy} holds: {match}.": "策略 {policy} 的规则 {rule} 成立：{match}。",
    "{model} comes first: {reason}.": "{model} 排在首位：{reason}。",
    "It is of tier {tier}.": "它属于层级 {tier}。",
    "It stands in for a better one: {reason}.": "它代替了更好的模型：{reason}。",
    "It is asked to think: {effort}.": "要求它思考：{effort}。",
    "Nobody may answer.": "没有模型可以应答。",
    "first choice": "首选",
    "failover": "备选",
    "if an answer is not good enough": "应答不够好时",
    "Its answer is checked before it is given: {gates}.": "它的应答在交付之前要经过检查：{gates}。",
    "Above a confidence of {keep} it is kept, above {leap} {next} is asked, else {last} at once.": (
        "置信度高于 {keep} 则采用，高于 {leap} 则请 {next}，否则直接请 {last}。"
    ),
    "Above a confidence of {at} it is kept.": "置信度高于 {at} 则采用。",
    "It is kept from a confidence of {at}.": "置信度达到 {at} 则采用。",
    "Otherwise these are asked, in this order: {names}.": "否则依次请：{names}。",
    "As a draft the answer is shown to {names}.": "该应答作为草稿交给 {names}。",
    "Nobody is known to be stronger: it is given with a warning where it is not good enough.": (
        "没有已知更强的模型：应答不够好时也照样交付，并附警告。"
    ),
    "A stream is held back until then; after {hold} s its client is pinged.": (
        "流式应答在此之前先扣留；{hold} 秒后向客户端发送心跳。"
    ),
    "A stream is held back for {hold} s at most, then given as it comes.": "流式应答最多扣留 {hold} 秒，之后原样交付。",
    "A stream is held back; after {hold} s somebody stronger is asked.": "流式应答先扣留；{hold} 秒后改请更强的模型。",
    "expected cost per 1,000": "每千次预期成本",
    "{model} via {channels}, for about {cost}": "{model}，经由 {channels}，约 {cost}",
    "{model} via {channels}, at an unknown price": "{model}，经由 {channels}，价格未知",
    ", quality {quality}": "，质量 {quality}",
    ", about {ms} ms": "，约 {ms} 毫秒",
    "; score {score} ({parts})": "；得分 {score}（{parts}）",
    "quality": "质量",
    "cost": "成本",
    "latency": "时延",
    "health": "健康度",
    "expected quality": "预期质量",
    "judgements": "评价数",
    "experiment": "实验差值",
    "Experiment {experiment} told {model} from {against}: {gain} in quality ({low} to {high}), of {answers} answers.": (
        "实验 {experiment} 区分了 {model} 与 {against}：质量差 {gain}（{low} 至 {high}），基于 {answers} 个回答。"
    ),
    "The quality of each is drawn at random around what is expected of it, the wider the less it was judged.": (
        "每个模型的质量围绕其预期随机抽取：评价越少，范围越宽。"
    ),
    "Not {model}: {detail} [{reason}].": "未选 {model}：{detail} [{reason}]。",
    "Policy {policy}, version {version}; snapshot {snapshot}.": "策略 {policy}，版本 {version}；快照 {snapshot}。",
    "{model} wins if {setting} {relation} {value}": "若{setting} {relation} {value}，则 {model} 胜出",
    "{model} may answer if {setting} {relation} {value}": "若{setting} {relation} {value}，则 {model} 可以应答",
    " ({more} tokens more than now).": "（比现在多 {more} 个 token）。",
    " (now {now}).": "（现为 {now}）。",
    "quality weight": "质量权重",
    "cost weight": "成本权重",
    "latency weight": "时延权重",
    "stay": "停留值 stay",
    "min_quality": "最低质量 min_quality",
    "max_cost": "最高成本 max_cost",
    "max_latency_ms": "最大时延 max_latency_ms",
    "what is left of tier {subject}'s budget": "层级 {subject} 的剩余预算",
    "what is left to spend": "剩余可支出金额",
    "Left to spend: {left}.": "剩余可支出：{left}。",
    "confidence in the task": "任务置信度",
    "tokens of input": "输入 token 数",
    "quality of {subject}": "{subject} 的质量",
    "context of {subject}": "{subject} 的上下文",
    "longest output of {subject}": "{subject} 的最大输出",
}

DETAILS: dict[str, str] = {
    "it is switched off in the configuration": "在配置中已停用",
    "it is switched off just now": "目前已停用",
    "{provider} has asked to be left alone for a while": "{provider} 要求暂时不要再请求",
    "it has failed of late and is left alone for a while": "最近连续失败，暂时不再请求",
    "policy {policy} does not list it": "策略 {policy} 没有列出它",
    "policy {policy} lists other fallbacks": "策略 {policy} 列出了别的后备",
    "policy {policy} lists it on neither side": "策略 {policy} 的两边都没有列出它",
    "policy {policy} is critical and names {model}": "策略 {policy} 属于关键级，指定了 {model}",
    "policy {policy} is critical": "策略 {policy} 属于关键级",
    "the caller wants no fallbacks": "调用方不要后备",
    "arm {arm} of experiment {experiment}": "实验 {experiment} 的 {arm} 组",
    "it is not listed: {why}": "它没有被列出：{why}",
    "no hop to {provider}: {why}": "不转到 {provider}：{why}",
    "it cannot do {what}": "它做不到 {what}",
    "about {input} tokens of input and room for {output} of output exceed its context of {limit}": (
        "约 {input} 个输入 token 加上为输出预留的 {output} 个超出了它的上下文 {limit}"
    ),
    "about {input} tokens of one input exceed its context of {limit}": "一项输入约 {input} 个 token，超出了它的上下文 {limit}",
    "about {input} tokens of input exceed its context of {limit}": "约 {input} 个输入 token 超出了它的上下文 {limit}",
    "about {tokens} tokens exceed the {limit} that {provider} serves": (
        "约 {tokens} 个 token 超出了 {provider} 提供的 {limit}"
    ),
    "{output} tokens of output are asked for, it gives at most {limit}": "要求输出 {output} 个 token，它最多给出 {limit}",
    "its quality is unknown and at least {least} is required (declare {setting})": (
        "它的质量未知，而要求至少 {least}（请声明 {setting}）"
    ),
    "its quality {quality} in {task} is below the required {least}": "它在 {task} 上的质量 {quality} 低于要求的 {least}",
    "its quality {quality} is below the required {least}": "它的质量 {quality} 低于要求的 {least}",
    "policy {policy} excludes {flags}": "策略 {policy} 排除 {flags}",
    "policy {policy} requires {flags}": "策略 {policy} 要求 {flags}",
    "policy {policy} allows the regions {regions}; this is {region}": "策略 {policy} 只允许区域 {regions}；它在 {region}",
    "the caller wants only {providers}": "调用方只要 {providers}",
    "the caller does not want {provider}": "调用方不要 {provider}",
    "its price is unknown and the caller bounds it": "它的价格未知，而调用方限定了价格",
    "its price of {price} per million tokens is above the {limit} the caller pays": (
        "它每百万 token 的价格 {price} 高于调用方愿付的 {limit}"
    ),
    "the caller wants nothing kept, and it is neither self-hosted nor flagged {flags}": (
        "调用方不许留存内容，而它既非自托管，也没有标记 {flags}"
    ),
    "its latency is unknown and at most {limit} ms are allowed (declare {setting})": (
        "它的时延未知，而最多允许 {limit} 毫秒（请声明 {setting}）"
    ),
    "it takes about {ms} ms, at most {limit} ms are allowed": "它约需 {ms} 毫秒，最多允许 {limit} 毫秒",
    "its price is unknown and at most {limit} is allowed (declare {setting})": (
        "它的价格未知，而最多允许 {limit}（请声明 {setting}）"
    ),
    "its price is unknown and a budget would have to bear it (declare {setting})": (
        "它的价格未知，而费用须由预算承担（请声明 {setting}）"
    ),
    "it may come to {most}, and the budget has {left} left": "它最多可能需要 {most}，而预算只剩 {left}",
    "it would cost about {cost}, at most {limit} is allowed": "它约需 {cost}，最多允许 {limit}",
    "the request is sensitive and {provider} is not self-hosted": "请求含敏感内容，而 {provider} 不是自托管",
    "key {key} may use the regions {regions}; this is {region}": "密钥 {key} 只可使用区域 {regions}；它在 {region}",
    "key {key} may use the providers {providers}": "密钥 {key} 只可使用提供方 {providers}",
    "key {key} may not use {model}": "密钥 {key} 不可使用 {model}",
    "tenant {tenant} does not list it": "租户 {tenant} 没有列出它",
    "what the request names is kept at {channel}": "请求所引用的内容存放在 {channel}",
    "it would do, but {count} others rank before it": "它可以胜任，但有 {count} 个排在它前面",
    "it is listed, but not configured": "它被列出，但没有配置",
    "the classifier is {sure} sure, which asks for a stronger one": "分类器的把握为 {sure}，需要更强的模型",
    "it is known to be weaker than who is asked before it": "已知它比排在前面的更弱",
    "to begin with {first} is expected to cost {cost}, with {other} {less}": "以 {first} 开始预计需 {cost}，以 {other} 开始为 {less}",
    "the answer of {model} did not pass its checks, and nobody is known to be stronger": (
        "{model} 的应答未通过检查，而没有已知更强的模型"
    ),
    "it is not in the cascade of policy {policy}": "它不在策略 {policy} 的级联之中",
    "it is in no tier of policy {policy} that this request may take": "它不在策略 {policy} 中这个请求可用的任何层级里",
    "tier {tier} has {left} left of its {budget} today": "层级 {tier} 今天的预算 {budget} 还剩 {left}",
    "the budget of tier {tier} is spent for today": "层级 {tier} 今天的预算已用完",
    "the budget does not bear tier {tier}": "预算不足以支付层级 {tier}",
    "the budget does not bear {model}": "预算不足以支付 {model}",
    "{whose} has spent its budget": "{whose} 的预算已用完",
    "{whose} has spent its budget: {policy} chooses": "{whose} 的预算已用完：由 {policy} 选择",
    "tier {tier} has {left} left": "层级 {tier} 还剩 {left}",
    "the caller listed it first": "调用方把它列在第一",
    "the caller's budget is low": "调用方预算低",
    "about {input} tokens of input are more than the {limit} it is given": "约 {input} 个输入 token 多于给它的上限 {limit}",
    "confidence {sure} in task {task} is below {limit}": "对任务 {task} 的置信度 {sure} 低于 {limit}",
    "the conversation leaves {model}, which may not answer this": "对话离开 {model}，它不能应答这个请求",
    "the conversation leaves {model} for another tier": "对话离开 {model}，转到另一层级",
    "the conversation leaves {model}: {other} gains {gain}": "对话离开 {model}：{other} 高出 {gain}",
    "the conversation stays: {other} would gain {gain}, moving takes {stay}": (
        "对话留在原模型：{other} 只高出 {gain}，转移需要 {stay}"
    ),
    "every request": "所有请求",
    "with tools": "带工具",
    "without tools": "不带工具",
    "at least {count} tokens of input": "输入至少 {count} 个 token",
    "at most {count} tokens of input": "输入至多 {count} 个 token",
    "confidence in the task from {least}": "任务置信度不低于 {least}",
    "task {values}": "任务 {values}",
    "complexity {values}": "复杂度 {values}",
    "domain {values}": "领域 {values}",
    "language {values}": "语言 {values}",
    "latency class {values}": "时延级别 {values}",
    "modality {values}": "模态 {values}",
    "keyword {values}": "关键词 {values}",
    "length of the whole: {value}": "全文长度：{value}",
    "length of the last turn: {value}": "最后一轮长度：{value}",
    "turns: {value}": "轮数：{value}",
    "tools: {value}": "工具：{value}",
    "images: {value}": "图片：{value}",
    "audio: {value}": "音频：{value}",
    "documents: {value}": "文档：{value}",
    "JSON asked for: {value}": "要求 JSON：{value}",
    "system prompt: {value}": "系统提示：{value}",
    "a tool spoke last: {value}": "最后发言的是工具：{value}",
    "code fence: {value}": "代码块：{value}",
    "task {task} is not known here and taken for {instead}": "这里没有任务 {task}，按 {instead} 处理",
    "of the tags only {count} are kept, and {length} characters of each": "标签只保留 {count} 个，每个 {length} 个字符",
    "task {task} is not known here and left to be found out": "这里没有任务 {task}，将自动判断",
}
"""Each as the core spells it, with names for what it fills in."""
RULE = re.compile(r"rule (?P<rule>[^:]+): (?P<rest>.*)", re.DOTALL)
NESTED = frozenset(("why",))
CONDITIONS = ("task ", "complexity ", "domain ", "language ", "latency class ", "modality ", "keyword ", "with", "at ", "confidence in the task from ")  # fmt: skip


def phrase(template: str, language: str) -> str:
    """A sentence's template in the language; placeholders are still to be filled."""
    return PHRASES.get(template, template) if language == "zh" else template


def told(words: str, language: str) -> str:
    """What the core says of a reason, in the language."""
    if language != "zh":
        return words
    ruled = RULE.fullmatch(words)
    if ruled:
        rest = "；".join(_one(part) for part in ruled["rest"].split("; "))
        return f"规则 {ruled['rule']}：{rest}"
    return _one(words)


def _one(words: str) -> str:
    parts = words.split(", ")
    if len(parts) > 1 and all(part.startswith(CONDITIONS) for part in parts):
        return "，".join(_one(part) for part in parts)
    for pattern, message in _patterns():
        found = pattern.fullmatch(words)
        if found:
            filled = {
                name: _one(value) if name in NESTED else value.replace(" or ", " 或 ")
                for name, value in found.groupdict().items()
            }
            return message.format(**filled)
    return words


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(_pattern(words), re.DOTALL), message) for words, message in DETAILS.items())


def _pattern(template: str) -> str:
    parts = Formatter().parse(template)
    return "".join(re.escape(text) + (f"(?P<{name}>.+?)" if name else "") for text, name, _, _ in parts)
