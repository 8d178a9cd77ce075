"""Everything a body says is read, in whatever field it stands."""

from __future__ import annotations

import base64
import json
import random

from fairlead.classify.sensitivity import Detector
from fairlead.classify.sensitivity.body import strings

CARD = "4111 1111 1111 1111"
PLACES: dict[str, object] = {
    "a turn": {"messages": [{"role": "user", "content": CARD}]},
    "a part": {"messages": [{"role": "user", "content": [{"type": "text", "text": f"it is {CARD}"}]}]},
    "a tool's arguments": {"messages": [{"tool_calls": [{"function": {"arguments": json.dumps({"card": CARD})}}]}]},
    "arguments as an object": {"contents": [{"parts": [{"functionCall": {"args": {"card": CARD}}}]}]},
    "a tool's declaration": {"tools": [{"function": {"description": f"charges {CARD}"}}]},
    "a schema": {"response_format": {"schema": {"enum": ["x", CARD]}}},
    "metadata": {"metadata": {"note": CARD}},
    "a number": {"input": {"card": 4111111111111111}},
    "an escaped text": {"input": "line\n4111\u00a01111\u00a01111\u00a01111\n"},
    "a list of inputs": ["a", ["b", CARD]],
    "a tool's result, on a line of its own": {"content": json.dumps({"found": f"see\n{CARD}\n"})},
    "a tool's result within one": {"content": json.dumps({"found": json.dumps([f"\t{CARD}"])})},
    "escapes in what is no JSON": {"content": f"log: \\n{CARD}\\n"},
    "the name of a field": {"input": {CARD: {}}},
    "the name of a switch": {"input": {CARD: True}},
    "the name of a long text": {"input": {CARD: "word " * 200}},
    "a number with a point": {"input": {"card": 4111111111111111.0}},
    "a number below nought": {"input": {"card": -4111111111111111}},
}


def read(body: bytes) -> set[str]:
    return {signal.name for signal in Detector().find(strings(body))}


def test_a_field_is_not_read() -> None:  # M3.7
    for place, body in PLACES.items():
        assert read(json.dumps(body).encode()) == {"card"}, place


def test_a_key_does_not_say_what_its_value_is() -> None:
    assert read(b'{"phone": "0301234567"}') == {"phone"}
    assert read(b'{"password": "hunter22!"}') == {"secret"}
    assert read(b'{"order_id": 4111111111111111}') == set()


def test_a_form_is_not_read() -> None:
    assert read(b"--x\r\nContent-Disposition: form-data; name=prompt\r\n\r\n4111111111111111\r\n--x--") == {"card"}


def test_the_text_beside_a_recording_is_not_read() -> None:
    sound = b"RIFF\0\0\0\0" + random.Random(2).randbytes(50_000)
    head = b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n'
    body = head + CARD.encode() + b"\r\n--x\r\nContent-Type: audio/wav\r\n\r\n" + sound + b"\r\n--x--"
    assert read(body) == {"card"}
    assert sum(map(len, strings(body))) < 1000


def test_a_picture_is_read() -> None:
    picture = base64.b64encode(random.Random(1).randbytes(100_000)).decode()
    bodies = ({"url": f"data:image/png;base64,{picture}"}, {"data": picture})
    assert [list(strings(json.dumps(body).encode())) for body in bodies] == [[], []]
    for text in (f"{picture} and words", f"data:{picture}", f"{picture}:", f"data:image/png;base64,{picture},{CARD}"):
        assert list(strings(json.dumps({"text": text}).encode())) == [text]


def test_an_escape_hides_a_term() -> None:  # M3.7
    detector = Detector((), ("机密", "Project Falcon"))
    for said, found in (({"note": "机密文件"}, "term:机密"), ({"note": "see\nProject Falcon"}, "term:Project Falcon")):
        body = json.dumps({"messages": [{"role": "tool", "content": json.dumps(said)}]}).encode()
        assert [signal.name for signal in detector.find(strings(body))] == [found]
