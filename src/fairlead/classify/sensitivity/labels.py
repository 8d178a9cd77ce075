"""Words before a number that say what it is. Looked at only when the number itself leaves it open."""

from __future__ import annotations

import re


def label(*words: str) -> re.Pattern[bytes]:
    """Whether one of the words stands at the end of a context, but for a few characters that are no letters."""
    told = "|".join(re.escape(word) for word in words)
    filler = r"(?:[^0-9a-z]{0,3}(?:no|nr|num|number|id|code|is|号码|号|是|为))?"
    pattern = rf"(?:(?<![a-z])(?:{told})){filler}[^0-9a-z\n]{{0,8}}$"
    return re.compile(pattern.encode(), re.IGNORECASE)


CARD = label("card", "visa", "mastercard", "amex", "unionpay", "credit", "debit", "cc", "卡", "银行卡", "信用卡")
PHONE = label("phone", "telephone", "tel", "mobile", "cell", "cellphone", "fax", "whatsapp", "手机", "电话", "電話", "手機", "致电", "联系方式", "微信", "携帯", "전화", "телефон")  # fmt: skip
SSN = label("ssn", "social security", "social security number")
IBAN = label("iban")
OTHER = label(
    "order", "orders", "invoice", "tracking", "track", "ref", "reference", "serial", "sku", "ticket", "case", "batch", "build", "commit", "version", "id", "uid", "isbn", "ean", "upc",
    "gtin", "timestamp", "time", "ts", "amount", "total", "bytes", "size", "price", "seed", "port", "订单", "订单号", "单号", "编号", "流水", "批号", "金额", "运单", "快递", "#",
)  # fmt: skip
"""Numbers that are nobody's."""
