"""What a provider keeps is one tenant's, and what passes unread costs no more than a key may spend. # M1.5"""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.config.load import loads
from fairlead.core.call import Caller
from fairlead.dialects.dialect import Target
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest, NotFound, PaymentRequired
from fairlead.gateway.admit import admit, begun
from fairlead.gateway.request import Headers, Incoming
from fairlead.gateway.world import World, build
from tests.config.catalogue_fake import CATALOGUE
from tests.gateway.still import Still

FAKE: Any = CATALOGUE
CONFIG = """
providers:
  up: {{kind: openai, base_url: "http://127.0.0.1:9101/v1", api_key: x}}
models:
  own-8b: {{channels: [{{provider: up}}], price: {{input: 0.1, output: 0.4}}, aliases: [m]}}
  painter: {{channels: [{{provider: up}}], price: {{input: 1, output: 1, per_request: 0.04}}}}
  brush:
    channels: [{{provider: up}}, {{name: dear, provider: up, price: {{input: 1, output: 1}}}}]
    price: {{input: 1, output: 1, per_request: 0.04}}
keys:
- {{name: a, key: fl_a, tenant: first}}
- {{name: b, key: fl_b, tenant: {other}}}
"""


def world(other: str) -> World:
    return build(loads(CONFIG.format(other=other), "f.yaml", {}, CATALOGUE), FAKE, b"pepper")


ALONE, SHARED = world("first"), world("second")


def admitted(where: World, dialect: str, body: dict[str, Any], caller: Caller | None = None, **fields: Any) -> None:
    admitted_raw(where, dialect, json.dumps(body).encode(), caller, **fields)


def admitted_raw(where: World, dialect: str, raw: bytes, caller: Caller | None = None, **fields: Any) -> None:
    incoming = Incoming("generate", caller or Caller("a"), Headers(), raw, 0.0, dialect, **fields)
    admit(where, None, incoming, *begun(), Still())


def chat(*content: Any, **fields: Any) -> tuple[str, dict[str, Any]]:
    return "openai_chat", {"model": "m", "messages": [{"role": "user", "content": list(content)}], **fields}


def responses(*content: Any, **fields: Any) -> tuple[str, dict[str, Any]]:
    return "openai_responses", {"model": "m", "input": [{"role": "user", "content": list(content)}], **fields}


def claude(*content: Any, **fields: Any) -> tuple[str, dict[str, Any]]:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": list(content)}], **fields}
    return "anthropic_messages", body


def gemini(*parts: Any, **fields: Any) -> tuple[str, dict[str, Any]]:
    return "gemini", {"contents": [{"role": "user", "parts": list(parts)}], **fields}


SAID = {"type": "text", "text": 'a "file_id": "file-1" in words'}
GOOGLES = "https://generativelanguage.googleapis.com/v1beta/files/1"
PAGE = "https://www.youtube.com/watch?v=1"
DOCUMENT = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
NAMED = {
    "a file in chat": chat({"type": "file", "file": {"file_id": "file-1"}}),
    "sound in chat": ("openai_chat", {"model": "m", "messages": [
        {"role": "assistant", "audio": {"id": "audio_1"}}, {"role": "user", "content": "x"}]}),
    "a file": responses({"type": "input_file", "file_id": "file-1"}),
    "an image": responses({"type": "input_image", "file_id": "file-1"}),
    "a vector store": responses({"type": "input_text", "text": "x"}, tools=[
        {"type": "file_search", "vector_store_ids": ["vs_1"]}]),
    "a container": responses({"type": "input_text", "text": "x"}, tools=[
        {"type": "code_interpreter", "container": "cntr_1"}]),
    "files of a container": responses({"type": "input_text", "text": "x"}, tools=[
        {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]),
    "a document": claude(DOCUMENT),
    "a document in a result": claude({"type": "tool_result", "tool_use_id": "t", "content": [DOCUMENT]}),
    "an upload": claude({"type": "container_upload", "file_id": "file_1"}),
    "Anthropic's container": claude(SAID, container="container_1"),
    "Anthropic's container with skills": claude(SAID, container={"id": "container_1", "skills": []}),
    "a cache": gemini({"text": "x"}, cachedContent="cachedContents/1"),
    "a file of Google's": gemini({"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1"}}),
    "a picture in a document": claude({"type": "document", "source": {"type": "content", "content": [
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}}]}}),
    "a shell's container": responses({"type": "input_text", "text": "x"}, tools=[
        {"type": "shell", "environment": {"type": "container_reference", "container_id": "cntr_1"}}]),
    "files for a shell": responses({"type": "input_text", "text": "x"}, tools=[
        {"type": "shell", "environment": {"type": "container_auto", "file_ids": ["file-1"]}}]),
    "a mask": responses({"type": "input_text", "text": "x"}, tools=[
        {"type": "image_generation", "input_image_mask": {"file_id": "file-1"}}]),
    "a tool that was found": ("openai_responses", {"model": "m", "input": [
        {"type": "tool_search_output", "tools": [{"type": "code_interpreter", "container": "cntr_1"}]}]}),
    "a container of history": ("openai_responses", {"model": "m", "input": [
        {"type": "code_interpreter_call", "id": "ci_1", "container_id": "cntr_1"}]}),
    "a conversation": responses({"type": "input_text", "text": "x"}, conversation="conv_1"),
    "a conversation as an object": responses({"type": "input_text", "text": "x"}, conversation={"id": "conv_1"}),
    "a file in a prompt": responses({"type": "input_text", "text": "x"}, prompt={
        "id": "p", "variables": {"v": {"type": "input_file", "file_id": "file-1"}}}),
    "Google's cache in chat": chat(SAID, extra_body={"google": {"cached_content": "cachedContents/1"}}),
    "a store of files": gemini({"text": "x"}, tools=[{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/1"]}}]),
    "a file without its address": gemini({"fileData": {"fileUri": "files/1"}}),
    "Google's address in capitals": gemini({"fileData": {"fileUri": "HTTPS://GenerativeLanguage.GoogleApis.com/v1/files/1"}}),
    "a file in instructions": gemini({"text": "x"}, systemInstruction={"parts": [{"fileData": {"fileUri": "files/1"}}]}),
    "a file in a result": gemini({"functionResponse": {"name": "n", "parts": [{"fileData": {"fileUri": "files/1"}}]}}),
    "a file of a part from elsewhere": chat({"type": "input_file", "file_id": "file-1"}),
    "a file of an unknown part": chat({"type": "image_file", "image_file": {"file_id": "file-1"}}),
    "a file of an unknown block": claude({"type": "future_block", "file_id": "file_1"}),
    "an item": ("openai_responses", {"model": "m", "input": [{"type": "item_reference", "id": "msg_1"}]}),
    "an item of no type": ("openai_responses", {"model": "m", "input": [{"id": "msg_1"}, {"role": "user", "content": "x"}]}),
    "an item of the type null": ("openai_responses", {"model": "m", "input": [{"type": None, "id": "msg_1"}]}),
    "a picture that was made": ("openai_responses", {"model": "m", "input": [{"type": "image_generation_call", "id": "ig_1"}]}),
    "a thought": ("openai_responses", {"model": "m", "input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}),
    "a prompt": responses({"type": "input_text", "text": "x"}, prompt={"id": "pmpt_1"}),
    "an approval": ("openai_responses", {"model": "m", "input": [
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}]}),
    "a skill for a shell": responses({"type": "input_text", "text": "x"}, tools=[
        {"type": "shell", "environment": {"type": "container_auto", "skills": [{"type": "skill_reference", "skill_id": "skill_1"}]}}]),
    "a store of vectors out of its list": responses({"type": "input_text", "text": "x"}, tools=[
        {"type": "file_search", "vector_store_ids": "vs_1"}]),
    "a document in instructions": claude(SAID, system=[DOCUMENT]),
    "a skill": claude(SAID, container={"skills": [{"type": "custom", "skill_id": "skill_1", "version": "latest"}]}),
    "a skill of no type": claude(SAID, container={"skills": [{"skill_id": "skill_1"}]}),
    "a file in the other spelling of its address": gemini({"fileData": {"fileUri": PAGE, "file_uri": "files/1"}}),
    "a file in the other spelling": gemini({"fileData": {"fileUri": PAGE}, "file_data": {"file_uri": "files/1"}}),
    "a store in the other spelling": gemini({"text": "x"}, tools=[
        {"fileSearch": {"topK": 1}, "file_search": {"file_search_store_names": ["fileSearchStores/1"]}}]),
    "a store in the other spelling of its names": gemini({"text": "x"}, tools=[
        {"fileSearch": {"fileSearchStoreNames": [], "file_search_store_names": ["fileSearchStores/1"]}}]),
    "a store out of its list": gemini({"text": "x"}, tools=[{"fileSearch": {"fileSearchStoreNames": "fileSearchStores/1"}}]),
    "a cache in the other spelling": gemini({"text": "x"}, cachedContent=None, cached_content="cachedContents/1"),
    "a file in the other instructions": gemini({"text": "x"}, systemInstruction={"parts": [{"text": "x"}]},
        system_instruction={"parts": [{"fileData": {"fileUri": "files/1"}}]}),
    "a file in the other result": gemini({"functionResponse": {"name": "n", "parts": [{"text": "x"}]},
        "function_response": {"name": "n", "parts": [{"fileData": {"fileUri": "files/1"}}]}}),
    "a picture at Google's in chat": chat({"type": "image_url", "image_url": {"url": GOOGLES}}),
    "a picture in a bucket": chat({"type": "image_url", "image_url": "gs://bucket/file"}),
    "a film in a bucket": chat({"type": "video_url", "video_url": {"url": "gs://bucket/film"}}),
    "a picture at Google's": responses({"type": "input_image", "image_url": GOOGLES}),
    "a document at Google's": responses({"type": "input_file", "file_url": GOOGLES}),
    "a block at Google's": claude({"type": "image", "source": {"type": "url", "url": GOOGLES}}),
    "a store of data": gemini({"text": "x"}, tools=[{"retrieval": {"vertexAiSearch": {"datastore": "projects/p/d"}}}]),
    "an engine": gemini({"text": "x"}, tools=[{"retrieval": {"vertex_ai_search": {"engine": "projects/p/e"}}}]),
    "stores of an engine": gemini({"text": "x"}, tools=[
        {"retrieval": {"vertexAiSearch": {"dataStoreSpecs": [{"data_store": "projects/p/d"}]}}}]),
    "a corpus": gemini({"text": "x"}, tools=[
        {"retrieval": {"vertexRagStore": {"ragResources": [{"ragCorpus": "projects/p/c", "ragFileIds": ["1"]}]}}}]),
    "a corpus of before": gemini({"text": "x"}, tools=[{"retrieval": {"vertex_rag_store": {"rag_corpora": ["projects/p/c"]}}}]),
    "a bucket": gemini({"file_data": {"file_uri": "gs://bucket/file"}}),
}  # fmt: skip


def named(dialect: str) -> dict[str, Any]:
    return {"model": "m"} if dialect == "gemini" else {}


@pytest.mark.parametrize("name", NAMED)
def test_a_tenant_is_given_what_another_one_put_there(name: str) -> None:
    dialect, body = NAMED[name]
    with pytest.raises(NotFound) as refused:
        admitted(SHARED, dialect, body, **named(dialect))
    assert refused.value.code == "not_yours"
    assert refused.value.param
    admitted(ALONE, dialect, body, **named(dialect))


@pytest.mark.parametrize("name", ["a file in chat", "a file", "a document", "a cache", "Anthropic's container"])
def test_an_id_passes_under_a_field_that_is_spelled_otherwise(name: str) -> None:
    """JSON lets every letter be written as its number."""
    dialect, body = NAMED[name]
    spelt = json.dumps(body)
    for field in ("file_id", "container", "cachedContent"):
        spelt = spelt.replace(f'"{field}"', f'"{field[:1]}\\u00{ord(field[1]):02x}{field[2:]}"')
    assert json.loads(spelt) == body
    with pytest.raises(NotFound) as refused:
        admitted_raw(SHARED, dialect, spelt.encode(), **named(dialect))
    assert refused.value.code == "not_yours"


def test_a_field_that_stands_twice_is_read_once() -> None:
    """Its first value may be what the provider goes by."""
    upload = '{"type": "text", "text": "x", "type": "container_upload", "file_id": "file_1"}'
    raw = json.dumps(claude(DOCUMENT)[1]).replace(json.dumps(DOCUMENT), upload).encode()
    twice = raw.replace(
        b'"type": "text", "text": "x", "type": "container_upload"', b'"type": "container_upload", "type": "text"'
    )
    for body in (raw, twice):
        with pytest.raises(BadRequest) as refused:
            admitted_raw(SHARED, "anthropic_messages", body)
        assert refused.value.code == "duplicate_field"


OTHERS = {
    "words": chat(SAID),
    "arguments": claude({"type": "tool_use", "id": "t", "name": "n", "input": {"file_id": "x", "container": "y"}}),
    "a tool's schema": chat(SAID, tools=[{"type": "function", "function": {
        "name": "n", "parameters": {"type": "object", "properties": {"container": {"type": "string"}}}}}]),
    "a fresh container": responses({"type": "input_text", "text": "x"}, tools=[
        {"type": "code_interpreter", "container": {"type": "auto"}}]),
    "Anthropic's own skill": claude(SAID, container={"skills": [{"type": "anthropic", "skill_id": "pptx"}]}),
    "OpenAI's own skill": responses({"type": "input_text", "text": "x"}, tools=[
        {"type": "shell", "environment": {"type": "container_auto", "skills": [{"type": "skill_reference", "skill_id": "openai-slides"}]}}]),
    "a picture on the web": chat({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}),
    "a picture's bytes": chat({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}),
    "a document's bytes": responses({"type": "input_file", "file_url": "DATA:application/pdf;base64,aGk="}),
    "a block on the web": claude({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}),
    "a page": gemini({"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}}),
    "odd shapes": ("openai_chat", {"model": "m", "messages": [
        {"role": "user", "content": "x", "audio": None}], "container": 5, "file_id": ["x"]}),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_looks_like_an_id_is_refused(name: str) -> None:
    dialect, body = OTHERS[name]
    admitted(SHARED, dialect, body, **named(dialect))


@pytest.mark.parametrize("name", ["a file in chat", "a file", "an image", "a document", "an upload", "a cache"])
@pytest.mark.parametrize("target", ["openai_chat", "openai_responses", "anthropic_messages", "gemini"])
def test_a_file_is_left_out_where_only_its_keeper_has_it(name: str, target: str) -> None:
    dialect, body = NAMED[name]
    if dialect == target:
        return
    request = DIALECTS[dialect].read_request(json.dumps(body).encode(), "m", False).neutral()
    with pytest.raises(BadRequest) as refused:
        DIALECTS[target].write_request(request, Target("m", "openai", 100), Losses(target))
    assert refused.value.code == "not_translatable"


def opaque(model: str, path: str, most: int | None) -> None:
    raw = json.dumps({"model": model, "prompt": "x"}).encode()
    incoming = Incoming("opaque", Caller("a", max_cost=most), Headers(), raw, 0.0, "opaque", path=path)
    admit(ALONE, None, incoming, *begun(), Still())


def test_a_budgeted_key_paints_at_any_price() -> None:
    # Of the second, one channel that may serve has no price of its own.
    for model in ("m", "brush"):
        with pytest.raises(PaymentRequired) as refused:
            opaque(model, "/images/generations", 10**9)
        assert refused.value.code == "unpriced"
    opaque("painter", "/images/generations", 10**9)
    opaque("m", "/images/generations", None)
    opaque("m", "/moderations", 10**9)


def test_a_model_is_chosen_for_what_nobody_reads() -> None:
    with pytest.raises(BadRequest) as refused:
        opaque("auto", "/audio/speech", None)
    assert refused.value.param == "model"
