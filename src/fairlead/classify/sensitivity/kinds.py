"""What can be found, by name. A new kind is one file and one line here (and its name in `core.sensitivity`)."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.classify.sensitivity import card, email, iban, id_cn, passport, phone, secret, ssn
from fairlead.classify.sensitivity.page import Page

FINDERS: dict[str, Callable[[Page], float]] = {
    "email": email.find,
    "phone": phone.find,
    "card": card.find,
    "iban": iban.find,
    "id_cn": id_cn.find,
    "ssn": ssn.find,
    "passport": passport.find,
    "secret": secret.find,
}
"""Each says how sure it is that its kind is on the page; 0 for not at all."""
