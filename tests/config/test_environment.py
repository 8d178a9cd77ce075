from __future__ import annotations

import pytest

from fairlead.config.environment import from_environment
from fairlead.errors import ConfigError
from fairlead.providers.deltas import DELTAS
from fairlead.providers.simulated.lineup import LINEUP
from fairlead.registry import catalogue
from fairlead.registry.policies import policies
from fairlead.registry.snapshot import build


def test_without_any_key_simulated_models_answer() -> None:
    config = from_environment({"PATH": "/bin", "OPENAI_API_KEY": " "})
    assert {name: provider.kind for name, provider in config.providers.items()} == {"simulated": "simulated"}
    snapshot = build(config, catalogue.load())
    assert len(snapshot.models) >= 4
    assert config.keys == ()
    assert config.server.state_dir == "./state"
    for model in snapshot.models.values():
        assert model.channels[0].prices
        assert model.quality
        assert model.latency_ms
    assert len({model.channels[0].prices[0].rates for model in snapshot.models.values()}) == len(snapshot.models)
    assert policies(config)["default"].strategy == "balanced"


def test_the_simulated_models_are_the_shipped_ones() -> None:
    snapshot = build(from_environment({}), catalogue.load())
    assert list(snapshot.models) == [item.name for item in LINEUP]
    assert all(snapshot.resolve(alias) for item in LINEUP for alias in item.aliases)


@pytest.mark.parametrize("kind", [kind for kind, delta in DELTAS.items() if delta.keys])
def test_a_provider_key_brings_current_models_with_a_price(kind: str) -> None:
    variables, names = DELTAS[kind].keys, DELTAS[kind].models
    for variable in variables:
        config = from_environment({variable: "sk-canary"})
        assert list(config.providers) == [kind]
        assert list(config.models) == list(names)
        assert "canary" not in repr(config)
        snapshot = build(config, catalogue.load())
        for model in snapshot.models.values():
            channel = model.channels[0]
            entry = catalogue.load().find(model.name)
            assert entry is not None
            assert kind in entry.offers, f"{model.name} is not offered by {kind}"
            assert channel.upstream == entry.offers[kind].upstream


def test_two_keys_for_one_model_make_two_channels() -> None:
    config = from_environment({"OPENAI_API_KEY": "a", "OPENROUTER_API_KEY": "b"})
    assert [channel.provider for channel in config.models["gpt-6-luna"].channels] == ["openai", "openrouter"]


def test_a_local_server_is_self_hosted_and_free() -> None:
    config = from_environment(
        {"OLLAMA_HOST": "0.0.0.0", "OLLAMA_MODELS": "llama3.2:3b, qwen3:8b", "VLLM_BASE_URL": "https://gpu/v1"}
    )
    assert config.providers["ollama"].base_url == "http://127.0.0.1:11434/v1"
    assert config.providers["vllm"].base_url == "https://gpu/v1"
    snapshot = build(config, catalogue.load())
    channel = snapshot.models["llama3.2:3b"].channels[0]
    assert channel.self_hosted
    assert channel.prices[0].rates.input == 0
    assert channel.upstream == "llama3.2:3b"


def test_a_local_server_whose_models_are_unknown_stays_beside_the_simulated_ones() -> None:
    config = from_environment({"VLLM_BASE_URL": "http://gpu:8000"})
    assert set(config.providers) == {"vllm", "simulated"}
    assert "sim-large" in config.models


@pytest.mark.parametrize(
    "env",
    [
        {"OPENAI_API_KEY": "canary\nX-Evil: 1"},
        {"OLLAMA_HOST": "user:canary@host"},
        {"OLLAMA_HOST": "h", "OLLAMA_MODELS": "auto"},
        {"VLLM_BASE_URL": "file:///etc/canary"},
    ],
)
def test_a_variable_that_cannot_be_used_is_named_without_its_content(env: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        from_environment(env)
    assert "canary" not in str(caught.value)
