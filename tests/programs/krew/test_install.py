"""Whoever has krew gets Lens' command from its index, under krew's own rules, and gets rid of it."""

import functools
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from release import client, commit
from tests.required import program


class Home:
    """Somebody's empty home. ``index`` is the git repository with krew's index."""

    def __init__(self, folder: Path, index: Path) -> None:
        self.root = folder / "krew"
        self.environment = {
            "HOME": str(folder),
            "KREW_ROOT": str(self.root),
            "KREW_DEFAULT_INDEX_URI": f"file://{index}",
            # It would ask GitHub.
            "KREW_NO_UPGRADE_CHECK": "1",
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
        }

    def run(self, *command: object) -> str:
        """Return what a program prints."""
        return _run(self.environment, *command)


class _Site(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Site, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give an index with the manifest, while a site serves the archive that it names."""
    site, index = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("index")
    plugins, downloads = index / "plugins", site / "releases" / "download" / f"v{commit.version()}"
    plugins.mkdir()
    downloads.mkdir(parents=True)
    with _serving(site) as url:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SOURCE_DATE_EPOCH", "1767312000")
            client.krew(commit.ROOT, downloads, url)
        (downloads / f"{client.KREW_NAME}.yaml").rename(plugins / f"{client.KREW_NAME}.yaml")
        git = [program("git"), "-C", index, "-c", "user.name=a", "-c", "user.email=a@example.com"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(index)}
        for command in (["init", "-q"], ["add", "plugins"], ["commit", "-q", "-m", "gpu-lens"]):
            _run(environment, *git, *command)
        yield index


def _run(environment: dict[str, str], *command: object) -> str:
    done = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def home(tmp_path: Path, index: Path) -> Home:
    """Return an empty home."""
    return Home(tmp_path, index)


def test_krews_own_check_takes_the_manifest(index: Path, home: Home) -> None:
    manifest = index / "plugins" / f"{client.KREW_NAME}.yaml"
    home.run(program("validate-krew-manifest"), "-skip-install", "-manifest", manifest)


def test_the_command_is_found_installed_run_and_removed(home: Home) -> None:
    krew = program("krew")
    home.run(krew, "update")
    assert client.KREW_NAME in home.run(krew, "search", "gpu")
    home.run(krew, "install", client.KREW_NAME)
    # kubectl finds it on PATH by this name.
    assert home.run(client.PROGRAM, "--version") == f"kubectl {client.KREW_NAME} {commit.version()}\n"
    assert home.run(client.PROGRAM, "version", "--client") == f"Client: {commit.version()}\n"
    assert home.run(krew, "list").split() == [client.KREW_NAME]
    home.run(krew, "uninstall", client.KREW_NAME)
    assert list((home.root / "bin").iterdir()) == []
