from __future__ import annotations

import copy
import pickle

from fairlead.config.secret import Secret


def test_a_secret_masks_itself_in_every_form_but_reveal() -> None:
    secret = Secret("canary")
    shown = (repr(secret), str(secret), f"{secret}", f"{secret:>10}", f"{secret!r}", f"{secret}", repr([secret]))
    assert not any("canary" in text for text in shown)
    assert b"canary" not in pickle.dumps(secret)
    assert pickle.loads(pickle.dumps(secret)).reveal() == "***"
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == "canary"


def test_secrets_compare_by_content_and_only_with_each_other() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("é") != Secret("e")
    assert not Secret("")
    assert Secret("a")


def test_a_copy_of_a_secret_is_still_the_secret() -> None:
    assert copy.copy(Secret("a")).reveal() == copy.deepcopy(Secret("a")).reveal() == "a"
