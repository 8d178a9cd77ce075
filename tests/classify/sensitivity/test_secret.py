"""Secrets are found by their makers' formats or by being told; code that only speaks of secrets is left alone."""

from __future__ import annotations

import random
import string

import pytest

from tests.classify.sensitivity.reading import each, found

ALPHABET = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"


def drawn(prefix: str, length: int, alphabet: str = ALPHABET) -> str:
    """A key of that form which nobody ever had."""
    return prefix + "".join(random.Random(f"{prefix}{length}").choices(alphabet, k=length))


KEYS = [
    drawn("sk-", 48), drawn("sk-" + "proj-", 80), drawn("sk-" + "ant-api03-", 90), drawn("sk-" + "or-v1-", 64, HEX), drawn("sk_live_", 24), drawn("AK" + "IA", 16, UPPER),
    drawn("AI" + "za", 35), drawn("gh" + "p_", 36), drawn("github_" + "pat_", 40), drawn("glpat-", 20), drawn("xoxb-", 30), drawn("hf_", 34), drawn("npm_", 36), drawn("gsk" + "_", 52),
    drawn("xai" + "-", 80), drawn("SG.", 22) + drawn(".", 43), drawn("LTAI", 20), drawn("fl" + "_", 40), drawn("dapi", 32, HEX), drawn("pplx-", 48), drawn("nvapi-", 60), drawn("hvs.", 40),
    drawn("eyJ", 30) + drawn(".eyJ", 60) + drawn(".", 43),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=[key[:8] for key in KEYS])
def test_a_key_is_missed(key: str) -> None:  # M3.7
    for sentence in (
        "{}",
        "my key is {}, keep it",
        "Authorization: Bearer {}",
        "export KEY={}",
        '{{"k":"{}"}}',
        "密钥：{}。",
        "https://h.test/?k={}&x=1",
    ):
        assert "secret" in found(sentence.format(key)), sentence


@each(
    "-----BEGIN RSA " + "PRIVATE KEY-----", "-----BEGIN " + "PRIVATE KEY-----\nMIIE", "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----", "password=hunter22!", "Password: tr0ub4dor&3",
    'password = "s3cr3tpw"', "the password is Xk93jf82", "passwd: 7h3-p455", "密码：abc12345", "密码是 qwe98765", "DB_PASSWORD=aB3$kk29", "client_secret: 8f7a6s5d4f3g2h1j",
    "api_key=9a8b7c6d5e4f3a2b", "Authorization: Bearer a8f7s6d5f8a7s6d5f87as6df", '"access_token":"0d9f8s7d6f5s4d3f"', "postgres://joe:s3cr3tpw@db.host.test/x",
    "redis://:p4ssw0rdd@127.0.0.1",
)  # fmt: skip
def test_a_secret_that_is_told_is_missed(text: str) -> None:  # M3.7
    assert "secret" in found(text)


@each(
    "password = get_password()", "password: str = None", "token: Token", "secret = os.environ['X2']", "api_key=${API_KEY}", "password=<your-password1>", "the secret is patience",
    "token is expired_2024_11_21", '"type": "password"', "postgres://user:password@localhost/db", "postgres://${USER}:${PW}@h/db", "my secretary: jean-luc42", "max_tokens: 4096",
    "sk-learn-contrib-of-a-long-name", "sk-" + "a" * 40, "task-12345678901234567890123", "risk-assessment-2024-11-21-report", "hf_transfer_is_a_python_package_for_speed", "key: value",
    "keyboard: qwerty12345", "password: ********", "password: changeme1", "-----BEGIN " + "PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----", "tokens=4096 key=lambda x: x2",
    "http://host:8080/path@2x.png", "passed: 1234567890", "passes: 12/12", "eyJhbGciOiJIUzI1NiJ9",
)  # fmt: skip
def test_something_else_is_taken_for_a_secret(text: str) -> None:
    assert "secret" not in found(text)
