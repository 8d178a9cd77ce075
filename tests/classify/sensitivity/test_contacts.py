"""Telephone numbers and mail addresses, as people and programs write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.classify.sensitivity.reading import found


@pytest.mark.parametrize(
    "text",
    [
        "call +49 30 1234567 today", "+4915112345678", "+1 415 555 2671", "+1 (415) 555-2671", "+14155552671", "+86 138 0013 8000", "(+44) 20 7946 0958",
        "+44.20.7946.0958", "tel:+33123456789", "(415) 555-2671", "415-555-2671", "1-415-555-2671",
        "我的手机是13800138000", "手机：138 0013 8000", "138-0013-8000", '{"phone": "13800138000"}', "phone: 13800138000", "+86-13800138000",
        "８６ １３８００１３８０００ 是我的", "tel. 030 1234 5678", "Mobile: 0171 1234567", "fax 040/123 no, fax 040 1234567", "１３８００１３８０００（张先生）",
    ],
)  # fmt: skip
def test_a_telephone_number_is_missed(text: str) -> None:  # M3.7
    assert "phone" in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "17179869184 bytes", "13800138000", "174 3088 5950 and 12", "订单13800138000", "order 13800138000", "+1732177362", "+1699999999999", "+20250101", "x+12345678901", "+0.123456789012",
        "3.14159265358979 +3.14159265358979", "192.168.100.200", "10.0.0.1:8080", "2026-11-21 08:22:42", "20261121082242", "ISBN 978-3-16-148410-0",
        "115-555-2671", "415-155-2671", "9-415-555-2671", "415-555-2671-9", "1-2-3-4-5-6-7-8-9-10", "tel 2026-11-21 08", "$1,234,567,890.00",
    ],
)  # fmt: skip
def test_another_number_is_taken_for_a_telephone_number(text: str) -> None:
    assert "phone" not in found(text)


names = st.from_regex(r"[a-z][a-z0-9._+-]{0,20}[a-z0-9]", fullmatch=True).filter(lambda name: ".." not in name)
hosts = st.from_regex(r"([a-z0-9]{1,12}\.){1,3}(com|org|de|io|co\.uk)", fullmatch=True)
around = st.sampled_from(
    ["{}", "<{}>", "write to {}.", "({})", "mailto:{}?subject=x", "请联系{}谢谢", '"{}",', "{}。好"]
)


@given(names, hosts, around)
def test_a_mail_address_is_missed(name: str, host: str, sentence: str) -> None:  # M3.7
    if name not in ("git", "npm"):
        assert "email" in found(sentence.format(f"{name}@{host}"))


@pytest.mark.parametrize(
    "text",
    [
        "ａｎｎ＠ｃｏｒｐ．ｃｏｍ",
        "ann@corp\u200b.com",
        "用户@例子.公司",
        "ann@corp。com",
        "Ann.Lee+x@Corp.COM",
        "müller@müller.de",
        "a" * 5000 + "@b.com",
    ],
)
def test_a_way_to_write_a_mail_address_is_missed(text: str) -> None:  # M3.7
    assert "email" in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "@app.route('/x')", "x@self.weight", "q@k.transpose(1)", "a@b.to(device)", "foo@1.2.3", "git@github.com:a/b.git", "@types/node@18.0.0", "user@host", "a @ b.com",
        "a@.com", "a@b..com", "noreply@corp.com", "@", "@@@", "see @ann.com",
    ],
)  # fmt: skip
def test_something_else_is_taken_for_a_mail_address(text: str) -> None:
    assert "email" not in found(text)
