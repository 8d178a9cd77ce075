"""What a caller says of its request beside it: knobs, one line each in a table.

The same knob may come from several places; the nearer one counts: header `x-fairlead-KNOB`, the body's `fairlead`
object, the model string (`auto?task=translation&max-cost=0.01`), the intent, the key's own defaults. OpenRouter's
`models` and `provider` and its suffixes are read as knobs too. Sensitivity is read in every place: it only goes up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from fairlead.classify.tasks import COMPLEXITIES, DOMAINS, LATENCY_CLASSES
from fairlead.core.call import Wishes
from fairlead.core.choice import AUTO, nearest
from fairlead.core.choice import SUFFIXES as SHORT
from fairlead.core.cost import nano
from fairlead.dialects.dialect import View
from fairlead.dialects.openai_chat.native import ChatView
from fairlead.dialects.wishes import Options, Preferences
from fairlead.errors import BadRequest, NotFound
from fairlead.gateway.request import Headers, Incoming, words_of
from fairlead.gateway.world import World

SWITCH = {"true": True, "false": False, "1": True, "0": False}
SENSITIVITIES = {"normal": False, "sensitive": True}
BUDGETS = {"normal": False, "low": True}
SORTS = ("price", "throughput", "latency")
CACHE = ("on", "refresh", "off")
SUFFIXES = {":floor": "price", ":nitro": "throughput"}
"""Of a model's name, as OpenRouter's callers write them."""
ENDS = tuple(SUFFIXES)
NINE_DECIMALS = Decimal("1e-9")
DEAREST = 1_000_000
"""USD per million tokens: no bound."""
PREFIX = b"x-fairlead-"
MOST_NAMES = 50
LONGEST_NAME = 256
MOST_TAGS = 20
LONGEST_TAG = 100
TAGS_CUT = f"of the tags only {MOST_TAGS} are kept, and {LONGEST_TAG} characters of each"
OF_USER = "user:"
"""How a tag begins that says whom a request is for."""

INTENT = "intent:"
NOTHING_REMEMBERED = "nothing is remembered here: `memory.enabled` is off"
_NONE = Wishes()


class Said(Struct, frozen=True):
    wishes: Wishes
    policy: str = ""
    """The policy that was named."""
    warnings: tuple[str, ...] = ()


_NOTHING = Said(_NONE)


def read(world: World, incoming: Incoming, view: View) -> tuple[str, Said]:
    """(the model string without its suffixes, all that was said beside it)."""
    asked, options = view.model, view.options
    own = incoming.caller.defaults
    knobs = stated(incoming.headers, options)
    preferences = {}
    if isinstance(view, ChatView) and view.prefers:
        preferences = preferred(view.preferences(), view.fallbacks())
    if "?" in asked or asked.endswith(ENDS):
        asked, more = suffixed(asked, world)
        knobs = {**more, **knobs}
    if asked.startswith(INTENT):
        knobs = _intended(world, asked.removeprefix(INTENT), knobs)
        asked = AUTO
    if not knobs and not own and not preferences and not incoming.sensitive:
        return asked, _NOTHING
    policy = knobs.pop("policy", "")
    suffix = asked.removeprefix(f"{AUTO}:")
    if policy and suffix != asked and policy != SHORT.get(suffix, suffix):
        raise BadRequest(
            f"x-fairlead-policy says {policy!r} and the model {asked!r} names another; say one of them.",
            param="fairlead.policy",
        )
    wishes = come_to(knobs, options, own, preferences)
    if incoming.sensitive and not wishes.sensitive:
        wishes = msgspec.structs.replace(wishes, sensitive=True)
    unmet = (NOTHING_REMEMBERED,) if wishes.memory and world.remembering is None else ()
    return asked, Said(wishes, policy, (*unmet, *_cut(knobs.get("tags", ""))))


def _cut(tags: str) -> tuple[str, ...]:
    """What reports and budgets by tag will not see, for whoever relies on them."""
    given = [" ".join(tag.split()) for tag in tags.split(",") if tag.strip()]
    return (TAGS_CUT,) if len(given) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in given) else ()


def come_to(
    knobs: Mapping[str, str],
    options: Options | None,
    own: Iterable[tuple[str, str]] = (),
    preferences: Mapping[str, Any] | None = None,
) -> Wishes:
    """What was said, with the key's own defaults behind it. Sensitivity is looked up wherever it may stand."""
    defaults = dict(own)
    said = [knobs.get("sensitivity"), defaults.get("sensitivity"), None if options is None else options.sensitivity]
    read = [
        _read("sensitivity", text, options) for text in said if text is not None
    ]  # each is checked, whatever others say
    sensitive = any(read)
    fields = _fields({**defaults, **knobs}, options)
    return Wishes(**{**(preferences or {}), **fields, "sensitive": sensitive})


def tagged(wishes: Wishes, view: View) -> Wishes:
    """With a tag that says whom it is for, where anybody does."""
    user = wishes.user or view.user
    return (
        msgspec.structs.replace(wishes, tags=(*wishes.tags, *_tags(OF_USER + user.replace(",", " "))))
        if user
        else wishes
    )


def declared_sensitive(incoming: Incoming) -> bool:
    """What header and key say of a request that has no body of a dialect. Raises BadRequest."""
    said = (stated(incoming.headers, None).get("sensitivity"), dict(incoming.caller.defaults).get("sensitivity"))
    read = [_read("sensitivity", text) for text in said if text is not None]  # each is checked, whatever the other says
    return incoming.sensitive or any(read)


def _intended(world: World, name: str, knobs: Mapping[str, str]) -> dict[str, str]:
    intent = world.intents.get(name)
    if intent is None:
        hint = nearest(name, list(world.intents))
        raise NotFound(
            f"there is no intent {name[:100]!r}.{hint} `fairlead config intents` lists them.",
            param="model",
            code="intent_not_found",
        )
    for knob, text in intent.items():
        if knobs.get(knob, text).lower() != text.lower():
            raise BadRequest(
                f"x-fairlead-{knob} says {knobs[knob]!r} and intent {name} says {text!r}; say one of them.", param=knob
            )
    return {**intent, **knobs}


def in_headers(headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
    return {
        name[len(PREFIX) :].decode("latin-1"): words_of(value).strip()
        for name, value in headers.items()
        if name.startswith(PREFIX)
    }


def stated(headers: Headers, options: Options | None) -> dict[str, str]:
    """Knob -> what header or body say of it; the header counts."""
    found = dict(headers.once(in_headers))
    if options is not None:
        for field, wish in msgspec.structs.asdict(options).items():
            key = field.rstrip("_").replace("_", "-")
            if wish is not None and key not in found:
                found[key] = _text(wish)
    return found


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def suffixed(asked: str, world: World) -> tuple[str, dict[str, str]]:
    """(the model string without its suffixes, the knobs in them). A model of that very name is meant as it is."""
    if world.snapshot.resolve(asked) is not None:
        return asked, {}
    name, mark, query = asked.partition("?")
    found: dict[str, str] = {}
    if mark:
        for key, value in parse_qsl(query, keep_blank_values=True):
            if key not in KNOBS:
                known = ", ".join(KNOBS)
                raise BadRequest(
                    f"the model string says {key!r}, which is no knob.{nearest(key, list(KNOBS))} There are: {known}.",
                    param="model",
                )
            found[key] = value
    for suffix, sort in SUFFIXES.items():
        if name.endswith(suffix) and name != f"auto{suffix}":
            name = name.removesuffix(suffix)
            found.setdefault("sort", sort)
    return name, found


def _fields(found: Mapping[str, str], options: Options | None) -> dict[str, Any]:
    """The fields of `Wishes` that the knobs come to. Raises BadRequest naming the knob that is wrong."""
    wishes: dict[str, Any] = {}
    for knob, text in found.items():
        row = KNOBS.get(knob)
        if row is not None:
            value = _read(knob, text, options)
            if value is not None:
                wishes[row[0]] = value
    return wishes


def _read(knob: str, text: str, options: Options | None = None) -> Any:
    try:
        return KNOBS[knob][1](text)
    except ValueError as why:
        name, param = f"x-fairlead-{knob}", knob
        field = knob.replace("-", "_")
        said = getattr(options, field, None)
        if said is not None and _text(said) == text:  # where it stands in the body it is called as it is there
            name = param = f"fairlead.{field}"
        raise BadRequest(f"{name} {why}", param=param) from None


def preferred(preferences: Preferences | None, models: list[str] | None) -> dict[str, Any]:
    """OpenRouter's `provider` object and `models` list as fields of `Wishes`."""
    found: dict[str, Any] = {}
    if models:
        found["models"] = _names("models", models)
    if preferences is None:
        return found
    if preferences.only is not None:
        found["providers"] = _names("provider.only", preferences.only)
    if preferences.ignore:
        found["not_providers"] = _names("provider.ignore", preferences.ignore)
        both = set(preferences.ignore) & set(preferences.only or ())
        if both:
            raise BadRequest(
                f"provider.only and provider.ignore both name {', '.join(sorted(both))}.", param="provider.ignore"
            )
    if preferences.order:
        found["provider_order"] = _names("provider.order", preferences.order)
    if preferences.allow_fallbacks is False:
        found["stay"] = True
    if preferences.sort is not None:
        try:
            found["sort"] = _sort(preferences.sort)
        except ValueError as why:
            raise BadRequest(f"provider.sort {why}", param="provider.sort") from None
    if preferences.max_price is not None:
        found["max_rates"] = (_rate(preferences.max_price, "prompt"), _rate(preferences.max_price, "completion"))
    if preferences.data_collection == "deny":
        found["no_collection"] = True
    return found


def _names(field: str, names: list[str]) -> tuple[str, ...]:
    """They are looked at for every model, and kept with the decision."""
    if len(names) > MOST_NAMES or any(len(name) > LONGEST_NAME for name in names):
        raise BadRequest(f"{field} lists at most {MOST_NAMES} names of {LONGEST_NAME} characters.", param=field)
    return tuple(names)


def _rate(prices: Mapping[str, float], of: str) -> int:
    amount = prices.get(of, DEAREST)
    if not 0 <= amount <= DEAREST:
        raise BadRequest(f"provider.max_price.{of} has to be an amount of USD per million tokens.", param="provider")
    return round(amount * 1_000_000_000)


# Readers of one knob's text. They raise ValueError with what is to be said behind the knob's name.


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"is {text!r}; it has to be a number from 0 to 1.")
    return value


def _money(text: str) -> int:
    try:
        amount = Decimal(text)
        if amount.is_finite() and amount >= 0:
            return nano(amount.quantize(NINE_DECIMALS, ROUND_DOWN))
    except (InvalidOperation, ValueError):
        pass
    raise ValueError(f"is {text!r}; it has to be an amount of USD such as 0.01.")


def _milliseconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:12]) < 1:
        raise ValueError(f"is {text!r}; it has to be whole milliseconds such as 2000.")
    return int(text[:12])


def _either(text: str, meanings: Mapping[str, bool]) -> bool:
    """One of two words."""
    if text.lower() not in meanings:
        raise ValueError(f"is {text!r}; it has to be {' or '.join([*meanings][:2])}.")
    return meanings[text.lower()]


def _word(text: str, known: tuple[str, ...]) -> str:
    if text.lower() not in known:
        hint = nearest(text, list(known))
        raise ValueError(f"is {text[:100]!r}; it has to be one of {', '.join(known)}.{hint}")
    return text.lower()


def _sort(text: str) -> str:
    return _word(text, SORTS)


def _tags(text: str) -> tuple[str, ...]:
    """In one line each: what was spent is kept by all tags of a request, a line for each."""
    return tuple(" ".join(tag.split())[:LONGEST_TAG] for tag in text.split(",") if tag.strip())[:MOST_TAGS]


KNOBS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "task": ("task", lambda text: text[:100]),
    "complexity": ("complexity", lambda text: _word(text, COMPLEXITIES)),
    "domain": ("domain", lambda text: _word(text, DOMAINS)),
    "latency-class": ("latency_class", lambda text: _word(text, LATENCY_CLASSES)),
    "quality-floor": ("quality_floor", _number),
    "max-cost": ("max_cost", _money),
    "max-latency": ("max_latency_ms", _milliseconds),
    "budget": ("low_budget", lambda text: _either(text, BUDGETS)),
    "sensitivity": ("sensitive", lambda text: _either(text, SENSITIVITIES)),
    "strict": ("strict", lambda text: _either(text, SWITCH)),
    "session": ("session", lambda text: text[:200]),
    "tags": ("tags", _tags),
    "sort": ("sort", _sort),
    "continue": ("continues", lambda text: _either(text, SWITCH)),
    "user": ("user", lambda text: text[:LONGEST_NAME]),
    "memory": ("memory", lambda text: _either(text, SWITCH)),
    "prior-result": ("prior_result", lambda text: text[:LONGEST_NAME]),
    "cache": ("cache", lambda text: _word(text, CACHE)),
}
"""Knob -> (field of `Wishes`, how it is read)."""
