"""Things that a provider keeps under an id of its own: files, containers, caches, vector stores. Whose are they?

A provider knows its account and nobody behind it, so with one account behind several tenants any of them could name
what another one got. An id that an answer gave is bound to the tenant it was given to and the channel it came through.

    bound to the caller's tenant    the request goes through that channel, and no other
    bound to another tenant         404, in the same words as an id that nobody knows
    not bound                       404 where there are several tenants; with one, or no keys at all, everything is theirs:
                                    a model that was named is then asked through its first channel, always the same one

What has to be there for the request to mean anything *binds* it. What only stands in its history (the container of an
earlier run, an answer that was spoken) has to be the caller's as well, but another dialect's provider does without it, so
that a conversation may move: it binds only where the channel, or another of the same provider, may be had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import msgspec

from fairlead.core.call import Call, Caller, Wishes
from fairlead.core.choice import Choice
from fairlead.core.egress import grant_sink
from fairlead.core.model import Channel
from fairlead.dialects import json
from fairlead.dialects.issued import each, inner, is_kept, listed, spelt
from fairlead.errors import BadRequest, NotFound
from fairlead.gateway.request import Incoming
from fairlead.gateway.world import World
from fairlead.store.belongings import Belongings

ITEM, APPROVED = "input.id", "input.approval_request_id"
"""Where a request of Responses names an item."""
OPENS = "openai-"
"""How the names of a provider's own skills begin, which are everybody's."""
ADDRESSED = frozenset(("audio_url", "file_url", "image_url", "video_url"))
"""Parts of a chat whose content may stand at an address."""
ESCAPED = b"\\u00"
"""How letters of a field's name may be written so that no mark shows."""


class Named(NamedTuple):
    field: str
    name: object
    """What is no text is no id."""
    binds: bool = True


Found = Iterator[Named]


def home(
    world: World, incoming: Incoming, choice: Choice, wish: Wishes, belongings: Belongings, settled: bool = True
) -> str:
    """The only channel that may answer, by its id; empty where the request names nothing that a provider keeps. Nobody has to
    ask where nothing is known to be kept, and it makes no difference whether something is. `settled`: no other model will be
    chosen yet in the place of the one that is."""
    names = NAMES.get(incoming.dialect)
    if names is None:
        return ""
    body = incoming.body
    for mark in names.marks:
        if mark in body:
            break
    else:
        if not world.shared or ESCAPED not in body:
            return ""
    # Whoever reads the body for the first time refuses what is no JSON, and a field that stands twice.
    found = names.read(json.loads(body))
    # What is no text may not even be looked up among those that are; `_home` leaves it out.
    named = (
        one
        for one in found
        if one.field not in (ITEM, APPROVED) or not isinstance(one.name, str) or one.name not in incoming.known
    )
    channel, unknown = _home(world, named, choice, incoming.caller.tenant, belongings)
    return _first(choice, wish, incoming.caller) if unknown and settled else channel


def _home(world: World, named: Found, choice: Choice, tenant: str, belongings: Belongings) -> tuple[str, bool]:
    """(the channel, whether all that has to be there is known nowhere)."""
    binding: dict[str, tuple[Named, str]] = {}
    """By account."""
    passing, unknown = "", False
    for one in named:
        if not isinstance(one.name, str) or not one.name:
            continue
        bound = belongings.find(one.name)
        if bound is None and not world.shared:
            unknown = unknown or one.binds
        elif bound is None or bound.tenant != tenant:
            raise not_yours(one)
        elif one.binds:
            binding.setdefault(_account(world, bound.channel), (one, bound.channel))
        else:
            passing = bound.channel
    if len(binding) > 1:
        raise _apart(list(binding.values()))
    if binding:
        ((_, channel),) = binding.values()
        return _reached(world, choice, channel) or channel, False
    if unknown or not passing:
        return "", unknown
    return _reached(world, choice, passing), False


def not_yours(named: Named) -> NotFound:
    return NotFound(
        f"{named.field} names {str(named.name)[:100]!r}, which is not known to be yours: what a provider keeps is not "
        "shared between tenants. Send the content itself.",
        param=named.field,
        code="not_yours",
    )


def _apart(places: list[tuple[Named, str]]) -> BadRequest:
    told = " and ".join(f"{one.field} names {str(one.name)[:100]!r}, kept at {channel}" for one, channel in places)
    return BadRequest(f"{told}: one channel has to have them all.", param=places[-1][0].field, code="kept_apart")


def _channel(world: World, channel: str) -> Channel | None:
    model = world.snapshot.models.get(channel.rpartition("@")[0])
    return None if model is None else next((one for one in model.channels if one.id == channel), None)


def _account(world: World, channel: str) -> str:
    """Who keeps what came through a channel: its provider, or where it is not configured any more, the channel."""
    found = _channel(world, channel)
    return channel if found is None else found.provider


def _reached(world: World, choice: Choice, channel: str) -> str:
    """The channel itself; for another model that was named, its first one at the same provider, if it has any."""
    if choice.model is None:
        return channel
    asked = [one for one in choice.model.channels if choice.channel in ("", one.name)]
    if any(one.id == channel for one in asked):
        return channel
    account = _account(world, channel)
    return next((one.id for one in asked if one.enabled and one.provider == account), "")


def _first(choice: Choice, wish: Wishes, caller: Caller) -> str:
    """Of the named model, as declared: the first that the key and the caller's wishes leave."""
    if choice.model is None or choice.channel:
        return ""
    return next((one.id for one in choice.model.channels if _open(one, wish, caller)), "")


def _open(channel: Channel, wish: Wishes, caller: Caller) -> bool:
    return (
        channel.enabled
        and (caller.providers is None or channel.provider in caller.providers)
        and (caller.channels is None or channel.id in caller.channels)
        and (caller.regions is None or channel.region in caller.regions)
        and (wish.providers is None or channel.provider in wish.providers)
        and channel.provider not in wish.not_providers
        and (channel.self_hosted or not (caller.sensitive or wish.sensitive))
    )


def take_down(belongings: Belongings, call: Call, channel: str, names: AbstractSet[str]) -> None:
    """What an answer gave is the caller's from now on."""
    belongings.bind(grant_sink(call, "belongings", local=True), names, channel)


def _chat(given: Any) -> Found:
    for field in ("extra_body.google.cached_content", "google.cached_content"):
        yield Named(field, inner(given, *field.split(".")))
    for message in each(inner(given, "messages")):
        yield Named("messages.audio.id", inner(message, "audio", "id"), False)
        for part in each(message.get("content")):
            yield Named("messages.content.file_id", part.get("file_id"))
            for name, told in part.items():
                yield Named("messages.content.file.file_id", inner(told, "file_id"))
                if name in ADDRESSED:
                    yield from _address(f"messages.content.{name}.url", inner(told, "url") or told)


def _responses(given: Any) -> Found:
    conversation = inner(given, "conversation")
    yield Named("conversation", inner(conversation, "id") if isinstance(conversation, dict) else conversation)
    yield Named("prompt.id", inner(given, "prompt", "id"))
    variables = inner(given, "prompt", "variables")
    for variable in variables.values() if isinstance(variables, dict) else ():
        yield Named("prompt.variables.file_id", inner(variable, "file_id"))
    for item in each(inner(given, "input")):
        yield Named(ITEM, item.get("id"), False)
        yield Named(APPROVED, item.get("approval_request_id"), False)
        yield Named("input.container_id", item.get("container_id"), False)
        yield Named("input.environment.container_id", inner(item, "environment", "container_id"), False)
        for field in ("content", "output"):
            for part in each(item.get(field)):
                yield Named(f"input.{field}.file_id", part.get("file_id"))
                for name in ("image_url", "file_url"):
                    told = part.get(name)
                    yield from _address(f"input.{field}.{name}", inner(told, "url") or told)
        yield from _tools(item.get("tools"))
    yield from _tools(inner(given, "tools"))


def _tools(given: object) -> Found:
    for tool in each(given):
        container, environment = tool.get("container"), tool.get("environment")
        yield Named("tools.container", container)
        yield Named("tools.environment.container_id", inner(environment, "container_id"))
        yield Named("tools.input_image_mask.file_id", inner(tool, "input_image_mask", "file_id"))
        for field, names in (
            ("tools.vector_store_ids", tool.get("vector_store_ids")),
            ("tools.container.file_ids", inner(container, "file_ids")),
            ("tools.environment.file_ids", inner(environment, "file_ids")),
        ):
            for name in listed(names):
                yield Named(field, name)
        for skill in each(inner(environment, "skills")):
            name = skill.get("skill_id")
            if not str(name).startswith(OPENS):
                yield Named("tools.environment.skills.skill_id", name)


def _anthropic(given: Any) -> Found:
    container = inner(given, "container")
    yield Named("container", inner(container, "id") if isinstance(container, dict) else container)
    for skill in each(inner(container, "skills")):
        if skill.get("type") != "anthropic":
            yield Named("container.skills.skill_id", skill.get("skill_id"))
    yield from _blocks(inner(given, "system"))
    for message in each(inner(given, "messages")):
        yield from _blocks(message.get("content"))


def _blocks(content: object) -> Found:
    for block in each(content):
        yield Named("messages.content.source.file_id", inner(block, "source", "file_id"))
        yield from _address("messages.content.source.url", inner(block, "source", "url"))
        yield from _blocks(inner(block, "source", "content"))
        yield Named("messages.content.file_id", block.get("file_id"))
        if block.get("type") == "tool_result":
            yield from _blocks(block.get("content"))


def _gemini(given: Any) -> Found:
    """Every spelling, wherever one stands beside the other: which of them is read is the provider's to say."""
    for name in spelt(given, "cachedContent"):
        yield Named("cachedContent", name)
    for tool in each(inner(given, "tools")):
        for search in spelt(tool, "fileSearch"):
            for names in spelt(search, "fileSearchStoreNames"):
                for name in listed(names):
                    yield Named("tools.fileSearch.fileSearchStoreNames", name)
        for retrieval in spelt(tool, "retrieval"):
            yield from _retrieved(retrieval)
    contents = (inner(given, "contents"), *spelt(given, "systemInstruction"))
    for content in (one for some in contents for one in each(some)):
        yield from _parts(content.get("parts"))


def _retrieved(retrieval: object) -> Found:
    """What of a project an answer is looked up in, all of which its owner has to have put there."""
    for search in spelt(retrieval, "vertexAiSearch"):
        for field in ("datastore", "engine"):
            yield Named(f"tools.retrieval.vertexAiSearch.{field}", inner(search, field))
        for spec in (one for some in spelt(search, "dataStoreSpecs") for one in each(some)):
            for name in spelt(spec, "dataStore"):
                yield Named("tools.retrieval.vertexAiSearch.dataStoreSpecs.dataStore", name)
    for store in spelt(retrieval, "vertexRagStore"):
        corpora = [names for some in spelt(store, "ragCorpora") for names in listed(some)]
        resources = (one for some in spelt(store, "ragResources") for one in each(some))
        for name in (*corpora, *(name for one in resources for name in spelt(one, "ragCorpus"))):
            yield Named("tools.retrieval.vertexRagStore.ragCorpora", name)


def _address(field: str, address: object) -> Found:
    """One that only the owner of an account may read; bytes that stand in an address are the caller's own."""
    if isinstance(address, str) and address.strip()[:5].lower() != "data:" and is_kept(address):
        yield Named(field, address)


def _parts(parts: object) -> Found:
    for part in each(parts):
        for file in spelt(part, "fileData"):
            for address in spelt(file, "fileUri"):
                if is_kept(address):
                    yield Named("contents.parts.fileData.fileUri", address)
        for answered in spelt(part, "functionResponse"):
            yield from _parts(inner(answered, "parts"))


class Names(msgspec.Struct, frozen=True):
    """Where requests of a dialect name what a provider keeps, and what shows in their bytes where one does."""

    marks: tuple[bytes, ...]
    read: Callable[[Any], Found]


NAMES: dict[str, Names] = {
    "openai_chat": Names(
        (b'"file_id"', b'"audio"', b'"cached_content"', b'"image_url"', b'"video_url"', b'"audio_url"', b'"file_url"'),
        _chat,
    ),
    "openai_responses": Names(
        (
            b'"file_id',
            b'"container',
            b'"vector_store_ids"',
            b'"conversation"',
            b'"id"',
            b'"skill_id"',
            b'"approval_request_id"',
            b'"image_url"',
            b'"file_url"',
        ),
        _responses,
    ),
    "anthropic_messages": Names((b'"file_id"', b'"container"', b'"url"'), _anthropic),
    "gemini": Names(
        (
            b'"cachedContent"',
            b'"cached_content"',
            b'"fileUri"',
            b'"file_uri"',
            b"toreNames",
            b"tore_names",
            b'"retrieval"',
        ),
        _gemini,
    ),
}
