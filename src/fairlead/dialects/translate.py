"""Translation between dialects: the rules for what a target cannot express, and answers on their way back.

Each rule has a name; the answer names those that were applied (`x-fairlead-lossy: dropped:seed, approximated:top_k`).
With `strict` whatever would be lost is refused instead. A dialect's `write_request` reports what it meets:

    losses.add("seed")
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from fairlead.errors import BadRequest

Action = Literal["dropped", "approximated", "refused"]


class Rule(Struct, frozen=True):
    action: Action
    words: str
    """What happens, for the error of a strict request and for docs/translation.md."""


RULES: dict[str, Rule] = {
    # sampling and form
    "seed": Rule("dropped", "the target takes no seed"),
    "answers": Rule("refused", "the target gives one answer at a time; ask several times, or leave n out"),
    "logprobs": Rule("refused", "the target tells no log probabilities"),
    "logit_bias": Rule("dropped", "the target cannot bias tokens"),
    "penalties": Rule("dropped", "the target takes no presence or frequency penalty"),
    "temperature": Rule("approximated", "the target's scale ends at 1: higher temperatures become 1"),
    "sampling": Rule("dropped", "this model takes no temperature, top_p or top_k"),
    "top_k": Rule("dropped", "the target takes no top_k"),
    "stop": Rule(
        "approximated", "the target takes fewer stop sequences, or none that are blank: the first ones are sent"
    ),
    "verbosity": Rule("dropped", "the target takes no verbosity"),
    "json_object": Rule("approximated", "the target knows no JSON mode: an instruction asks for an object"),
    "schema": Rule("approximated", "the model enforces no schema: an instruction asks for it"),
    "form_with_tools": Rule(
        "approximated", "this model takes tools or a form, not both: an instruction asks for the form"
    ),
    "schema_keywords": Rule("approximated", "the target's schemas know fewer keywords: the others are left out"),
    "strict_tools": Rule("dropped", "the target does not enforce tools' schemas"),
    # conversation
    "system_role": Rule("approximated", "this model takes no instructions: they are sent as a user's turn"),
    "system_position": Rule("approximated", "the target takes instructions in front only: later ones are moved there"),
    "thinking": Rule("dropped", "reasoning of another maker is of no use to the target"),
    "refusal_turn": Rule("approximated", "an earlier refusal is sent as text"),
    "orphan_tool_result": Rule("approximated", "a tool's result without its call is sent as text"),
    "duplicate_tool_result": Rule("dropped", "a tool call takes one result: further ones are left out"),
    "missing_tool_result": Rule("approximated", "a tool call without a result is given one that says so"),
    "tool_arguments": Rule("approximated", "arguments that are no JSON object are sent inside one"),
    "tool_result_media": Rule(
        "approximated", "the target's tool results hold text only: media follow as a user's turn"
    ),
    "tool_result_error": Rule("approximated", "the target's tool results cannot be marked as errors: the text says so"),
    "empty_turn": Rule("dropped", "the target takes no empty turn or text"),
    "first_turn": Rule("approximated", "the target's conversations begin with the user: a line is put in front"),
    "last_assistant_turn": Rule("approximated", "the target does not go on with a turn begun by the assistant"),
    "cache_marks": Rule("dropped", "the target caches by itself and takes no marks"),
    "image_detail": Rule("dropped", "the target has no detail setting for images"),
    "image_url": Rule("refused", "the target takes images by their bytes only; send a data: URL"),
    "document": Rule("refused", "the target takes no document of this kind"),
    "document_name": Rule("dropped", "the target takes no names of documents"),
    "audio": Rule("refused", "the target takes no audio"),
    "foreign_content": Rule("dropped", "content that only another dialect knows"),
    # tools
    "foreign_tool": Rule("refused", "the target does not run this kind of tool"),
    "spare_tool": Rule("dropped", "the target does not run this kind of tool, and agents do without it"),
    "custom_tool": Rule("approximated", "the target's tools take no bare text: it becomes their one argument"),
    "compacted": Rule("refused", "only its maker can read a conversation that was compacted"),
    "reference": Rule("refused", "only its maker has the item that is referred to; send the item itself"),
    "parallel_tools": Rule("dropped", "the target cannot be told how many tools to call at once"),
    "tool_choice": Rule("dropped", "the model cannot be made to call a tool while it reasons"),
    # answers: told of, never refused, as they are paid for by then
    "citations": Rule("dropped", "the caller's dialect has no place for a source of this kind"),
    "grounding": Rule("dropped", "the caller's dialect has no place for how a search was made"),
    "answer_logprobs": Rule("dropped", "the caller's dialect has no place for log probabilities"),
    "answer_media": Rule("dropped", "the caller's dialect has no place for media in answers"),
    "server_tool": Rule("dropped", "what a provider's own tools did is told in its own dialect only"),
    # the rest
    "max_output": Rule("approximated", "the model cannot answer at that length: its own limit is sent"),
    "reasoning": Rule("dropped", "the target's reasoning cannot be set"),
    "reasoning_effort": Rule("approximated", "the nearest level of reasoning the target knows is asked for"),
    "user": Rule("dropped", "the target takes no user id"),
    "field": Rule("dropped", "a field only the caller's dialect knows"),
}


SPECIAL = {
    **{
        f"foreign_tool.{kind}": "spare_tool"
        for kind in (
            "web_search", "web_search_preview", "tool_search", "image_generation", "local_shell",
        )
    },
    "foreign_content.compaction": "compacted",
    "field.cachedContent": "reference",
    **{
        f"foreign_content.{kind}": "reference"
        for kind in (
            "item_reference", "content.input_file", "content.input_image", "file", "source.file", "container_upload",
        )
    },
}  # fmt: skip
"""Where some of what a rule is about has a rule of its own: tools that agents always declare, content that is all
there is."""


class Losses:
    """What was lost on the way into a target, in the order it was met."""

    __slots__ = ("found", "strict", "target")

    def __init__(self, target: str, strict: bool = False) -> None:
        self.target = target
        self.strict = strict
        self.found: dict[str, Action] = {}

    def add(self, name: str, detail: str = "") -> None:
        """`detail` names the thing more closely (a field, a tool). Raises BadRequest where it may not be lost."""
        name = SPECIAL.get(f"{name}.{detail}", name)
        rule = RULES[name]
        shown = f"{name}.{detail}" if detail else name
        if rule.action == "refused" or self.strict:
            because = f" ({detail})" if detail else ""
            raise BadRequest(
                f"{rule.words}{because}; the model that was chosen speaks {self.target}.",
                param=detail or name,
                code="not_translatable",
            )
        self.found[shown] = rule.action

    def answered(self, names: Iterable[str]) -> None:
        """What of the answer is lost; it is paid for, so nobody is served by refusing it."""
        for name in names:
            self.found[name] = RULES[name.partition(".")[0]].action

    def header(self) -> str:
        """The answer's header line, empty when nothing was lost."""
        if not self.found:
            return ""
        told = ", ".join(f"{action}:{name}" for name, action in self.found.items())
        return f"x-fairlead-lossy: {told}\r\n".encode("ascii", "replace").decode()
