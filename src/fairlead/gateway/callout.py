"""Gates that are services of the operator's own: what was asked and answered is posted to them, and they say how sure one may
be of it.

    POST {url}
    fairlead-signature: t=1790000000,v1=<hex of HMAC-SHA-256 over "1790000000." and the body, with the secret>
    {"gate": "house", "request_id": "...", "tenant": "...", "task": "...", "model": "...", "question": "...", "answer": "...",
     "calls": [{"name": "...", "arguments": "..."}]}

    {"confidence": 0.4, "why": "it quotes no source"}      or {"pass": false, "why": "..."}

Rules:
- It takes a permit like everything else that leaves: sensitive requests go to a self-hosted one only.
- Redirects are not followed, and no credential of a provider is sent along. What does not answer in time, or answers
  something else, says nothing, and is left alone for a while.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
import zlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import orjson

from fairlead.classify.patience import Patience
from fairlead.config.schema import Provider
from fairlead.core.call import Call
from fairlead.core.egress import grant_service
from fairlead.core.execution import Candidate
from fairlead.core.gates.declared import Declared
from fairlead.core.gates.verdict import Asked, Given, Verdict
from fairlead.core.policy import Policy
from fairlead.errors import Forbidden
from fairlead.gateway.endpoints import endpoint as endpoint_of
from fairlead.gateway.sharing import Places
from fairlead.providers.wire import Endpoint, Outbound, Reply, UpstreamBroken, head

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime

log = logging.getLogger("fairlead.quality")

MOST_TEXT: Final = 200_000
MOST_REPLY: Final = 65_536
PASSED, FAILED = 0.97, 0.05
"""What `pass` counts as."""
REFUSES: Final = frozenset((400, 413, 422, 451))
"""Of a service that will not look at this one: the next may be another's."""


def name_of(gate: str) -> str:
    """Of its endpoint; no provider can be called so."""
    return f"gate {gate}"


def endpoint(declared: Declared) -> Endpoint:
    url = urlsplit(declared.url)
    provider = Provider.model_validate(
        {
            "kind": "openai",
            "base_url": f"{url.scheme}://{url.netloc}",
            "self_hosted": declared.self_hosted,
            "proxy": "none",
            "connect_timeout": min(declared.timeout, 5),
            "first_byte_timeout": declared.timeout,
            "idle_timeout": declared.timeout,
            "max_connections": declared.at_once,
        }
    )
    return endpoint_of(name_of(declared.name), provider)


class Refused(Exception):
    """A service will not look at what it was shown."""


class CallOut:
    """One such gate."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self.patience = Patience()
        self.places = Places(declared.at_once)

    async def verdict(
        self, runtime: Runtime, call: Call, policy: Policy, wanted: Asked, given: Given, candidate: Candidate | None
    ) -> Verdict | None:
        declared = self.declared
        tenant = call.caller.tenant
        if not self.patience.allows(time.monotonic()) or not self.places.take(tenant, runtime.world.tenants):
            return self._silent("it is not asked just now")
        self.patience.begin()
        try:
            async with asyncio.timeout(declared.timeout):
                said = await self._posted(runtime, call, _told(declared, call, wanted, given, candidate))
            found = read(declared.name, said)
        except Forbidden as refused:
            log.debug("%s", refused)
            return self._silent("it may not see this request")
        except Refused as refused:
            log.info("gate %s does not look at it: %s", declared.name, refused)
            return self._silent("it refuses to look at it")
        except (UpstreamBroken, TimeoutError, ValueError) as problem:
            self.patience.failed(time.monotonic(), zlib.crc32(call.id.encode()))
            log.warning("gate %s gave no answer: %s", declared.name, str(problem) or "not in time")
            return self._silent("it gave no answer")
        finally:
            self.places.leave(tenant)
            self.patience.abandoned()
        self.patience.answered()
        return found

    def _silent(self, why: str) -> Verdict | None:
        silent = self.declared.silent
        return None if silent is None else Verdict(self.declared.name, silent, why)

    async def _posted(self, runtime: Runtime, call: Call, body: bytes) -> bytes:
        declared = self.declared
        name = name_of(declared.name)
        there = runtime.world.endpoints[name]
        permit = grant_service(call, name, self_hosted=declared.self_hosted, region=declared.region)
        headers = there.headers
        if declared.secret:
            headers += b"fairlead-signature: %b\r\n" % signature(declared.secret, body, int(time.time())).encode()
        sent = Outbound(head("POST", urlsplit(declared.url).path or "/", headers), body)
        begun: list[Reply] = []
        try:
            reply = await runtime.http.send(permit, there, sent, begun.append)
            answer = await reply.body()
        except BaseException:
            for one in begun:
                one.abort()
            raise
        if reply.status in REFUSES:
            raise Refused(f"HTTP {reply.status}")
        if reply.status != 200:
            raise ValueError(f"HTTP {reply.status}")
        if len(answer) > MOST_REPLY:
            raise ValueError(f"more than {MOST_REPLY:,} bytes")
        return answer


def signature(secret: str, body: bytes, at: int) -> str:
    mac = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def _told(declared: Declared, call: Call, wanted: Asked, given: Given, candidate: Candidate | None) -> bytes:
    said = {
        "gate": declared.name,
        "request_id": call.id,
        "tenant": call.caller.tenant,
        "task": wanted.task,
        "model": "" if candidate is None else candidate.channel.model,
        "question": wanted.said[:MOST_TEXT],
        "answer": given.text[:MOST_TEXT],
        "calls": [{"name": one.name, "arguments": one.arguments} for one in given.calls],
    }
    try:
        return orjson.dumps(said)
    except TypeError:  # half a character, as some models end with
        texts = {name: text.encode("utf-8", "replace").decode() for name, text in said.items() if isinstance(text, str)}
        return orjson.dumps({**said, **texts, "calls": []})


def read(name: str, answer: bytes) -> Verdict | None:
    """What a service says. Raises ValueError for what is no such answer."""
    said = orjson.loads(answer)
    if not isinstance(said, dict):
        raise ValueError("its answer is no object")  # noqa: TRY004 - what is wrong is the answer
    confidence, passed = said.get("confidence"), said.get("pass")
    if isinstance(passed, bool) and confidence is None:
        confidence = PASSED if passed else FAILED
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        raise ValueError("its answer has no `confidence` from 0 to 1, nor `pass`")
    why = said.get("why", "")
    words = " ".join(why.split())[:160] if isinstance(why, str) else ""
    return Verdict(name, round(float(confidence), 6), f"it says {confidence:g}", detail=words)
