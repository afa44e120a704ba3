"""A setting that is wrong is refused by its name, before anything runs."""

from pathlib import Path

import pytest

from lens.agent.settings import AgentSettings, load
from lens.config.errors import SettingsError

NODE = {"LENS_AGENT_NODE": "node-1"}


def problem(**variables: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load({}, {**NODE, **variables})
    return str(raised.value)


def test_a_node_name_is_all_that_has_to_be_given() -> None:
    settings = load({}, NODE)
    assert settings.node == "node-1"
    assert settings.interval_seconds == 5
    assert settings.podresources_socket == Path("/var/lib/kubelet/pod-resources/kubelet.sock")
    assert not settings.dcgm_names
    assert settings.listen.is_loopback


def test_flags_go_before_the_environment_and_an_empty_variable_is_none() -> None:
    settings = load(
        {"interval_seconds": "1", "listen": None},
        {**NODE, "LENS_AGENT_INTERVAL_SECONDS": "9", "LENS_AGENT_TOKEN_FILE": ""},
    )
    assert (settings.interval_seconds, settings.token_file) == (1, None)


def test_a_typo_is_found_and_a_services_variables_are_none() -> None:
    assert problem(LENS_AGENT_TOKENFILE="x", LENS_AGENT_LISTEM="y") == (
        "LENS_AGENT_LISTEM, LENS_AGENT_TOKENFILE: unknown setting"
    )
    load(
        {},
        {
            **NODE,
            "LENS_CLUSTER": "prod",
            "LENS_AGENT_SERVICE_HOST": "10.0.0.1",
            "LENS_AGENT_SERVICE_PORT_HTTP": "9479",
            "LENS_AGENT_PORT": "tcp://10.0.0.1:9479",
            "LENS_AGENT_PORT_9479_TCP_ADDR": "10.0.0.1",
        },
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LENS_AGENT_NODE", "Node 1"),
        ("LENS_AGENT_LISTEN", "9479"),
        ("LENS_AGENT_LISTEN", "127.0.0.1:99999"),
        ("LENS_AGENT_INTERVAL_SECONDS", "0"),
        ("LENS_AGENT_INTERVAL_SECONDS", "soon"),
        ("LENS_AGENT_INTERVAL_SECONDS", "nan"),
        ("LENS_AGENT_DCGM_NAMES", "perhaps"),
        ("LENS_AGENT_GPU_RESOURCES", ","),
        ("LENS_AGENT_GPU_RESOURCES", "gpu"),
        ("LENS_AGENT_LOG_LEVEL", "loud"),
        ("LENS_AGENT_TLS_CERT_FILE", "/tls/tls.crt"),
    ],
)
def test_an_impossible_value_is_named(name: str, value: str) -> None:
    assert name in problem(**{name: value})


def test_no_token_is_for_loopback_only() -> None:
    assert problem(LENS_AGENT_LISTEN="0.0.0.0:9479") == (
        "LENS_AGENT_TOKEN_FILE: is required, since LENS_AGENT_LISTEN is 0.0.0.0:9479, not loopback"
    )
    load({}, {**NODE, "LENS_AGENT_LISTEN": "[::1]:0"})


def test_the_node_is_required() -> None:
    with pytest.raises(SettingsError, match="LENS_AGENT_NODE: is required"):
        load({}, {})


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in AgentSettings.model_fields.items():
        assert field.description, name
