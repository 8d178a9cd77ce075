"""Everything a body says is read, in whatever field it stands."""

from __future__ import annotations

import base64
import json
import random
import re

from hypothesis import example, given
from hypothesis import strategies as st

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
    "the first of two of a name in a tool's result": {"content": f'{{"a":"\\n{CARD}","a":"x"}}'},
    "the second, with the name in escapes": {"content": f'{{"a":"x\\n","\\u0061":"{CARD}","a":""}}'},
    "what is dropped with its object": {"content": f'[{{"a":{{"b":["\\u0034{CARD[1:]}"]}},"a":1}}]'},
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


def test_a_tools_result_of_many_layers_breaks_the_reader() -> None:
    for depth in (200, 400, 900, 1020, 3000):
        layers = f'{"[" * depth}"see\\n{CARD}"{"]" * depth}'
        assert read(json.dumps({"content": layers}).encode()) == {"card"}, depth


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


def based(text: str, encoding: str = "utf-8") -> str:
    return base64.b64encode(text.encode(encoding)).decode()


LONG = f"{'a line of words and 12 numbers; ' * 200}{CARD} and so on"
COVERED: dict[str, object] = {
    "a text file's address": {"file_data": f"data:text/plain;base64,{based(CARD)}"},
    "with a charset": {"url": f"data:text/csv;charset=utf-8;base64,{based(LONG)}"},
    "in another case": {"url": f"data:Application/JSON;BASE64,{based(json.dumps({'card': CARD}))}"},
    "within words": {"content": f"see (data:text/html;base64,{based(CARD)}) here"},
    "a drawing of words": {"url": f"data:image/svg+xml;base64,{based(f'<svg>{CARD}</svg>')}"},
    "without its filling": {"url": f"data:text/plain;base64,{based(CARD + '!').rstrip('=')}"},
    "cut off": {"url": f"data:text/plain;base64,{based(CARD + ' and')[:-3]}"},
    "in UTF-16": {"url": f"data:text/plain;base64,{based(CARD, 'utf-16')}"},
    "with its type beside it": {"inlineData": {"mimeType": "text/plain", "data": based(LONG)}},
    "with its type behind it": {"source": {"data": based(CARD), "type": "base64", "media_type": "text/plain"}},
    "escapes within base64": {"url": f"data:application/json;base64,{based(json.dumps(CARD.replace(' ', chr(0xA0))))}"},
    "an address that is not base64": {"url": f"data:text/plain,{CARD.replace(' ', '%20')}"},
    "such a one that is long": {"url": f"data:text/plain,{'a' * 2000}=4111111111111111"},
    "percents": {"content": f"https://shop.test/?card={CARD.replace(' ', '%20')}&x=1"},
    "all in percents": {"content": "".join(f"%{ord(char):02X}" for char in CARD)},
    "entities": {"content": CARD.replace(" ", "&nbsp;")},
    "entities by number": {"content": "".join(f"&#{ord(char)};" for char in CARD)},
    "entities in hex": {"content": "".join(f"&#x{ord(char):x};" for char in CARD)},
    "entities across a cut": {"content": f"{'x ' * 32_760}{CARD.replace(' ', '&#32;')}"},
}


def test_what_is_covered_is_not_read() -> None:  # M3.7
    for place, body in COVERED.items():
        assert read(json.dumps(body).encode()) == {"card"}, place


def test_an_address_in_a_form_or_with_a_covered_at_is_not_read() -> None:  # M3.7
    assert read(b"to=ann%40corp.com&x=1") == {"email"}
    for text in ("ann&#64;corp.com", "ann&commat;corp.com", "ann&#x40;corp.com", "ann%40corp.com"):
        assert read(json.dumps({"content": f"write to {text}"}).encode()) == {"email"}, text


def test_what_looks_covered_is_taken_for_something_else() -> None:
    for text in (
        "100% of 4111 and 20% of 1111",
        "a &amp; b, R&D; 5 &lt; 6; f(&x, &y)",
        "printf('%d %s %5.2f')",
        f"data:image/png;base64,{based(CARD)}",
        f"data:audio/wav;base64,{based(LONG)}",
        "data:text/plain;base64,",
        "data:text/plain;base64,!!!",
        ";base64,",
        based(CARD),
    ):
        assert read(json.dumps({"content": text}).encode()) == set(), text
    assert read(json.dumps({"mimeType": "image/png", "data": based(CARD)}).encode()) == set()


def test_a_text_without_a_sign_is_read_twice() -> None:
    for text in ("plain words", "50 % of it", "a & b", "data: x"):
        assert list(strings(json.dumps({"content": text}).encode())) == [f"content: {text}"]


AROUND = (
    "word ", "order ", "card: ", "0.", "4111111111111111 ", "4111 1111 1111 1111 ", "1111 ", "1112, ", "\n", "078-05-1120 ", "noreply@corp.com ", "ann@corp.com ", "x" * 70, "words and " * 9, "1 " * 40,
    "phoenix", "plans ", "2026-11-21 08:22:43 ", "password=", "hunter22! ", "中文", "192.168.100.200 ", "+49 30 ", "1234567 ",
)  # fmt: skip
SIGNS = {"\\n": "\n", "\\u0020": " ", "&nbsp;": " ", "&lt;": "<", "&#49;": "1", "%20": " ", "%41": "A", "&amp;": "&"}
SECRETIVE = Detector(terms=["Phoenix plans"])


@given(st.lists(st.sampled_from((*AROUND, *SIGNS)), max_size=40), st.booleans())
@example(["order ", "4111111111111111 ", *["words and "] * 13, "%20"], True)
@example(["ann@corp.com", *["x" * 70] * 3, "&nbsp;"], True)
def test_reading_what_stands_around_a_sign_is_not_reading_the_whole(parts: list[str], long: bool) -> None:  # M3.7
    """Neither is anything lost, nor made up where such a stretch is cut off; of a short text all is read."""
    text = "".join((*parts, " and so on" * 120 if long else ""))
    whole = re.sub("|".join(map(re.escape, SIGNS)), lambda sign: SIGNS[sign[0]], text)
    right = {signal.name for each in (text, whole) for signal in SECRETIVE.find([each])}
    body = json.dumps(["" if text.startswith("&") else "-", text]).encode()
    assert {signal.name for signal in SECRETIVE.find(strings(body))} == right


def test_a_sign_makes_the_whole_text_be_read_twice() -> None:
    """Only what stands around it; and signs all over the text, all of it once more."""
    for sign, said in SIGNS.items():
        few, many = f"{'word ' * 2000}{sign}{'word ' * 2000}", f"word {sign} " * 4000
        assert sum(map(len, strings(json.dumps(few).encode()))) < len(few) + 500, sign
        read_again = "".join(strings(json.dumps(many).encode()))
        assert len(many) * 3 // 2 < len(read_again) + len(sign) * 4000 < len(many) * 2 + 5000, said
