from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.config.load import check, load, loads
from fairlead.config.schema import Config
from fairlead.errors import ConfigError
from fairlead.registry.exchange import Rate
from tests.config.catalogue_fake import CATALOGUE, Entry

HERE = Path(__file__).parent


class NoCatalogue:
    entries: Mapping[str, Entry] = MappingProxyType({})
    exchange: Mapping[str, tuple[Rate, ...]] = MappingProxyType({})

    def find(self, name: str) -> None:
        return None


def read(text: str, env: Mapping[str, str] | None = None) -> Config:
    return loads(text, "f.yaml", env or {}, NoCatalogue())


def problems(text: str, env: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, env)
    return list(caught.value.problems)


MINIMAL = """\
server: {host: 127.0.0.1, port: 4000, state_dir: ./state}
providers:
  up: {kind: openai, base_url: "http://127.0.0.1:9101/v1", api_key: "${UP_KEY:-x}"}
models:
  gpt-5.4:  {channels: [{provider: up, model: gpt-5.4}]}
  own-8b:   {channels: [{provider: up, model: own-8b}], price: {input: 0.1, output: 0.4}, context: 128000, quality: 0.7}
keys:
  - {name: test, key: fl_test}
policy: {default: balanced}
"""


def test_the_minimal_file_loads() -> None:
    config = read(MINIMAL)
    assert (config.server.host, config.server.port, config.server.state_dir) == ("127.0.0.1", 4000, "./state")
    up = config.providers["up"]
    assert up.api_key is not None
    assert up.api_key.reveal() == "x"
    assert up.base_url == "http://127.0.0.1:9101/v1"
    assert config.keys[0].key.reveal() == "fl_test"
    assert config.keys[0].role == "caller"
    assert config.models["own-8b"].latency_ms is None
    assert config.models["own-8b"].quality == 0.7


def test_every_problem_of_a_broken_file_is_told_at_once_with_its_line_and_the_nearest_spelling() -> None:
    found = check(HERE / "broken.yaml", {}, NoCatalogue())
    told = "\n".join(line.removeprefix(f"{HERE / 'broken.yaml'}:") for line in found) + "\n"
    assert told == (HERE / "broken.golden").read_text()


def test_a_provider_without_an_address_is_found_only_after_everything_else() -> None:
    text = "server: {port: 0.5}\nproviders:\n  own: {kind: vllm}\n  wrong: {kind: vllm, base_url: 'ftp://x'}\n"
    assert problems(f"{text}models: {{m: {{channels: [{{provider: owm}}]}}}}\n") == [
        "f.yaml:1: server.port: expected a whole number, found the number 0.5",
        "f.yaml:3: providers.own: kind vllm needs a base_url, such as http://127.0.0.1:8000/v1",
        "f.yaml:4: providers.wrong.base_url: expected an address like https://host:port/v1, found the text 'ftp://x'",
        "f.yaml:5: models.m.channels[0].provider: unknown provider 'owm', did you mean 'own'?",
    ]


def test_the_models_there_are_come_once_for_each_alias() -> None:
    text = (
        "providers: {p: {}}\nmodels: {gpt-5.4: {channels: [{provider: p}]}, own: {aliases: [mine, ours], channels: [{provider: p}]}}\n"
        "report: {baseline: zzzzz}\n"
    )
    with pytest.raises(ConfigError, match=r"unknown model 'zzzzz'; known: gpt-5\.4, own$"):
        loads(text, "f.yaml", {}, CATALOGUE)


@pytest.mark.parametrize(("name", "hint"), [("gpt5.4", ", did you mean 'gpt-5.4'?"), ("own-8b", "")])
def test_a_slip_in_a_model_s_name_is_only_called_unpriced(name: str, hint: str) -> None:
    text = f"providers: {{p: {{}}}}\nmodels: {{{name}: {{channels: [{{provider: p}}]}}}}\n"
    (warning,) = loads(text, "f.yaml", {}, CATALOGUE).warnings
    assert f"unpriced (not in the catalogue{hint}): add" in warning


def test_no_problem_repeats_a_secret() -> None:
    assert "canary" not in "\n".join(check(HERE / "broken.yaml", {}, NoCatalogue()))


def test_a_value_from_the_environment_is_never_repeated() -> None:
    text = (
        "providers: {p: {}}\nmodels: {m: {channels: [{provider: '${A}'}], quality: '${A}'}}\nserver: {port: '${A}'}\n"
    )
    found = "\n".join(problems(text, {"A": "canary"}))
    assert "unknown provider" in found
    assert "server.port" in found
    assert "quality" in found
    assert "canary" not in found


def test_the_environment_cannot_inject_yaml() -> None:
    evil = "x\nmodels: {evil: {}} # ]}\", 'a"
    config = read("providers: {p: {}}\nmodels: {m: {channels: [{provider: p, model: '${A}'}]}}", {"A": evil})
    assert config.models["m"].channels[0].model == evil
    assert set(config.models) == {"m"}
    assert problems("providers: ${A}", {"A": "{p: {}}"}) == ["f.yaml:1: providers: expected a mapping, found text"]


def test_a_variable_fills_numbers_and_switches_too() -> None:
    config = read(MINIMAL.replace("4000", "'${PORT}'") + "report: {baseline: '${B:-own-8b}'}", {"PORT": "8080"})
    assert config.server.port == 8080
    assert config.report.baseline == "own-8b"


def test_an_unset_variable_is_named_with_its_line_even_where_several_are() -> None:
    assert problems("server:\n  host: '${A}${B:-x}${C}'") == [
        "f.yaml:2: server.host: the variable A is not set; set it or write ${A:-default}",
        "f.yaml:2: server.host: the variable C is not set; set it or write ${C:-default}",
    ]


def test_a_dollar_can_be_escaped_and_a_filled_value_is_not_filled_again() -> None:
    config = read("providers: {p: {api_key: 'a$${B}$c'}, q: {api_key: '${A}'}}", {"A": "${B}", "B": "no"})
    keys = [provider.api_key.reveal() for provider in config.providers.values() if provider.api_key]
    assert keys == ["a${B}$c", "${B}"]


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "True1"])
def test_only_true_and_false_are_switches(word: str) -> None:
    assert "expected true or false" in problems(f"providers: {{p: {{verify: {word}}}}}")[0]


def test_words_that_old_yaml_takes_for_something_else_stay_text() -> None:
    config = read("providers: {no: {region: on}, '1': {region: '1'}, 2: {region: 1:30}}")
    assert [(name, provider.region) for name, provider in config.providers.items()] == [
        ("no", "on"),
        ("1", "1"),
        ("2", "1:30"),
    ]


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "aliases expanded" in problems("\n".join(lines))[0]


def test_aliases_can_be_used_and_may_not_contain_themselves() -> None:
    config = read("providers: {a: &up {region: eu}, b: *up}")
    assert config.providers["b"].region == "eu"
    assert "inside what it names" in problems("providers: &p {a: *p}")[0]
    assert "does not stand before" in problems("providers: *p")[0]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "empty"),
        ("# nothing\n", 1, "empty"),
        ("- a\n", 1, "expected a mapping"),
        ("server:\n\tport: 1\n", 2, "tab"),
        ("server: {}\n---\nserver: {}\n", 2, "second document"),
        ("server: [1\n", 2, "YAML"),
        ("server: {port: ${PORT}, host: h}\n", 1, "needs quotes"),
        ("server: !!python/object/apply:os.system [x]\n", 1, "tags"),
        ("server: {}\n<<: {}\n", 2, "merge keys"),
        ("? [a]\n: b\n", 1, "key must be a text"),
        ("server: {'${A}': 1}\n", 1, "not in keys"),
        ("server: {host: '${}'}\n", 1, "a variable is written"),
        ("a\n\x00", 2, "U+0000"),
        ("[" * 5000, 1, "nested deeper"),
        ("server: {state_dir: ../../etc}", 1, "'..'"),
        ("server: {port: 99999999999999999999999999999999999999999999999}", 1, "a whole number"),
        ("server: {port: 1e999}", 1, "a whole number"),
        ("server: {max_body_mb: .inf}", 1, "a number"),
        ("providers: {a: {base_url: 'http://u:canary@h/'}}", 1, "must not hold a user"),
        ("providers: {a: {headers: {Host: x}}}", 1, "set by fairlead"),
        ('providers: {a: {headers: {x: "a\\r\\nb: c"}}}', 1, "line breaks"),
        ("models: {a@b: {}}", 1, "expected a name"),
        ("models: {AUTO: {}}", 1, "reserved"),
        ("providers: {a: {models: {m: {}}}}", 1, "only for kind simulated"),
    ],
)
def test_a_mistake_is_told_kindly(text: str, line: int, words: str) -> None:
    found = problems(text)
    assert found[0].startswith(f"f.yaml:{line}: ")
    assert words in found[0]
    assert "canary" not in found[0]


def test_files_that_cannot_be_read_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"a: b\nc: \xe9\n")
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfserver: {port: 1}\r\nproviders: {}\r\n")
    assert check(tmp_path / "none") == [f"{tmp_path / 'none'}: there is no such file"]
    assert "directory" in check(tmp_path)[0]
    assert ":2: the file is not UTF-8" in check(tmp_path / "latin")[0]
    assert "not a usable path" in check(f"{tmp_path}/a\0b")[0]
    assert load(tmp_path / "bom", {}, NoCatalogue()).server.port == 1
    if os.geteuid() != 0:
        (tmp_path / "bom").chmod(0)
        assert "cannot be read" in check(tmp_path / "bom")[0]


def test_names_and_aliases_that_collide_are_errors() -> None:
    channel = "channels: [{provider: p}]"
    found = problems(f"""\
providers: {{p: {{}}}}
models:
  a: {{{channel}, aliases: [b, x]}}
  b: {{{channel}}}
  c: {{{channel}, aliases: [X]}}
  A: {{{channel}}}
  d: {{channels: [{{provider: p}}, {{provider: p}}]}}
keys: [{{name: k, key: same}}, {{name: l, key: same}}, {{name: k, key: other}}]
""")
    assert found == [
        "f.yaml:3: models.a.aliases[0]: 'b' already stands for 'b'",
        "f.yaml:5: models.c.aliases[0]: 'X' already stands for 'a'",
        "f.yaml:6: models.A: differs from 'a' only in case",
        "f.yaml:7: models.d.channels[1]: a second channel named 'p'; give each channel of a model its own `name`",
        "f.yaml:8: keys[2].name: a second key named 'k', as keys[0] is; 'k-2' is free",
        "f.yaml:8: keys[1].key: the same key as that of 'k'",
    ]


def test_more_than_a_hundred_models_load_at_once() -> None:  # M1.2
    rows = "\n".join(f"  m{n}: {{channels: [{{provider: p}}], price: {{input: 1, output: 2}}}}" for n in range(150))
    assert len(read(f"providers: {{p: {{}}}}\nmodels:\n{rows}\n").models) == 150


def test_secrets_show_in_no_form_of_a_configuration() -> None:
    config = read(
        "server: {pepper: canary}\nproviders: {p: {api_key: canary, headers: {x-key: canary}}}\n"
        "keys: [{name: k, key: canary}]"
    )
    shown = (repr(config), str(config), config.model_dump_json(), str(config.model_dump()), f"{config.keys[0].key:>20}")
    assert not any("canary" in text for text in shown)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["server", "providers", "models", "keys", "policies", "policy", "channels", "provider", "price"]
            )
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def refusal(text: str) -> tuple[str, ...] | None:
    """What is wrong with a text, None when nothing is; any other exception is the defect looked for."""
    try:
        read(text)
    except ConfigError as error:
        return error.problems
    return None


@settings(max_examples=150)
@given(st.text(max_size=80) | st.text("{}[]:,&*!|>-'\"#%@`?\n\t ab1${}<", max_size=60) | JUNK.map(str))
def test_garbage_is_never_anything_but_a_configuration_error(text: str) -> None:
    found = refusal(text)
    assert found is None or (found and all(line.startswith("f.yaml:") for line in found))


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(["server", "providers", "models", "keys", "policies", "policy", "report"]), JUNK)
)
def test_garbage_in_the_right_places_is_never_anything_but_a_configuration_error(data: dict[str, object]) -> None:
    found = refusal(json.dumps(data))
    assert found is None or (found and all(line.startswith("f.yaml:") for line in found))


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
def test_a_file_as_windows_saves_it_is_read_otherwise_or_its_lines_counted_otherwise(
    tmp_path: Path, end: str, mark: str
) -> None:
    good = tmp_path / "f.yaml"
    good.write_bytes((mark + MINIMAL.replace("\n", end)).encode())
    assert load(good, {}, NoCatalogue()).model_dump() == read(MINIMAL).model_dump()
    good.write_bytes(
        (mark + MINIMAL.replace("port: 4000", "port: many").replace("fl_test", "''").replace("\n", end)).encode()
    )
    assert [problem.split(" ")[0] for problem in check(good, {}, NoCatalogue())] == [f"{good}:1:", f"{good}:8:"]
    good.write_bytes((mark + MINIMAL.replace("  gpt-5.4", "\tgpt-5.4").replace("\n", end)).encode())
    assert check(good, {}, NoCatalogue()) == [f"{good}:5: the line is indented with a tab: YAML wants spaces"]


def test_lone_carriage_returns_are_named_by_their_code(tmp_path: Path) -> None:
    assert problems(MINIMAL.replace("\n", "\r")) == [
        "f.yaml:1: the lines end with a lone CR; save the file with LF or CRLF line ends"
    ]


@pytest.mark.parametrize(
    ("host", "warned"), [("127.0.0.2", False), ("::1", False), ("127.evil.test", True), ("localhost.evil.test", True)]
)
def test_a_host_that_others_reach_looks_like_this_machine(host: str, warned: bool) -> None:
    warnings = read(f"server: {{host: '{host}'}}\nmodels: {{}}").warnings
    assert any("server.host" in warning for warning in warnings) == warned


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "routes: [{match: {task: codeing}, policy: cheap}]",
            ["routes[0].reason: is missing", "match.task: unknown task 'codeing'", "policy: unknown policy 'cheap'"],
        ),
        ("budgets: [{scope: team, who: red}]", ["budgets[0].amount: is missing", "budgets[0].who: write tenant/team"]),
        ("policies: {p: {rules: [{model: own-8c}]}}", ["rules[0].reason: is missing", "unknown model 'own-8c'"]),
    ],
)
def test_what_lacks_hides_what_else_is_wrong_beside_it(text: str, found: list[str]) -> None:  # M8.4
    told = problems(f"{MINIMAL}{text}\n")
    assert len(told) == len(found)
    assert all(any(one in problem for problem in told) for one in found), told


def test_warnings_wait_until_nothing_is_wrong() -> None:
    unknown, suspicious = "routes: [{reason: r, policy: cheap}]", "budgets: [{scope: tenant, who: nobody, amount: 1}]"
    with pytest.raises(ConfigError) as caught:
        read(f"{MINIMAL}{unknown}\n{suspicious}\n")
    assert [("budgets[0].who" in one) for one in caught.value.warnings].count(True) == 1
    with pytest.raises(ConfigError) as caught:
        read(f"{MINIMAL}{unknown}\n{suspicious}\nserver_typo: 1\n")
    assert caught.value.warnings == ()  # something was taken out: what is missed may be just that
