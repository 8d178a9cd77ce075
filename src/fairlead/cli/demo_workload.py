"""The demo's workload, as data, and the arithmetic of its savings table, as pure functions.

The prompts are a plausible mix of a small company's traffic: most are simple, a few are hard; English and
Chinese. Each carries marks that only simulated models read: its task, and how long an answer should be.
Every figure derived from it is *simulated* and has to be labelled so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from fairlead.core.cost import expected_cost
from fairlead.core.model import Price

LABEL = "simulated"
_GOLDEN = 0.6180339887498949

Complexity = Literal["simple", "medium", "complex"]


class Prompt(msgspec.Struct, frozen=True):
    task: str
    complexity: Complexity
    weight: int
    """How often it comes up among the others."""
    output_tokens: int
    text: str
    stream: bool = False
    tool: str = ""
    """The name of a declared function of TOOLS."""
    schema: str = ""
    """The name of an answer schema of SCHEMAS."""
    paragraphs: int = 0
    """The length of the document that comes with it."""
    image: bool = False


TOOLS: dict[str, dict[str, Any]] = {
    "get_order": {
        "description": "Look up an order by its number.",
        "parameters": {
            "type": "object",
            "properties": {"order": {"type": "string"}, "with_items": {"type": "boolean"}},
            "required": ["order"],
        },
    },
    "run_query": {
        "description": "Run a read-only SQL query.",
        "parameters": {
            "type": "object",
            "properties": {"sql": {"type": "string"}, "limit": {"type": "integer", "minimum": 1, "maximum": 500}},
            "required": ["sql", "limit"],
        },
    },
    "book_room": {
        "description": "Book a meeting room.",
        "parameters": {
            "type": "object",
            "properties": {"day": {"type": "string", "format": "date"}, "people": {"type": "integer", "minimum": 1}},
            "required": ["day", "people"],
        },
    },
    "click": {
        "description": "Click at a place of the screen.",
        "parameters": {
            "type": "object",
            "properties": {"x": {"type": "integer", "minimum": 0}, "y": {"type": "integer", "minimum": 0}},
            "required": ["x", "y"],
        },
    },
}

SCHEMAS: dict[str, dict[str, Any]] = {
    "contact": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "email": {"type": "string", "format": "email"}},
        "required": ["name", "email"],
        "additionalProperties": False,
    },
    "label": {
        "type": "object",
        "properties": {"label": {"enum": ["billing", "shipping", "technical", "other"]}},
        "required": ["label"],
        "additionalProperties": False,
    },
    "invoice": {
        "type": "object",
        "properties": {
            "number": {"type": "string"},
            "date": {"type": "string", "format": "date"},
            "total": {"type": "number", "minimum": 0},
            "lines": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        },
        "required": ["number", "date", "total", "lines"],
        "additionalProperties": False,
    },
}

_PARAGRAPH = (
    "The team met on Tuesday to go over the quarter. Deliveries from the northern depot came two days late in "
    "three weeks out of twelve, mostly because of one carrier, and the cost of returns rose by four per cent. "
    "A second carrier was tried in the last fortnight with better results, though at a higher price per parcel. "
)
_PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="


def _rows(task: str, *rows: tuple[Complexity, int, int, str], **rest: Any) -> tuple[Prompt, ...]:
    return tuple(Prompt(task, complexity, weight, tokens, text, **rest) for complexity, weight, tokens, text in rows)


WORKLOAD: tuple[Prompt, ...] = (
    *_rows(
        "simple_chat",
        ("simple", 6, 30, "Hi! Can you tell me what you can help me with?"),
        ("simple", 5, 40, "What should I bring to a picnic when it might rain?"),
        ("simple", 4, 60, "My colleague is leaving on Friday. Suggest three small presents."),
        ("simple", 4, 50, "Why do import tariffs make first class tickets no cheaper? Explain like I am twelve."),
        ("simple", 5, 30, "你好,今天心情不太好,陪我聊两句吧。"),
        ("simple", 4, 50, "周末想去爬山,需要准备些什么?"),
        ("simple", 3, 60, "同事下周过生日,有什么简单的礼物推荐吗?"),
        stream=True,
    ),
    *_rows(
        "fast_response",
        ("simple", 5, 6, "Is 2028 a leap year? Answer in one word."),
        ("simple", 4, 8, "Capital of New Zealand?"),
        ("simple", 4, 10, "How many minutes are there in a week? Just the number."),
        ("simple", 4, 6, "一公斤等于多少斤?只答数字。"),
        ("simple", 3, 8, "水的化学式是什么?"),
    ),
    *_rows(
        "classification",
        ("simple", 6, 4, "Is this review positive or negative? 'Arrived broken, but the refund was quick.'"),
        ("simple", 5, 4, "Spam or not spam: 'You have been chosen! Click here to collect your voucher.'"),
        ("simple", 4, 5, "Which language is this sentence in: 'Kannst du mir kurz helfen?'"),
        ("simple", 5, 4, "判断这条评论的情感是正面还是负面:包装很好,就是物流太慢了。"),
        ("simple", 4, 4, "下面的邮件属于投诉、咨询还是表扬?“请问发票什么时候能开?”"),
    ),
    *_rows(
        "classification",
        ("simple", 5, 12, "Give this ticket a label: 'I was charged twice for the same order in May.'"),
        ("simple", 4, 12, "Give this ticket a label: 'The app closes itself as soon as I open the camera.'"),
        ("simple", 4, 12, "给这张工单分类:“包裹显示已签收,但我没有收到。”"),
        schema="label",
    ),
    *_rows(
        "extraction",
        ("simple", 5, 25, "Extract the name and the email: 'Regards, Ana Petrova, ana.petrova@example.com, Sofia'"),
        ("simple", 3, 25, "提取姓名和邮箱:“联系人:李明,邮箱 liming@example.com,电话稍后补充。”"),
        schema="contact",
    ),
    *_rows(
        "extraction",
        ("medium", 3, 60, "Read the invoice: No. 2207 of 3 March, four chairs at 89.00, delivery 15.00, total 371.00."),
        ("medium", 2, 60, "从文字中提取发票信息:发票号 8841,日期 2026 年 5 月 6 日,打印纸十箱,合计 1280 元。"),
        schema="invoice",
    ),
    *_rows(
        "extraction",
        ("simple", 3, 30, "List every date in this text: 'We met on 4 May, signed on 11 May and paid on 2 June.'"),
        ("simple", 3, 30, "找出下面句子里的所有地名:他从成都出发,经西安到了北京。"),
    ),
    *_rows(
        "translation",
        ("simple", 5, 20, "Translate into French: 'The meeting has been moved to Thursday at ten.'"),
        ("simple", 4, 30, "Translate into Chinese: 'Please keep the receipt until the end of the warranty.'"),
        (
            "medium",
            2,
            120,
            "Translate this clause into plain English: 'The party of the first part shall hold harmless...'",
        ),
        ("simple", 5, 30, "把这句话翻译成英文:请在周五之前确认收货地址。"),
        ("medium", 2, 120, "把下面这段产品说明翻译成自然的英文,保留语气:轻巧、耐用,陪你走过每一个清晨。"),
    ),
    *_rows(
        "summarization",
        (
            "simple",
            4,
            60,
            "Summarise this note in two sentences.",
        ),
        ("medium", 3, 120, "Write an executive summary with three bullet points."),
        ("simple", 3, 60, "用两句话概括下面的会议记录。"),
        paragraphs=4,
    ),
    *_rows(
        "long_document",
        ("complex", 2, 300, "Read the whole report. Where do its figures contradict each other, and what follows?"),
        ("complex", 1, 300, "通读全文,比较两家承运商的表现,并指出报告里没有回答的问题。"),
        ("medium", 2, 200, "Find every passage in the report that speaks of delays and give its context."),
        paragraphs=60,
    ),
    *_rows(
        "code_generation",
        ("simple", 3, 80, "Write a Python function that returns the median of a list of numbers."),
        ("simple", 2, 60, "SELECT the ten customers with the highest revenue this year: write the SQL."),
        (
            "medium",
            2,
            250,
            "Write a rate limiter in Go with a token bucket per user, safe for concurrent use, with tests.",
        ),
        ("complex", 1, 600, "Design and implement a lock-free queue in Rust for many producers and one consumer."),
        ("simple", 2, 80, "用 Python 写一个函数,判断字符串是不是回文。"),
        ("medium", 2, 250, "用 TypeScript 写一个带过期时间的 LRU 缓存,并给出单元测试。"),
        stream=True,
    ),
    *_rows(
        "code_debug",
        ("medium", 3, 150, "Why does this raise KeyError? `counts = {}; counts[word] += 1`"),
        (
            "complex",
            1,
            400,
            "Two workers deadlock about once a day. Both take locks A and B. Here is the trace; find the cause.",
        ),
        ("medium", 2, 150, "这段代码为什么会死循环?`while n != 1: n = n / 2`,当 n 为 7 时。"),
        stream=True,
    ),
    *_rows(
        "reasoning",
        (
            "medium",
            2,
            200,
            "A train leaves at 9:10 and takes 95 minutes; the next one leaves 20 minutes later and takes 70. Which is first?",
        ),
        ("complex", 1, 500, "Prove that the square root of 3 is irrational, and say where the proof would fail for 4."),
        (
            "complex",
            1,
            500,
            "Three boxes are all labelled wrongly. How many draws are needed to label them right? Argue carefully.",
        ),
        ("medium", 2, 200, "一个水池有两根进水管和一根出水管,分别需要 6、8、12 小时,同时打开多久注满?"),
        ("complex", 1, 500, "证明:任意六个人中,必有三个人互相认识或互相不认识。"),
    ),
    *_rows(
        "creative_writing",
        ("simple", 3, 60, "Write a short, friendly slogan for a bakery that opens at five in the morning."),
        (
            "medium",
            2,
            350,
            "Write a story of about 250 words in which a lighthouse keeper receives a letter meant for someone else.",
        ),
        ("simple", 2, 60, "写一句温暖的咖啡店广告语。"),
        ("medium", 1, 350, "以“雨停了,他还没有来”开头,写一篇两百字左右的小故事。"),
        stream=True,
    ),
    *_rows(
        "data_analysis",
        (
            "medium",
            3,
            200,
            "Sales by month: 120, 132, 101, 134, 90, 230, 210. Which months stand out, and is there a trend?",
        ),
        (
            "complex",
            1,
            400,
            "Retention fell from 41 % to 37 % after the price change. What would you check before blaming the price?",
        ),
        ("medium", 2, 200, "各门店上周销售额为 8.1、7.9、12.4、3.2 万元,请分析差异并提出建议。"),
    ),
    *_rows(
        "agentic",
        ("medium", 3, 30, "Use the tool to look up order 4711, then tell me when it will arrive."),
        ("medium", 2, 30, "请调用工具查询订单 9032 的状态。"),
        tool="get_order",
    ),
    *_rows(
        "agentic",
        ("complex", 1, 40, "Find out with the tool which five products were returned most often last month and why."),
        tool="run_query",
    ),
    *_rows(
        "agentic",
        ("medium", 2, 30, "Book a room for six people on 15 January with the tool; a quiet one if there is a choice."),
        tool="book_room",
    ),
    *_rows(
        "desktop",
        ("medium", 1, 20, "The settings window is open. Use the tool to click on 'Export' in the lower right corner."),
        ("medium", 1, 20, "请用工具点击屏幕左上角的“文件”菜单。"),
        tool="click",
        image=True,
    ),
    *_rows(
        "multimodal",
        ("simple", 2, 40, "What colour is this picture?"),
        ("medium", 1, 120, "Describe this picture for someone who cannot see it."),
        ("simple", 1, 40, "这张图片里有什么?"),
        image=True,
    ),
)


def ordered(count: int) -> list[Prompt]:
    """`count` prompts in an order that is always the same: one round holds each as often as its weight says,
    evenly spread, and rounds repeat."""
    places: list[tuple[float, int]] = []
    for number, prompt in enumerate(WORKLOAD):
        phase = number * _GOLDEN % 1.0
        places += [((turn + phase) / prompt.weight, number) for turn in range(prompt.weight)]
    places.sort()
    return [WORKLOAD[places[turn % len(places)][1]] for turn in range(count)]


def request(prompt: Prompt, model: str = "auto") -> dict[str, Any]:
    """The prompt as a Chat Completions request."""
    text = f"{prompt.text}\n\n{_PARAGRAPH * prompt.paragraphs}[task:{prompt.task}] [tokens:{prompt.output_tokens}]"
    content: Any = text
    if prompt.image:
        content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": _PIXEL}}]
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": content}]}
    if prompt.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if prompt.tool:
        body["tools"] = [{"type": "function", "function": {"name": prompt.tool, **TOOLS[prompt.tool]}}]
    if prompt.schema:
        schema = {"name": prompt.schema, "strict": True, "schema": SCHEMAS[prompt.schema]}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


class Served(msgspec.Struct, frozen=True):
    """One request of the demo as it was answered."""

    task: str
    input_tokens: int
    output_tokens: int
    model: str
    cost: int
    """Nano-units of USD, all attempts included."""
    correct: bool | None = None
    """Whether the answer counted as right; None where nobody said."""


class Baseline(msgspec.Struct, frozen=True):
    """A model everything could have been sent to."""

    model: str
    price: Price
    quality: Mapping[str, float]
    """By task; the key `default` holds for the others."""

    def quality_for(self, task: str) -> float:
        return self.quality.get(task, self.quality.get("default", 0.0))


class Line(msgspec.Struct, frozen=True):
    """One row of the savings table. All of it is simulated."""

    name: str
    cost: int
    """Nano-units of USD for the whole workload."""
    quality: float | None
    """Mean expected quality, 0 to 1; None where a model's is unknown."""
    right: float | None
    """Right answers to be expected, of all."""
    saving: float | None
    """What the routed row saves against this one, as a share of its cost; negative when routing cost more,
    None for the routed row itself and for one that is free."""


class Savings(msgspec.Struct, frozen=True):
    label: str
    requests: int
    routed: Line
    baselines: tuple[Line, ...]
    """Dearest first."""
    shares: tuple[tuple[str, int], ...]
    """(model, requests it answered), most first."""
    observed_right: int
    """Answers that counted as right, of those that said so."""
    observed: int


def savings(served: Sequence[Served], baselines: Iterable[Baseline]) -> Savings:
    """The routed workload against sending every request to one model, for the same tokens."""
    models = {baseline.model: baseline for baseline in baselines}
    total = sum(row.cost for row in served)
    chosen = [models[row.model].quality_for(row.task) if row.model in models else None for row in served]
    lines = [_against(served, baseline, total) for baseline in models.values()]
    judged = [row.correct for row in served if row.correct is not None]
    counts: dict[str, int] = {}
    for row in served:
        counts[row.model] = counts.get(row.model, 0) + 1
    return Savings(
        label=LABEL,
        requests=len(served),
        routed=_line("routed", total, chosen, None),
        baselines=tuple(sorted(lines, key=lambda line: (-line.cost, line.name))),
        shares=tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        observed_right=sum(judged),
        observed=len(judged),
    )


def _against(served: Sequence[Served], baseline: Baseline, routed: int) -> Line:
    cost = sum(expected_cost(baseline.price, row.input_tokens, row.output_tokens) for row in served)
    saving = (cost - routed) / cost if cost else None
    return _line(baseline.model, cost, [baseline.quality_for(row.task) for row in served], saving)


def _line(name: str, cost: int, qualities: Sequence[float | None], saving: float | None) -> Line:
    known = [quality for quality in qualities if quality is not None]
    if len(known) < len(qualities) or not known:
        return Line(name, cost, None, None, saving)
    return Line(name, cost, sum(known) / len(known), sum(known), saving)
