"""A patched configuration says something else than before, beside what the patch sets."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fairlead.config.patch import patched
from fairlead.errors import ConfigError

TEXT = """\
# how we choose
policy:
  default: mixed   # the usual one
  tasks:           # by task
    classification: {model: big, fallbacks: [other]}  # for now
    summarization:
      model: big  # slow
      # the next one helps
      fallbacks:
        - other
        - third

# what there is
models:
  big: {channels: [{provider: own}]}
  small:
    channels: [{provider: own}]
server: {}
report:
"""


@pytest.mark.parametrize(
    ("path", "value", "before", "after"),
    [
        (("policy", "default"), "frugal", "default: mixed   # the usual one", "default: frugal   # the usual one"),
        (
            ("policy", "tasks", "classification", "model"),
            "small",
            "{model: big, fallbacks: [other]}  # for now",
            "{model: small, fallbacks: [other]}  # for now",
        ),
        (
            ("policy", "tasks", "classification", "threshold"),
            0.5,
            "fallbacks: [other]}  # for now",
            "fallbacks: [other], threshold: 0.5}  # for now",
        ),
        (
            ("policy", "tasks", "summarization", "fallbacks"),
            ("big", "other"),
            "fallbacks:\n        - other\n        - third\n",
            "fallbacks: [big, other]\n",
        ),
        (
            ("policy", "tasks", "translation"),
            {"model": "small", "fallbacks": ("big",)},
            "        - third\n",
            "        - third\n    translation: {model: small, fallbacks: [big]}\n",
        ),
        (("models", "small", "enabled"), False, "  small:\n    channels: [{provider: own}]\n", None),
        (("server", "port"), 8080.0, "server: {}", "server: {port: 8080}"),
        (("report", "baseline"), "big", "report:\n", "report: {baseline: big}\n"),
        (
            ("policies", "frugal", "tasks", "chat"),
            "qwen3:8b",
            "report:\n",
            'report:\npolicies:\n  frugal:\n    tasks:\n      chat: "qwen3:8b"\n',
        ),
    ],
)
def test_a_setting_lands_elsewhere_or_takes_a_comment_with_it(
    path: tuple[str, ...], value: Any, before: str, after: str | None
) -> None:
    expected = TEXT.replace(before, before + "    enabled: false\n" if after is None else after)
    assert expected != TEXT
    assert patched(TEXT, path, value) == expected


def test_a_file_loses_its_line_ends_or_its_last_line() -> None:
    assert patched("a: 1\r\nb: 2\r\n", ("c",), "x") == "a: 1\r\nb: 2\r\nc: x\r\n"
    assert patched("a:\n  b: 2  # two", ("a", "c"), "x") == "a:\n  b: 2  # two\n  c: x\n"
    assert patched("a: |\n  text\n  more\n\nb: 1\n", ("a",), "x") == "a: x\n\nb: 1\n"


def test_what_an_alias_stands_for_is_changed_at_both_places() -> None:
    with pytest.raises(ConfigError, match=r"a\.two is an alias"):
        patched("a:\n  one: &o {x: 1}\n  two: *o\n", ("a", "two", "x"), "y")


def test_a_setting_is_put_into_what_is_no_mapping() -> None:
    for text in ("a: [1]\n", "a: text\n", "- a\n", "a: {\n"):
        with pytest.raises(ConfigError):
            patched(text, ("a", "b"), "y")


NAMES = st.sampled_from(["a", "b", "c-1", "on", "x:y", "9", "de ep"])
TREES = st.recursive(
    st.sampled_from(["v", "true", "3", "with: colon", ""]),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=2),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, TREES, min_size=1), st.lists(NAMES, min_size=1, max_size=3), st.booleans() | st.none())
def test_another_setting_changes(tree: dict[str, Any], path: list[str], style: bool | None) -> None:
    text = yaml.safe_dump(tree, default_flow_style=style, sort_keys=False)
    try:
        found = yaml.safe_load(patched(text, path, "new"))
    except ConfigError:
        return
    node: Any = tree
    for part in path[:-1]:
        if not isinstance(node.get(part), dict):
            node[part] = {}
        node = node[part]
    node[path[-1]] = "new"
    assert found == tree
