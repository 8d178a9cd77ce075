"""Tools that providers run themselves and take a fee for beside the tokens, as price rows and cost lines call them.

A provider's own spelling is read by its dialect (`dialects/hosted.py`). What is here has one meaning with all of them:
`web_search` is a search, whoever makes it and whatever the field is called that counts it.
"""

from __future__ import annotations

from collections.abc import Mapping

TOOLS: Mapping[str, str] = {
    "web_search": "a search of the web",
    "web_search_preview": "the same by OpenAI's earlier tool, which is charged otherwise",
    "enterprise_web_search": "the same by Google's for enterprises",
    "x_search": "a search of posts on X",
    "web_fetch": "a page that is read",
    "url_context": "pages that Gemini reads",
    "file_search": "a search of files or collections that the provider keeps",
    "attachment_search": "a search of what hangs on the messages",
    "maps": "grounding in a map service",
    "code_interpreter": "a container that code runs in, or where a provider charges runs, a run",
    "code_execution": "code that is run in the provider's sandbox",
    "image_generation": "an image that another model makes",
}
MOST = 1_000_000
"""A provider that tells of more uses in one answer has miscounted."""

Calls = tuple[tuple[str, int], ...]


def counted(times: Mapping[str, int | None]) -> Calls:
    """What was used at all, in one order."""
    return tuple(sorted((tool, min(many, MOST)) for tool, many in times.items() if many and many > 0))


def together(one: Calls, other: Calls) -> Calls:
    if not one or not other:
        return one or other
    sums = dict(one)
    for tool, many in other:
        sums[tool] = sums.get(tool, 0) + many
    return counted(sums)
