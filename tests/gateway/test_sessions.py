"""By what a conversation is known again, and how many are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.core.call import Caller
from fairlead.dialects.openai_chat.native import read_request
from fairlead.gateway import sessions
from fairlead.gateway.sessions import Sessions

FIRST = {"role": "user", "content": "Which river runs through Vienna?"}
TALK = [FIRST, {"role": "assistant", "content": "The Danube."}, {"role": "user", "content": "And through Prague?"}]


def session(*messages: dict[str, str], headers: dict[bytes, bytes] | None = None, **body: Any) -> str:
    raw = json.dumps({"model": "auto", "messages": messages, **body}).encode()
    return sessions.named(headers or {}) or sessions.of(raw, read_request(raw))


@pytest.mark.parametrize("header", ["x-claude-code-session-id", "session_id", "session-id", "x-session-id"])
def test_the_name_a_client_gives_its_conversation_is_not_read(header: str) -> None:  # M3.10
    assert session(FIRST, headers={header.encode(): b"mine"}) == "mine"
    assert session(FIRST, headers={header.encode(): "会话".encode()}) == "会话"


def test_the_key_of_a_prompt_cache_is_not_taken_for_the_conversation() -> None:  # M3.10
    assert session(FIRST, prompt_cache_key="mine") == "mine"
    assert session(FIRST, headers={b"x-session-id": b"other"}, prompt_cache_key="mine") == "other"


def test_a_conversation_without_a_name_is_not_known_by_its_beginning() -> None:  # M3.10
    longer = [*TALK, {"role": "assistant", "content": "The Vltava."}, {"role": "user", "content": "Thanks."}]
    assert session(*TALK) == session(*longer) != ""
    assert session(FIRST) == "", "nobody has answered yet"
    system = {"role": "system", "content": "Be brief."}
    other = {"role": "user", "content": "Which river runs through Rome?"}
    assert len({session(*TALK), session(system, *TALK), session(other, *TALK[1:])}) == 3


def test_tenants_share_a_conversation_of_one_name() -> None:  # M3.10
    assert sessions.scoped(Caller("a", tenant="t"), "s") != sessions.scoped(Caller("b", tenant="u"), "s")


def test_the_conversation_that_was_answered_last_is_forgotten_first() -> None:  # M3.10
    kept = Sessions()
    for number in range(sessions.KEPT):
        kept.answered(str(number), "m", "m@c", 10)
    kept.answered("0", "n", "n@c", 20)
    kept.answered("new", "m", "m@c", 10)
    first = kept.standing("0")
    assert first is not None
    assert (first.model, first.channel, first.cached) == ("n", "n@c", 20)
    assert kept.standing("1") is None
    assert kept.standing("new") is not None
