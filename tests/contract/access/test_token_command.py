"""`lens token`: what it prints is what the tokens file takes, and lets in whom it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from lens.cli.main import app
from tests.contract.conftest import NOW, Serve
from tests.contract.kubernetes import Cluster

STATUS = "/api/v1/realtime/status?cluster=prod-cluster"
TASKS = "/api/v1/realtime/running-tasks?cluster=prod-cluster"
PENDING = "/api/v1/realtime/pending-tasks?cluster=prod-cluster"


def lens_token(*args: str) -> tuple[int, str, str]:
    """Return the exit status, stdout and stderr."""
    done = CliRunner().invoke(app, ["token", *args])
    return done.exit_code, done.stdout, done.stderr


def append(path: Path, *args: str) -> str:
    """Append an entry as a shell's >> does; return its token."""
    status, entry, told = lens_token(*args)
    assert status == 0, told
    with path.open("a") as file:
        file.write(entry)
    return told.removeprefix("token: ").removesuffix("\n")


async def test_appended_entries_authenticate_their_callers(
    serve: Serve, cluster: Cluster, tmp_path: Path
) -> None:
    cluster.publish(NOW)
    path = tmp_path / "tokens.yaml"
    path.write_text("# who may ask\ntokens:\n")
    everything = append(path, "grafana")
    team = append(path, "team-a", "--namespace", "team-a", "--namespace", "team-a-dev")
    tasks = append(path, "dashboard", "--namespace", "team-a", "--path", "/api/v1/realtime/running-*")
    api = await serve(tokens_file=path)

    async def statuses(token: str) -> list[int]:
        asked = [STATUS, f"{TASKS}&namespace=team-a-dev", f"{PENDING}&namespace=team-a"]
        return [(await api.ask(each, token=token)).status for each in [*asked, f"{TASKS}&namespace=team-a"]]

    assert await statuses(everything) == [200, 200, 200, 200]
    assert await statuses(team) == [403, 200, 200, 200]
    assert await statuses(tasks) == [403, 403, 403, 200]


@pytest.mark.parametrize("name", ["123", "1.5", "null", "true", "0x1f", "2026-11-24", "svc@x:y"])
async def test_a_name_that_looks_like_another_yaml_type_stays_a_name(
    serve: Serve, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "tokens.yaml"
    path.write_text("tokens:\n")
    token = append(path, name)
    api = await serve(tokens_file=path)
    assert (await api.ask("/api/v1/clusters", token=token)).status == 200


def test_the_entry_has_no_token_and_no_two_tokens_are_the_same() -> None:
    (_, entry, told), (_, _, other) = lens_token("grafana"), lens_token("grafana")
    token = told.removeprefix("token: ").removesuffix("\n")
    assert len(token) >= 43
    assert token not in entry
    assert other != told
    assert yaml.safe_load(entry)[0].keys() == {"name", "sha256"}


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["a b"], "NAME: 'a b': "),
        ([""], "NAME: '': "),
        (["grafana", "--namespace", "Team_A"], "--namespace: 'Team_A': is not a DNS label"),
        (["grafana", "--namespace", "team-a,team-b"], "--namespace: 'team-a,team-b': "),
        (["grafana", "--namespace", "team-a", "--namespace", ""], "--namespace: '': "),
        (["grafana", "--path", "status"], "--path: 'status': "),
        (["grafana", "--path", "/metrics", "--path", "/api/*/status"], "--path: '/api/*/status': "),
    ],
)
def test_impossible_permissions_are_one_line_that_names_the_flag(args: list[str], named: str) -> None:
    status, entry, told = lens_token(*args)
    assert (status, entry) == (2, "")
    assert told.startswith(f"lens: {named}")
    assert told.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lens", "token", "grafana"],
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "lens: the output can't be written: No space left on device\n",
    )
