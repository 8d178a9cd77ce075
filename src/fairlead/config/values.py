"""The kinds of single values a configuration may hold, each strict about its type and plain about what it wants.

A value that came out of the environment is a `Substituted`: it is always text, so number and switch fields read
it as what they need, and no message ever repeats it.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from fairlead.config.secret import Secret

NANO_DIGITS = 9
MAX_NUMBER_CHARS = 40
MAX_SHOWN = 40
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?")
WHOLE = re.compile(r"[-+]?\d+")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,127}")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")
LOOPBACK_6 = ipaddress.IPv6Address("::1")
RESERVED_PREFIXES = ("auto:", "intent:", "agent:")
FRAMING_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"}
)


class Substituted(str):
    """Text in which at least one `${VARIABLE}` was filled in."""

    __slots__ = ()


class Word(msgspec.Struct, frozen=True):
    """How the reference names a type."""

    text: str


def found(value: object) -> str:
    """What stands there, in words; long and substituted texts are not repeated."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"the number {value}"
    if isinstance(value, Substituted):
        return "a text from the environment" if value else "an empty text from the environment"
    if isinstance(value, str):
        return f"the text {str(value)!r}" if len(value) <= MAX_SHOWN else f"a text of {len(value)} characters"
    if isinstance(value, list):
        return "a list"
    return "a mapping"


def refuse(message: str) -> NoReturn:
    raise PydanticCustomError("value", "{message}", {"message": message})


def expect(what: str, value: object, fix: str = "") -> NoReturn:
    refuse(f"expected {what}, found {found(value)}{f' ({fix})' if fix else ''}")


def parse_number(text: str) -> int | Decimal | None:
    """The number a plain word stands for, exactly; None when it is not one or is out of any sensible range."""
    if len(text) > MAX_NUMBER_CHARS or not NUMBER.fullmatch(text):
        return None
    if WHOLE.fullmatch(text):
        return int(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number == 0 or -MAX_NUMBER_CHARS <= number.adjusted() <= MAX_NUMBER_CHARS else None


def text(value: object) -> str:
    if isinstance(value, int | Decimal):
        expect("text", value, "put it in quotes")
    if not isinstance(value, str):
        expect("text", value)
    if "\x00" in value:
        refuse("must not hold a NUL character")
    return str(value)


def switch(value: object) -> bool:
    if isinstance(value, Substituted) and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, bool):
        expect("true or false", value)
    return value


def number(value: object, what: str = "a number") -> int | Decimal:
    if isinstance(value, Substituted):
        value = parse_number(value) if parse_number(value) is not None else value
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        plain = isinstance(value, str) and not isinstance(value, Substituted) and parse_number(value) is not None
        expect(what, value, "remove the quotes" if plain else "")
    return value


def real(value: object) -> float:
    return float(number(value))


def whole(value: object) -> int:
    result = number(value, "a whole number")
    if result != int(result):
        expect("a whole number", value)
    return int(result)


def exact(value: object) -> Decimal:
    """A decimal that is a whole number of nano-units."""
    result = Decimal(number(value)).normalize()
    exponent = result.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -NANO_DIGITS:
        refuse(f"at most {NANO_DIGITS} decimals are kept exactly, found {-exponent}")
    return result


def name(value: object) -> str:
    result = text(value)
    if not NAME.fullmatch(result) or ".." in result or "//" in result:
        expect("a name of letters, digits and . _ : / + - beginning with a letter or digit", value)
    return result


def model_name(value: object) -> str:
    result = name(value)
    if result.lower() == "auto" or result.lower().startswith(RESERVED_PREFIXES):
        refuse(f"the name {result!r} is reserved: auto, auto:*, intent:* and agent:* ask fairlead to choose")
    return result


def header_name(value: object) -> str:
    result = text(value)
    if not HEADER.fullmatch(result):
        expect("a header name", value)
    if result.lower() in FRAMING_HEADERS:
        refuse(f"the header {result} is set by fairlead itself")
    return result


def day(value: object) -> datetime.date:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    if not isinstance(value, str) or not DAY.fullmatch(value):
        expect("a date like 2026-04-30", value)
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        expect("a date that exists", value)


def instant(value: object) -> datetime.datetime:
    """A time with its zone, or the end of a day in UTC."""
    if isinstance(value, datetime.datetime):
        return value
    given = text(value)
    if DAY.fullmatch(given):
        return datetime.datetime.combine(day(given), datetime.time.max, datetime.UTC)
    try:
        found = datetime.datetime.fromisoformat(given)
    except ValueError:
        expect("a date like 2026-12-31 or a time like 2026-12-31T18:00:00Z", value)
    if found.tzinfo is None:
        expect("a time with its zone, like 2026-12-31T18:00:00Z", value)
    return found.astimezone(datetime.UTC)


def address(value: object) -> str:
    result = text(value).rstrip("/")
    try:
        parts = urlsplit(result)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not result.isascii() or not result.isprintable() or " " in result:
        expect("an address like https://host:port/v1", value)
    if parts.username is not None or parts.password is not None:
        refuse("an address must not hold a user or password; use api_key or headers")
    if parts.query or parts.fragment:
        refuse("an address must not hold a query or fragment")
    return result


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself: localhost, or a literal address of 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address in LOOPBACK if address.version == 4 else address == LOOPBACK_6


def path(value: object) -> str:
    result = text(value)
    if not result:
        expect("a path", value)
    if ".." in re.split(r"[/\\]", result):
        refuse("a path must not hold '..'; write it absolute or below the working directory")
    return result


def filled(value: Secret) -> Secret:
    if not value:
        refuse("is empty: give the secret, or leave the setting out")
    return value


def secret_address(value: Secret) -> Secret:
    """One whose path is known to nobody else: it is shown nowhere, not even where it is wrong."""
    try:
        return Secret(address(filled(value).reveal()))
    except PydanticCustomError:
        refuse("must be an address like https://host:port/path; what was found is not shown")


Text = Annotated[str, BeforeValidator(text), Word("text")]
Switch = Annotated[bool, BeforeValidator(switch), Word("true or false")]
Whole = Annotated[int, BeforeValidator(whole), Word("whole number")]
Count = Annotated[int, BeforeValidator(whole), Field(ge=1, le=10**12), Word("whole number from 1")]
Number = Annotated[float, BeforeValidator(real), Field(ge=0, le=1e12), Word("number from 0")]
Seconds = Annotated[float, BeforeValidator(real), Field(gt=0, le=86_400), Word("seconds")]
Share = Annotated[float, BeforeValidator(real), Field(ge=0, le=1), Word("number from 0 to 1")]
Money = Annotated[Decimal, BeforeValidator(exact), Field(ge=0, le=1_000_000), Word("USD, at most 9 decimals")]
Discount = Annotated[Decimal, BeforeValidator(exact), Field(ge=0, le=1), Word("decimal from 0 to 1")]
Name = Annotated[str, BeforeValidator(name), Word("name")]
ModelName = Annotated[str, BeforeValidator(model_name), Word("model name")]
HeaderName = Annotated[str, BeforeValidator(header_name), Word("header name")]
Day = Annotated[datetime.date, BeforeValidator(day), Word("date YYYY-MM-DD")]
Instant = Annotated[datetime.datetime, BeforeValidator(instant), Word("date or time with zone")]
Address = Annotated[str, BeforeValidator(address), Word("http(s) address")]
Path = Annotated[str, BeforeValidator(path), Word("path")]
OptionalSecret = Annotated[Secret, Word("secret")]
RequiredSecret = Annotated[Secret, AfterValidator(filled), Word("secret")]
SecretAddress = Annotated[Secret, AfterValidator(secret_address), Word("http(s) address, kept secret")]


def choice_of(value: object, options: tuple[str, ...]) -> str:
    """Raised with its options, so that the message can offer the nearest spelling."""
    result = text(value)
    if result not in options:
        raise PydanticCustomError("choice", "unknown", {"options": options})
    return result
