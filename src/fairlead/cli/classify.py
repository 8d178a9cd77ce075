"""`fairlead classify`: what kind of request each of many is, as JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from fairlead.cli.messages import tr
from fairlead.cli.terminal import harmless_json, say

if TYPE_CHECKING:
    from fairlead.classify.request import Reading

FIELDS = ("task", "complexity", "domain", "language", "latency_class", "sensitive", "confidence", "ms")


@click.command("classify")
@click.argument("text", required=False)
def command(text: str | None) -> None:
    """Say what kind of request TEXT is, or each line of standard input, without any network.

    A line is a JSON object, {"text": "..."} or {"messages": [...]}; one line comes out for each that goes in, with
    task, complexity, domain, language, latency_class, sensitive, confidence and ms (the time it took). A line that is
    no request comes out as {"error": ...}, and the command ends with 1.

    \b
    Examples:
      fairlead classify "Why do tides come twice a day?"
      fairlead classify < prompts.jsonl > labels.jsonl
    """
    from fairlead.classify import classify, warm
    from fairlead.errors import BadRequest

    warm()
    if text is not None:
        _put(classify(text))
        return
    wrong = 0
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        try:
            _put(classify(_request(line)))
        except (ValueError, BadRequest) as problem:
            wrong += 1
            reason = problem.message if isinstance(problem, BadRequest) else str(problem)
            sys.stdout.write(harmless_json(json.dumps({"error": f"line {number}: {reason}"})) + "\n")
        sys.stdout.flush()
    if wrong:
        say(f"fairlead: {tr('lines that are no requests: {count}').format(count=wrong)}")
        sys.exit(1)


def _request(line: str) -> str | list[Mapping[str, object]]:
    try:
        given = json.loads(line)
    except json.JSONDecodeError as problem:
        raise ValueError(f"this is not JSON: {problem.msg}") from None
    found = given.get("messages", given.get("text")) if isinstance(given, dict) else None
    if not isinstance(found, str | list):
        raise ValueError('expected {"text": "..."} or {"messages": [...]}')  # noqa: TRY004 - said of the line
    return found


def _put(reading: Reading) -> None:
    told = {field: getattr(reading, field) for field in FIELDS}
    sys.stdout.write(harmless_json(json.dumps(told, ensure_ascii=False)) + "\n")
