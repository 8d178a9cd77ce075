"""Bank accounts and the numbers of persons: found by their check digits, and only with them."""

from __future__ import annotations

import datetime

from hypothesis import given
from hypothesis import strategies as st

from fairlead.classify.sensitivity.iban import LENGTHS
from fairlead.classify.sensitivity.id_cn import CHECKS, REGIONS, WEIGHTS
from tests.classify.sensitivity.reading import each, found

DIGITS = "0123456789"


def account(country: str, rest: str) -> str:
    turned = "".join(str(int(char, 36)) for char in f"{rest}{country}00")
    return f"{country}{98 - int(turned) % 97:02}{rest}"


@given(st.sampled_from(sorted(LENGTHS)), st.text(DIGITS, min_size=30, max_size=30), st.sampled_from(["", " ", "-"]))
def test_an_account_is_missed(country: str, digits: str, gap: str) -> None:  # M3.7
    number = account(country, digits[: LENGTHS[country] - 4])
    groups = [number[at : at + 4] for at in range(0, len(number), 4)]
    assert "iban" in found(f"Transfer to {gap.join(groups)} please, not later than Friday.")
    wrong = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
    assert "iban" not in found(f"Transfer to {wrong}, please.")


@each(
    "GB29 NWBK 6016 1331 9268 19", "MT84MALT011000012345MTLCAST001S", "iban: gb29 nwbk 6016 1331 9268 19", "转到 DE89370400440532013000。", "US 2024 FR DE89 3704 0044 0532 0130 00 END OF LINE",
)  # fmt: skip
def test_a_way_to_write_an_account_is_missed(text: str) -> None:  # M3.7
    assert "iban" in found(text)


@each("de89370400440532013000", "XDE89370400440532013000", "DE893704004405320130001", "ZZ89370400440532013000")
def test_something_else_is_taken_for_an_account(text: str) -> None:
    assert "iban" not in found(text)


@given(st.sampled_from(sorted(REGIONS)), st.dates(datetime.date(1900, 1, 1)), st.text(DIGITS, min_size=7, max_size=7))
def test_a_resident_number_is_missed(region: int, born: datetime.date, rest: str) -> None:  # M3.7
    if born.year > 2099:
        born = born.replace(year=1999, day=1)
    body = f"{region}{rest[:4]}{born:%Y%m%d}".replace(" ", "0")
    body = f"{region}{rest[:4]}{born.year:04}{born.month:02}{born.day:02}{rest[4:]}"
    check = chr(CHECKS[sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11])
    assert "id_cn" in found(f"身份证{body}{check}，谢谢")
    assert "id_cn" in found(f"number {body[:6]} {body[6:14]} {body[14:]}{check.lower()}")
    other = "0" if check != "0" else "1"
    assert "id_cn" not in found(f"身份证{body}{other}，谢谢")


@each("110105194913310021", "990105194912310025", "11010519491231002Xa", "1101051949123100")
def test_something_else_is_taken_for_a_resident_number(text: str) -> None:
    assert "id_cn" not in found(text)


@each("078-05-1120", "my SSN: 123456789", "social security number 123 45 6789", "078‑05‑1120")
def test_a_social_security_number_is_missed(text: str) -> None:  # M3.7
    assert "ssn" in found(text)


@each(
    "000-12-3456", "666-12-3456", "912-12-3456", "123-00-4567", "123-45-0000", "ORD-123-45-6789", "123-45-6789-1", "123 45 6789", "123456789", "order 123-45-6789", "1.123-45-6789",
    "2024-11-21", "978-3-16-148410-0",
)  # fmt: skip
def test_something_else_is_taken_for_a_social_security_number(text: str) -> None:
    assert "ssn" not in found(text)


ZONE = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"


@each(ZONE, "Passport No. X1234567", "passport number: 123456789", "护照号：E12345678", "护照是EA1234567")
def test_a_passport_is_missed(text: str) -> None:  # M3.7
    assert "passport" in found(text)


@each(
    ZONE.replace("L898902C36", "L898902C37"), "Passport control opened in 2024", "passport-jwt 1234567890", "X1234567",
)  # fmt: skip
def test_something_else_is_taken_for_a_passport(text: str) -> None:
    assert "passport" not in found(text)
