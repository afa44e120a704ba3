"""A setting is taken as it was meant, or refused by its name before anything has started."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import astuple

from lens.config.errors import SettingsError
from lens.config.listen_address import ListenAddress
from lens.config.serve import ServeSettings, load
from lens.model.k8s.vendors import GPU_RESOURCES, TOLERATED_TAINTS

ENOUGH = {"LENS_CLUSTER": "prod-cluster", "LENS_TOKENS_FILE": "/etc/lens/tokens.yaml"}


def settings(environ: Mapping[str, str] | None = None, **flags: object) -> ServeSettings:
    """Load settings of which none is missing."""
    return load(flags, ENOUGH | dict(environ or {}))


def test_little_has_to_be_said() -> None:
    loaded = settings()
    assert loaded.cluster == "prod-cluster"
    assert loaded.tokens_file == Path("/etc/lens/tokens.yaml")
    assert loaded.listen == "127.0.0.1:8080"
    assert loaded.auth == "static"
    assert loaded.metrics_open is False
    assert loaded.cache_seconds == 30.0
    assert loaded.ready_max_age_seconds == 300.0
    assert loaded.kubeconfig is None
    assert loaded.kube_context is None
    assert loaded.gpu_resources == GPU_RESOURCES
    assert loaded.tolerated_taints == TOLERATED_TAINTS
    assert (loaded.log_level, loaded.log_format) == ("info", "json")


def test_everything_can_be_said_in_the_environment() -> None:
    loaded = settings(
        {
            "LENS_LISTEN": "[::]:9090",
            "LENS_METRICS_OPEN": "true",
            "LENS_CACHE_SECONDS": "2.5",
            "LENS_READY_MAX_AGE_SECONDS": "60",
            "LENS_KUBECONFIG": "/root/.kube/config",
            "LENS_KUBE_CONTEXT": "prod",
            "LENS_GPU_RESOURCES": "nvidia.com/gpu, example.com/npu-*,!example.com/npu-test,",
            "LENS_TOLERATED_TAINTS": "nvidia.com/gpu, team=a:NoSchedule",
            "LENS_LOG_LEVEL": "debug",
            "LENS_LOG_FORMAT": "text",
        }
    )
    assert (loaded.listen.host, loaded.listen.port) == ("::", 9090)
    assert loaded.metrics_open is True
    assert loaded.cache_seconds == 2.5
    assert loaded.ready_max_age_seconds == 60
    assert loaded.kubeconfig == Path("/root/.kube/config")
    assert loaded.kube_context == "prod"
    assert loaded.gpu_resources == ("nvidia.com/gpu", "example.com/npu-*", "!example.com/npu-test")
    assert loaded.tolerated_taints == ("nvidia.com/gpu", "team=a:NoSchedule")
    assert (loaded.log_level, loaded.log_format) == ("debug", "text")


def test_a_flag_comes_before_the_environment_and_a_flag_not_given_does_not() -> None:
    environ = {"LENS_CACHE_SECONDS": "9", "LENS_LOG_LEVEL": "error", "LENS_TOLERATED_TAINTS": "a"}
    loaded = settings(environ, cluster="test-cluster", cache_seconds="0", log_level=None, tolerated_taints="")
    assert loaded.cluster == "test-cluster"
    assert loaded.cache_seconds == 0
    assert loaded.log_level == "error"
    assert loaded.tolerated_taints == ()


def test_a_variable_that_is_set_to_nothing_is_not_set() -> None:
    assert settings({"LENS_LISTEN": ""}).listen == "127.0.0.1:8080"
    assert settings({"LENS_TOLERATED_TAINTS": ""}).tolerated_taints == TOLERATED_TAINTS
    assert settings({"LENS_TOLERATED_TAINTS": ","}).tolerated_taints == ()


def test_only_the_given_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENS_CACHE_SECONDS", "1")
    monkeypatch.setenv("LENS_NO_SUCH", "1")
    assert settings().cache_seconds == 30.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LENS_CLUSTER", "prod cluster"),
        ("LENS_CLUSTER", "-prod"),
        ("LENS_CLUSTER", "prod\n"),
        ("LENS_CLUSTER", "x" * 254),
        ("LENS_LISTEN", "8080"),
        ("LENS_LISTEN", ":8080"),
        ("LENS_LISTEN", "127.0.0.1"),
        ("LENS_LISTEN", "127.0.0.1:65536"),
        ("LENS_LISTEN", "127.0.0.1:-1"),
        ("LENS_LISTEN", "127.0.0.1:\u0668\u0660"),
        ("LENS_LISTEN", "256.0.0.1:80"),
        ("LENS_LISTEN", "[::1:80"),
        ("LENS_LISTEN", "::1:80"),
        ("LENS_LISTEN", "[:::]:80"),
        ("LENS_LISTEN", "lens.example.com:80"),
        ("LENS_AUTH", "tokenreview"),
        ("LENS_REQUESTS_PER_MINUTE", "0"),
        ("LENS_REQUESTS_PER_MINUTE", "500/m"),
        ("LENS_REQUESTS_BURST", "-1"),
        ("LENS_METRICS_OPEN", "perhaps"),
        ("LENS_CACHE_SECONDS", "-1"),
        ("LENS_CACHE_SECONDS", "3601"),
        ("LENS_CACHE_SECONDS", "soon"),
        ("LENS_CACHE_SECONDS", "nan"),
        ("LENS_READY_MAX_AGE_SECONDS", "0"),
        ("LENS_READY_MAX_AGE_SECONDS", "nan"),
        ("LENS_GPU_RESOURCES", ","),
        ("LENS_GPU_RESOURCES", "nvidia.com/gpu,gpu"),
        ("LENS_GPU_RESOURCES", "nvidia.com/gpu amd.com/gpu"),
        ("LENS_GPU_RESOURCES", "nvidia.com/[g]pu"),
        ("LENS_GPU_DRIVERS", ","),
        ("LENS_GPU_DRIVERS", "gpu.nvidia.com gpu.amd.com"),
        ("LENS_TOLERATED_TAINTS", "nvidia.com/gpu:Sometimes"),
        ("LENS_TOLERATED_TAINTS", "=a"),
        ("LENS_LOG_LEVEL", "INFO"),
        ("LENS_LOG_FORMAT", "xml"),
    ],
)
def test_a_value_that_can_not_be_is_refused_in_one_line_that_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings({name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert message.isprintable()
    with pytest.raises(SettingsError, match=f"^{name}: "):
        load({name.removeprefix("LENS_").lower(): value}, ENOUGH)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"cache_seconds": "soon"}, {"LENS_LOG_FORMAT": "xml"})
    for setting in ("LENS_CLUSTER: is required", "LENS_CACHE_SECONDS: ", "LENS_LOG_FORMAT: "):
        assert setting in str(caught.value)


@pytest.mark.parametrize(
    "name", ["LENS_CACHE_SECOND", "LENS_", "LENS_cluster", "LENS_CLUSTER_NAME", "LENS_HOST", "LENS_SERVICE"]
)
def test_a_setting_that_there_is_not_is_refused_by_name(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: unknown setting$"):
        settings({name: "x"})


def test_a_flag_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="LENS_COLOUR"):
        settings(colour="red")


@pytest.mark.parametrize("service", ["LENS", "LENS_API", "LENS_2"])
def test_what_kubernetes_says_of_a_service_named_lens_is_no_setting(service: str) -> None:
    address = "10.96.0.11"
    loaded = settings(
        {
            f"{service}_SERVICE_HOST": address,
            f"{service}_SERVICE_PORT": "80",
            f"{service}_SERVICE_PORT_HTTP": "80",
            f"{service}_SERVICE_PORT_HTTP_METRICS": "9090",
            f"{service}_PORT": f"tcp://{address}:80",
            f"{service}_PORT_80_TCP": f"tcp://{address}:80",
            f"{service}_PORT_80_TCP_PROTO": "tcp",
            f"{service}_PORT_80_TCP_PORT": "80",
            f"{service}_PORT_80_TCP_ADDR": address,
            f"{service}_PORT_53_UDP": f"udp://{address}:53",
        }
    )
    assert loaded == settings()


@pytest.mark.parametrize("name", ["LENS_PORT", "LENS_LISTEN_PORT"])
def test_a_port_that_was_meant_as_a_setting_is_not_taken_for_a_services(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: unknown setting$"):
        settings({name: "8080"})


def test_other_variables_are_not_lens_business() -> None:
    assert settings({"PATH": "/bin", "LENSES": "2", "lens_cluster": "x", "KUBECONFIG": "/k"}) == settings()


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "127.9.9.9:0", "[::1]:8080", "localhost:8080"])
def test_without_authentication_lens_listens_to_its_own_machine(listen: str) -> None:
    loaded = load({"auth": "none", "listen": listen, "cluster": "c"}, {})
    assert loaded.listen.is_loopback


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "10.0.0.1:8080", "128.0.0.1:80"])
def test_without_authentication_lens_listens_to_nobody_else(listen: str) -> None:
    with pytest.raises(
        SettingsError, match=r"^LENS_AUTH: none is for loopback only, and LENS_LISTEN is "
    ) as caught:
        load({"auth": "none", "listen": listen, "cluster": "c"}, {})
    assert listen in str(caught.value)
    assert settings({"LENS_LISTEN": listen}).listen == listen


def test_static_authentication_needs_its_tokens() -> None:
    with pytest.raises(SettingsError, match=r"^LENS_TOKENS_FILE: is required with LENS_AUTH=static$"):
        load({"cluster": "c"}, {})


def test_in_a_cluster_the_default_is_the_clusters_rbac() -> None:
    in_cluster = {"LENS_CLUSTER": "c", "LENS_LISTEN": "0.0.0.0:8080", "KUBERNETES_SERVICE_HOST": "10.96.0.1"}
    assert load({}, in_cluster).auth == "kubernetes"
    assert load({}, {**in_cluster, "LENS_AUTH": ""}).auth == "kubernetes"
    static = {"LENS_AUTH": "static", "LENS_TOKENS_FILE": "/tokens"}
    assert load({}, in_cluster | static).auth == "static"
    assert load({"auth": "static", "tokens_file": "/tokens"}, in_cluster).auth == "static"


def test_a_tokens_file_is_not_silently_left_aside_in_a_cluster() -> None:
    in_cluster = {"LENS_CLUSTER": "c", "LENS_TOKENS_FILE": "/tokens", "KUBERNETES_SERVICE_HOST": "10.96.0.1"}
    with pytest.raises(SettingsError, match=r"^LENS_TOKENS_FILE: is for LENS_AUTH=static"):
        load({}, in_cluster)


@pytest.mark.parametrize("given", ["tls_cert_file", "tls_key_file"])
def test_a_certificate_goes_with_its_key(given: str) -> None:
    with pytest.raises(SettingsError, match=r"^LENS_TLS_CERT_FILE: "):
        load({"cluster": "c", "auth": "none", given: "/file"}, {})


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("0.0.0.0:80", "0.0.0.0", 80), ("[fd00::1]:0", "fd00::1", 0), ("localhost:65535", "localhost", 65535)],
)
def test_an_address_has_a_host_and_a_port(text: str, host: str, port: int) -> None:
    address = ListenAddress.parse(text)
    assert (address.host, address.port) == (host, port)


AGENTS = {
    "telemetry": "agent",
    "telemetry_namespace": "lens",
    "telemetry_daemonset": "lens-agent",
    "telemetry_token_file": "/token",
}


def test_agents_are_asked_as_they_are_set() -> None:
    selector = load({"cluster": "c", "auth": "none", **AGENTS}, {}).exporters()
    assert selector is not None
    assert (selector.namespace, selector.daemonset) == ("lens", "lens-agent")
    assert selector.labels == (("app.kubernetes.io/name", "lens-agent"),)


@pytest.mark.parametrize("missing", ["telemetry_namespace", "telemetry_daemonset", "telemetry_token_file"])
def test_agents_are_not_asked_without_what_keeps_the_token_safe(missing: str) -> None:
    flags = {"cluster": "c", "auth": "none", **AGENTS, missing: None}
    with pytest.raises(SettingsError, match=f"LENS_{missing.upper()}: is required"):
        load(flags, {})


def test_a_selector_that_is_none_is_named() -> None:
    flags = {"cluster": "c", "auth": "none", **AGENTS, "telemetry_selector": "app"}
    with pytest.raises(SettingsError, match="LENS_TELEMETRY_SELECTOR: 'app' is not a label"):
        load(flags, {})


def test_the_agents_settings_may_be_beside_the_operators() -> None:
    assert load({}, {"LENS_CLUSTER": "c", "LENS_AUTH": "none", "LENS_AGENT_NODE": "n"}).cluster == "c"


def test_an_agent_is_not_asked_again_before_it_may_have_answered() -> None:
    flags = {"cluster": "c", "auth": "none", **AGENTS, "telemetry_interval_seconds": "5"}
    with pytest.raises(SettingsError, match="LENS_TELEMETRY_TIMEOUT_SECONDS: must be shorter than"):
        load({**flags, "telemetry_timeout_seconds": "5"}, {})
    assert load({**flags, "telemetry_timeout_seconds": "4"}, {}).telemetry_timeout_seconds == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LENS_ALERT_FOR_SECONDS", "-1"),
        ("LENS_ALERT_FOR_SECONDS", "soon"),
        ("LENS_ALERT_FOR_SECONDS", "nan"),
        ("LENS_ALERT_CLEAR_SECONDS", "inf"),
        ("LENS_ALERT_IDLE_SECONDS", "0"),
        ("LENS_ALERT_IDLE_PERCENT", "100"),
        ("LENS_ALERT_WATCH_AGE_SECONDS", "30"),
        ("LENS_EVENTS_KEPT", "1.5"),
        ("LENS_EVENTS_KEPT", "100001"),
    ],
)
def test_a_threshold_that_can_not_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: "):
        settings({name: value})


def test_every_threshold_reaches_the_alerts() -> None:
    names = {
        name: value for value, name in enumerate(ServeSettings.model_fields, 31) if name.startswith("alert_")
    }
    limits = settings({f"LENS_{name.upper()}": str(value) for name, value in names.items()}).thresholds()
    assert sorted(astuple(limits)) == sorted(names.values())


def test_what_the_commands_that_ask_a_lens_read_is_not_unknown_to_serve() -> None:
    from lens.config.reading import CLIENT_VARIABLES

    client = Path(__file__).parents[2] / "operator" / "lens_client"
    read = {
        name for path in client.rglob("*.py") for name in re.findall(r'"(LENS_[A-Z_]+)"', path.read_text())
    }
    assert read <= CLIENT_VARIABLES
    settings = load({"cluster": "x", "auth": "none"}, dict.fromkeys(CLIENT_VARIABLES, "a"))
    assert settings.cluster == "x"
