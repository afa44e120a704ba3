"""Installing from a clone: exactly what is locked, on any later day, and one clear line where it can't be."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import required
from tests.programs.install import made_up_index

ROOT = Path(__file__).parents[3]
BASE = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
DEADLINE_S = 180.0

OLDEST_PIP = "pip==23.2.1 --hash=sha256:7ccf472345f20d35bdc9d1841ff5f313260c2c33fe417f48c30ac46cccabf5be"
"""What the oldest supported Pythons bring."""


class Clone:
    """A copy of the tree as a stranger has it, in a folder whose name has blanks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a stranger's clone"
        self.index = folder / "index"
        self.home = folder / "home"
        self.folder.mkdir()
        self.index.mkdir()
        self.home.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE", "Makefile"):
            shutil.copy(ROOT / name, self.folder)
        shutil.copytree(ROOT / "requirements", self.folder / "requirements")
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / "operator", self.folder / "operator", ignore=ignored)

    @property
    def venv(self) -> Path:
        """The environment that is made."""
        return self.folder / ".venv"

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return no more than a stranger's environment, and what a test adds."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHON": str(BASE),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.index),
            **more,
        }

    def install(self, level: str = "lens", **more: str) -> subprocess.CompletedProcess[str]:
        """Install; return how it went."""
        return subprocess.run(
            ["requirements/install", level],
            cwd=self.folder,
            env=self.environment(more),
            check=False,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )

    def fails(self, reason: str, **more: str) -> None:
        """Install in vain, for this reason and in one line, and leave nothing behind."""
        done = self.install(**more)
        assert done.returncode == 1
        lines = [line for line in done.stderr.splitlines() if not line.startswith("Installing ")]
        assert len(lines) == 1, done.stderr
        assert re.match(f"install: {reason}", lines[0]), lines[0]
        assert not self.venv.exists()

    def installed(self) -> dict[str, str]:
        """Return what is installed, by name."""
        code = (
            "import importlib.metadata as m, re\n"
            "for d in m.distributions(): print(re.sub('[._]', '-', d.name.lower()), d.version)"
        )
        done = subprocess.run(
            [self.venv / "bin" / "python", "-c", code], check=True, capture_output=True, text=True, env={}
        )
        return dict(line.split(" ") for line in done.stdout.splitlines())

    def locked(self, level: str) -> dict[str, str]:
        """Return what is to be installed here, by name."""
        requirements = self.folder / "requirements"
        return made_up_index.pins(requirements / f"{level}.txt") | made_up_index.pins(
            requirements / "pip.txt"
        )


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """Return a clone whose index has newer releases of everything that is locked."""
    found = Clone(tmp_path)
    made_up_index.make(found.index, found.folder / "requirements")
    return found


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python whose pip is as old as any that a supported Python brings."""
    folder = tmp_path_factory.mktemp("oldest")
    lock, venv = folder / "requirements.txt", folder / "venv"
    lock.write_text(OLDEST_PIP)
    subprocess.run([BASE, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "--requirement", str(lock)], check=True)
    return python


@pytest.mark.parametrize("level", ["lens", "dev"])
def test_the_oldest_pip_installs_what_is_locked_although_there_are_newer_releases(
    clone: Clone, oldest: Path, level: str
) -> None:
    done = clone.install(level, PYTHON=str(oldest))
    assert done.returncode == 0, done.stderr
    installed, locked = clone.installed(), clone.locked(level)
    assert installed.pop("lens-operator")
    assert installed.items() <= locked.items()
    assert set(made_up_index.pins(ROOT / "requirements" / "lens.txt")) - set(installed) <= {
        "backports-zstd",  # Python 3.14 has it
        "colorama",  # for Windows
    }
    assert (clone.venv / "bin" / "lens").exists()
    assert not {".cache", ".config", ".local"} & {path.name for path in clone.home.iterdir()}


def test_what_is_installed_is_not_installed_again(clone: Clone) -> None:
    first = clone.install("dev")
    assert first.returncode == 0, first.stderr
    assert "Installing" in first.stderr
    shutil.rmtree(clone.index)
    for level in ("dev", "lens"):
        done = clone.install(level)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_changed_lock_is_installed_anew(clone: Clone) -> None:
    assert clone.install().returncode == 0
    lock = clone.folder / "requirements" / "lens.txt"
    lock.write_text(re.sub(r"^yarl==.*\n", "", lock.read_text(), flags=re.MULTILINE))
    # Less than aiohttp asks for: the check at the end says so.
    clone.fails("The package .?aiohttp.? requires .?yarl")


def test_a_package_that_is_not_the_locked_one_is_refused_by_name(clone: Clone) -> None:
    (wheel,) = (path for path in clone.index.glob("idna-*.whl") if made_up_index.NEWER not in path.name)
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    clone.fails("a package is not the one that was locked: .*idna")


def test_what_an_interrupted_installation_left_is_made_anew(clone: Clone) -> None:
    with subprocess.Popen(
        ["requirements/install", "lens"],
        cwd=clone.folder,
        env=clone.environment({}),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as interrupted:
        deadline = time.monotonic() + DEADLINE_S
        while not (clone.venv / "bin" / "python").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(interrupted.pid, signal.SIGKILL)
    assert clone.venv.exists()
    assert not (clone.venv / ".installed").exists()
    done = clone.install()
    assert done.returncode == 0, done.stderr
    assert clone.installed().items() <= {**clone.locked("lens"), "lens-operator": "0.1.0"}.items()


def test_a_python_that_is_too_old_or_missing_is_named(clone: Clone) -> None:
    clone.fails(r"there is no Python 3\.11 or later at /no/python: install one", PYTHON="/no/python")


@pytest.fixture
def without(tmp_path: Path) -> Path:
    """Return a folder for PYTHONPATH in which modules can be put that can't be imported."""
    folder = tmp_path / "without"
    folder.mkdir()
    return folder


def test_a_python_without_the_module_venv_is_named(clone: Clone, without: Path) -> None:
    (without / "venv.py").write_text("raise ModuleNotFoundError('No module named venv')\n")
    clone.fails("/.* has no module venv: apt-get install python3-venv", PYTHONPATH=str(without))


def test_a_full_disk_is_one_line_and_leaves_nothing(clone: Clone, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = (
        f'mount -t tmpfs -o size=30m tmpfs "{small}" && cp -a "{clone.folder}/." "{small}" && cd "{small}"'
    )
    tried = f"{mount} && ! requirements/install lens && [ ! -e .venv ]"
    done = subprocess.run(
        [required.program("unshare"), "--map-root-user", "--mount", "bash", "-c", tried],
        env=clone.environment({}),
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "install: the disk is full: free some space and try again"


def test_an_index_that_cannot_be_reached_is_one_line(clone: Clone) -> None:
    clone.fails(
        "the package index can't be reached",
        PIP_NO_INDEX="",
        PIP_FIND_LINKS="",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",  # nobody listens on the discard port
        PIP_RETRIES="0",
    )
