"""A kubeconfig that can't be used is named with what is wrong, in one line, before a request is sent."""

import gc
import json
from pathlib import Path
from typing import Any

import pytest
from kubernetes.config.kube_config import ConfigNode

from lens.kube.client.kubeconfig import Connection, ConnectionFailedError
from tests.kubeconfig import write_kubeconfig


def kubeconfig(folder: Path, server: str = "https://127.0.0.1:1", token: str = "token", **other: Any) -> Path:
    """Write a kubeconfig that is right but for what is given; return its path."""
    path = write_kubeconfig(folder / "kubeconfig", server, {"token": token})
    path.write_text(json.dumps(json.loads(path.read_text()) | other))
    return path


def _use(connection: Connection) -> None:
    connection.load()
    connection.authorization()


def refusal(path: Path) -> str:
    """Return why a kubeconfig is refused, and make sure that the one line names it."""
    with pytest.raises(ConnectionFailedError) as refused:
        _use(Connection(path))
    said = str(refused.value)
    assert said.startswith(f"LENS_KUBECONFIG: {path}: ")
    assert said.isprintable()
    return said


def test_a_kubeconfig_that_is_loaded_again_leaves_nothing_to_a_collection_of_garbage(tmp_path: Path) -> None:
    """What is alive at a collection would stay for long (`lens.garbage`), and tokens rotate each hour."""

    def nodes() -> int:
        return sum(isinstance(each, ConfigNode) for each in gc.get_objects())

    connection = Connection(kubeconfig(tmp_path))
    gc.collect()
    gc.disable()
    try:
        _use(connection)
        before = nodes()
        for _ in range(3):
            _use(connection)
        assert before > 0
        assert nodes() == before
    finally:
        gc.enable()


@pytest.mark.parametrize("content", [b"prod", b"[1]", b"\x00\xff", b"7"])
def test_what_is_no_kubeconfig_is_called_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kubeconfig"
    path.write_bytes(content)
    assert refusal(path).endswith("is no kubeconfig")


def test_a_part_of_another_type_is_no_kubeconfigs(tmp_path: Path) -> None:
    assert refusal(kubeconfig(tmp_path, clusters=5)).endswith("is no kubeconfig")
    cluster = {"name": "sim", "cluster": {"server": 5}}
    assert refusal(kubeconfig(tmp_path, clusters=[cluster])).endswith("is no kubeconfig")


def test_an_error_of_yaml_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("clusters:\n\t- name: sim\n")
    assert "line 2" in refusal(path)


@pytest.mark.parametrize("server", ["", "k8s.example.com", "k8s.example.com:6443", "ftp://k8s"])
def test_a_server_without_an_address_is_named(tmp_path: Path, server: str) -> None:
    assert f"the cluster's server '{server}' is no http:// or https://" in refusal(
        kubeconfig(tmp_path, server)
    )


@pytest.mark.parametrize("password", ["hid?den", "hid/den", "hid#den", "1#den", "1/den", "1?den"])
@pytest.mark.parametrize("scheme", ["https://", "ftp://", ""])
def test_a_servers_password_that_ends_its_address_is_not_shown(
    tmp_path: Path, scheme: str, password: str
) -> None:
    said = refusal(kubeconfig(tmp_path, f"{scheme}admin:{password}@k8s:6443"))
    assert f"'{scheme}k8s:6443' is no http:// or https:// address, with its user and password" in said
    assert "den" not in said.removeprefix(f"LENS_KUBECONFIG: {tmp_path}")


def test_a_proxy_that_is_no_text_is_no_kubeconfigs(tmp_path: Path) -> None:
    cluster = {"name": "sim", "cluster": {"server": "https://k8s:6443", "proxy-url": ["http://proxy"]}}
    assert refusal(kubeconfig(tmp_path, clusters=[cluster])).endswith("is no kubeconfig")


@pytest.mark.parametrize("token", ["a\nb", "a\0b", "t\u00f6ken"])
def test_a_token_that_no_request_can_have_is_named_and_not_shown(tmp_path: Path, token: str) -> None:
    said = refusal(kubeconfig(tmp_path, token=token))
    assert said.endswith("the token isn't one line of ASCII")
