"""What is looked for in the words of a request: the settings, what they come to, and how that is told at start-up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as File
from typing import TYPE_CHECKING, Annotated

import msgspec
from pydantic import BeforeValidator, Field

from fairlead.config.finding import Finding
from fairlead.config.section import Section
from fairlead.config.values import Path, Text, Word, choice_of, expect
from fairlead.core.sensitivity import ACTIONS, KINDS, USUAL, Action
from fairlead.errors import ConfigError

if TYPE_CHECKING:
    from fairlead.config.schema import Config

MAX_TERM = 200
MAX_TERMS = 100_000
MAX_BYTES = 16_000_000


def _detect(value: object) -> object:
    if value == "all":
        return KINDS
    if value == "off":
        return ()
    if not isinstance(value, list):
        expect(f"all, off or a list of {', '.join(KINDS)}", value)
    return tuple(value)


KindName = Annotated[str, BeforeValidator(lambda value: choice_of(value, KINDS))]
Detect = Annotated[tuple[KindName, ...], BeforeValidator(_detect), Word(f"all / off / list of {' / '.join(KINDS)}")]
Follows = Annotated[Action, BeforeValidator(lambda value: choice_of(value, ACTIONS)), Word(" / ".join(ACTIONS))]


class Sensitivity(Section):
    detect: Detect | None = Field(
        None,
        description=f"What is looked for in every request; by default {', '.join(USUAL)} where a provider is self-hosted.",
    )
    terms: tuple[Text, ...] = Field((), description="Words and phrases of your own, in any case.")
    terms_file: Path | None = Field(
        None, description="A file with further ones, one a line; lines that begin with # are comments."
    )
    action: Follows = Field(
        "self_hosted",
        description="What follows: only self-hosted providers may see it, it is refused, or it is on record only.",
    )


class InForce(msgspec.Struct, frozen=True):
    """What the settings come to; `detector` takes these three."""

    kinds: tuple[str, ...]
    terms: tuple[str, ...]
    action: Action

    @property
    def on(self) -> bool:
        return bool(self.kinds or self.terms)


def in_force(config: Config) -> InForce:
    """Reads the file of terms. Raises ConfigError when that cannot be read."""
    settings = config.sensitivity
    terms = settings.terms
    if settings.terms_file is not None:
        terms += read_terms(settings.terms_file)
    kinds = settings.detect
    if kinds is None:
        kinds = USUAL if _self_hosted(config) else ()
    return InForce(tuple(dict.fromkeys(kinds)), tuple(dict.fromkeys(terms)), settings.action)


def _self_hosted(config: Config) -> bool:
    reached = {channel.provider for model in config.models.values() for channel in model.channels}
    return any(provider.is_self_hosted for name, provider in config.providers.items() if name in reached)


def read_terms(path: str) -> tuple[str, ...]:
    try:
        with File(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise ConfigError([f"sensitivity.terms_file: {path} cannot be read: {reason}"]) from None
    terms = []
    for number, line in enumerate(text.splitlines(), 1):
        term = "" if line.lstrip().startswith("#") else line.strip()
        if len(term) > MAX_TERM:
            raise ConfigError([f"sensitivity.terms_file: {path}:{number}: a term has at most {MAX_TERM} characters"])
        if term:
            terms.append(term)
    if len(raw) > MAX_BYTES or len(terms) > MAX_TERMS:
        raise ConfigError([f"sensitivity.terms_file: {path} has more than {MAX_TERMS:,} terms or {MAX_BYTES:,} bytes"])
    return tuple(dict.fromkeys(terms))


def findings(config: Config) -> Iterator[Finding]:
    """What the checks have to say of these settings."""
    settings = config.sensitivity
    if settings.terms_file is not None:
        try:
            read_terms(settings.terms_file)
        except ConfigError as error:
            message = error.problems[0].removeprefix("sensitivity.terms_file: ")
            yield Finding(("sensitivity", "terms_file"), message)
    for index, term in enumerate(settings.terms):
        if not term.strip() or len(term) > MAX_TERM:
            yield Finding(("sensitivity", "terms", index), f"a term has 1 to {MAX_TERM} characters")
    looked_for = settings.detect or settings.terms or settings.terms_file is not None
    if looked_for and settings.action == "self_hosted" and not _self_hosted(config):
        message = "no model has a self-hosted channel: every request in which something is found will be refused"
        yield Finding(("sensitivity",), message, wrong=False)
