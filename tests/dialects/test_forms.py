"""Forms are read as their provider reads them, or not at all: a model that was checked is the one that is asked. # M6.3 M8.1"""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest

from fairlead.dialects import forms, opaque
from fairlead.errors import BadRequest
from tests.server.serving import Served, serving
from tests.server.wire import Response, ask
from tests.upstream import Play, plain

PRICED = "  painter: {channels: [{provider: one}], price: {input: 1, output: 1, per_request: 0.04}}\n"
KEYS = "keys: [{name: test, key: fl_test, budget: {amount: 5}}]\n"
END = b"--XX--\r\n"


def part(name: str, content: bytes, head: str = "") -> bytes:
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{head}\r\n\r\n'.encode() + content + b"\r\n"


FILE = part("image", b"\x89PNG\r\n\r\n--Xfile", '; filename="a.png"\r\nContent-Type: image/png')
MODEL = part("model", b"painter")
DECOY = part("prompt", b'x name="model"\r\n\r\nm-one\r\n y')


def test_a_form_is_read_otherwise_than_it_is_written() -> None:
    body = FILE + DECOY + MODEL + part("n", b"") + part("empty", b"") + END
    found = forms.read(body)
    assert found.boundary == b"XX"
    read = {name.decode(): body[slice(*place)] for name, place in found.fields.items()}
    assert read == {
        "image": b"\x89PNG\r\n\r\n--Xfile", "prompt": b'x name="model"\r\n\r\nm-one\r\n y', "model": b"painter", "n": b"", "empty": b"",
    }  # fmt: skip
    message = email.message_from_bytes(
        b"Content-Type: multipart/form-data; boundary=XX\r\n\r\n" + body, policy=email.policy.HTTP
    )
    names = [one.get_param("name", header="content-disposition") for one in message.iter_parts()]  # type: ignore[attr-defined]
    assert names == list(read)


def test_another_model_than_the_checked_one_is_asked() -> None:
    """The words of a prompt, or of a file, are not a field."""
    view = opaque.read_request(DECOY + FILE + MODEL + END, "", False)
    assert (view.model, view.several) == ("painter", False)
    assert opaque.renamed(DECOY + MODEL + END, "up-stream") == DECOY + part("model", b"up-stream") + END


TORN = {
    "two models": MODEL + part("model", b"dear") + END,
    "a model in capitals of its header": MODEL + part("model", b"dear").replace(b"Content-D", b"CONTENT-D") + END,
    "an unquoted name": MODEL + b"--XX\r\nContent-Disposition: form-data; name=model\r\n\r\ndear\r\n" + END,
    "an extended name": MODEL + b"--XX\r\nContent-Disposition: form-data; name*=utf-8''model\r\n\r\ndear\r\n" + END,
    "two names": MODEL + b'--XX\r\nContent-Disposition: form-data; name="a"; name="model"\r\n\r\ndear\r\n' + END,
    "a name within another": MODEL + b'--XX\r\nContent-Disposition: form-data; filename="; name=\\"model\\""\r\n\r\nx\r\n' + END,
    "two dispositions": MODEL + b'--XX\r\nContent-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="model"\r\n\r\nx\r\n' + END,
    "no disposition": MODEL + b"--XX\r\nContent-Type: text/plain\r\n\r\ndear\r\n" + END,
    "a folded line": MODEL + b'--XX\r\nContent-Disposition: form-data;\r\n name="model"\r\n\r\ndear\r\n' + END,
    "bare line ends": MODEL + part("prompt", b'x\n--XX\nContent-Disposition: form-data; name="model"\n\ndear\n') + END,
    "a boundary within a part": MODEL + part("prompt", b"x --XX y") + END,
    "padding behind a boundary": MODEL.replace(b"--XX\r\n", b"--XX \r\n") + END,
    "an end before the end": MODEL + END + part("model", b"dear") + END,
    "no end": MODEL,
    "nothing": b"--XX--\r\n",
    "an endless boundary": (MODEL + END).replace(b"XX", b"X" * 80),
}  # fmt: skip


@pytest.mark.parametrize("name", TORN)
def test_a_form_of_two_meanings_is_passed_on(name: str) -> None:
    with pytest.raises(BadRequest) as refused:
        opaque.read_request(TORN[name], "", False)
    assert refused.value.code in ("invalid_form", "duplicate_field")


async def posted(server: Served, body: bytes, content_type: str = "multipart/form-data; boundary=XX") -> Response:
    return await ask(server.port, "POST", "/v1/images/edits", body, {"Content-Type": content_type}, "fl_test")


async def test_a_boundary_is_another_in_the_header(tmp_path: Path) -> None:
    """What stands before a form's first boundary is read by nobody."""
    async with serving(tmp_path / "s", extra_model=PRICED) as server:
        hidden = MODEL + END + part("model", b"m-one").replace(b"XX", b"YY") + b"--YY--\r\n"
        for kind in (
            "multipart/form-data; boundary=YY", "multipart/form-data; boundary=XX; boundary=YY", "multipart/form-data",
            "multipart/mixed; boundary=XX", "application/json",
        ):  # fmt: skip
            refused = await posted(server, MODEL + END if "YY" not in kind else hidden, kind)
            assert refused.error["code"] in ("invalid_form", "unsupported_media_type"), kind
        assert server.upstream.calls == []
        server.upstream.push("one", Play([plain(200, b'{"data":[]}')], None, 200))
        assert (await posted(server, FILE + MODEL + END, 'multipart/form-data; boundary="XX"')).status == 200
        assert b"painter" in server.upstream.calls[-1].body


@pytest.mark.parametrize("count", [b"10", b"0x2", b"01"])
async def test_ten_pictures_cost_a_hard_budget_as_much_as_one(tmp_path: Path, count: bytes) -> None:
    async with serving(tmp_path / "s", extra_model=PRICED, more=KEYS) as server:
        refused = await posted(server, FILE + MODEL + part("n", count) + END)
        assert (refused.status, refused.error["code"], refused.error["param"]) == (402, "unpriced", "n")
        body = b'{"model": "painter", "prompt": "x", "\\u006e": 4}'
        refused = await ask(server.port, "POST", "/v1/images/generations", body, key="fl_test")
        assert (refused.status, refused.error["param"]) == (402, "n")
        assert server.upstream.calls == []
        server.upstream.push("one", Play([plain(200, b'{"data":[]}')], None, 200))
        paid = await posted(server, FILE + MODEL + part("n", b"1") + END)
        assert (paid.status, (await server.record(paid)).cost) == (200, 40_000_000)
