"""What is kept of a configuration's text: everything but its secrets."""

from __future__ import annotations

import pytest

from fairlead.config.keeping import without_secrets

BASE = """
server:
  pepper: %s
providers:
  p:
    base_url: http://a.test
    headers:
      X-Own: %s
keys:
  - name: a
    key: %s
"""


def text(secret: str) -> str:
    return BASE % (secret, secret, secret)


@pytest.mark.parametrize(
    "secret", ["short", "'sk-long-and-secret'", "abc${HALF}", "${NAME:-fallback}", "'a b'", '"x.y*z"']
)
def test_a_secret_is_kept(secret: str) -> None:
    told = without_secrets(text(secret))
    for part in ("short", "secret", "abc", "fallback", "a b", "x.y*z"):
        if part in secret:
            assert part not in told.replace("secrets", "")
    assert "base_url" in told


@pytest.mark.parametrize("secret", ['"es\\x63aped"', '"two \\\n   lines"'])
def test_a_secret_written_in_another_way_is_kept(secret: str) -> None:
    assert without_secrets(text(secret)) == ""


def test_a_text_whose_secrets_are_variables_is_not_kept_whole() -> None:
    whole = text("${ONE}") + "# the key of old: nothing\n"
    assert without_secrets(whole) == whole


def test_a_password_in_an_address_or_a_key_in_a_comment_is_kept() -> None:
    given = text("${ONE}") + "# sk-" + "a1b2" * 8 + "\nproxy: http://me:word@proxy.test\n"
    told = without_secrets(given)
    assert "a1b2" not in told
    assert "word" not in told
