"""The tasks a request can be, as data: one line a task, and the words for complexity, domain and latency class.

`output` is the number of tokens an answer to such a task typically has, until one's own traffic has shown better.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Complexity = Literal["simple", "medium", "complex"]
Domain = Literal["code", "creative", "vision", "chat", "agentic", "critical"]
LatencyClass = Literal["interactive", "normal", "batch"]

COMPLEXITIES: tuple[Complexity, ...] = ("simple", "medium", "complex")
DOMAINS: tuple[Domain, ...] = ("code", "creative", "vision", "chat", "agentic", "critical")
LATENCY_CLASSES: tuple[LatencyClass, ...] = ("interactive", "normal", "batch")


class Task(msgspec.Struct, frozen=True):
    name: str
    description: str
    domain: Domain
    latency_class: LatencyClass
    output: int


TABLE: tuple[Task, ...] = (
    Task("code_generation", "write new code, queries, scripts, expressions, tests", "code", "normal", 900),
    Task("code_debug", "find and fix what is wrong with code, explain an error or a trace", "code", "normal", 700),
    Task("agent", "reach a goal in several steps with the tools declared", "agentic", "normal", 500),
    Task("desktop", "operate a screen, an application or a browser", "agentic", "normal", 300),
    Task("math", "calculate, solve, prove", "chat", "normal", 600),
    Task("reasoning", "think through causes, trade-offs, puzzles, plans", "chat", "normal", 700),
    Task("knowledge_qa", "a question of fact, or a thing to be explained", "chat", "normal", 250),
    Task("data_analysis", "make sense of tables, figures, measurements", "chat", "normal", 600),
    Task("summarization", "make a text shorter", "chat", "normal", 250),
    Task("long_document", "a question about a long text that comes along", "chat", "normal", 400),
    Task("extraction", "take named pieces out of a text, often as JSON", "chat", "normal", 200),
    Task("classification", "choose a label from a few", "chat", "normal", 15),
    Task("translation", "say it in another language", "chat", "normal", 300),
    Task("rewriting", "say it better, shorter, in another tone", "chat", "normal", 300),
    Task("creative_writing", "stories, poems, speeches, letters, slogans", "creative", "normal", 800),
    Task("chat", "talk, advice, company", "chat", "interactive", 250),
    Task("fast_response", "an answer in a word or a line, at once", "chat", "interactive", 30),
    Task("multimodal", "pictures, sound or video are part of the question", "vision", "normal", 300),
)

TASKS: tuple[str, ...] = tuple(task.name for task in TABLE)
BY_NAME: dict[str, Task] = {task.name: task for task in TABLE}
