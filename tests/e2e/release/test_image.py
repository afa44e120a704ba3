"""The image as nodes run it: small, as nobody, on a read-only root, without a shell, ending when told to."""

import gzip
import re
import shutil
import signal
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from release import commit
from tests.e2e.release import image
from tests.e2e.release.container import SHELLS, Container
from tests.e2e.release.image import Image
from tests.integration.operator import Command, environment, get, wait_for

MEGABYTE = 1_000_000
INSTALLED = "opt/lens"


@pytest.fixture(scope="module")
def lens_image() -> Image:
    """Return the image, built from this tree."""
    return Image.read(image.built())


@pytest.fixture(scope="module")
def root(lens_image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with the image's files, but for its base's shells."""
    folder = tmp_path_factory.mktemp("image") / "root"
    lens_image.unpack(folder)
    for name in SHELLS:
        for place in ("bin", "usr/bin"):
            (folder / place / name).unlink(missing_ok=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the kubeconfig of a simulated cluster."""
    output = tmp_path_factory.mktemp("demo") / "output"
    with Command(["demo", "--port=0", "--agents=0", "--nodes=4"], output, environment()) as demo:
        yield Path(demo.wait_for_match(r"--kubeconfig (\S+)\s")[1])


def operator(container_of: Image, root: Path, folder: Path, kubeconfig: Path, user: str | None) -> Container:
    """Return `lens serve` on the simulated cluster."""
    settings = environment_of(
        cluster="prod-cluster", listen="127.0.0.1:0", auth="none", kubeconfig=str(kubeconfig)
    )
    return Container(
        container_of.configuration, root, folder, environment=settings, mounts=[kubeconfig], user=user
    )


def environment_of(**settings: str) -> dict[str, str]:
    """Return settings as variables."""
    return {f"LENS_{name.upper()}": value for name, value in settings.items()}


def address(container: Container) -> str:
    """Return where it listens, once it does."""
    pattern = re.compile(r'"address": ?"([^"]+)"')
    wait_for(
        lambda: bool(pattern.search(container.log.read_text())) or container.process.poll() is not None,
        "listening",
    )
    found = pattern.search(container.log.read_text())
    assert found, container.log.read_text()
    return f"http://{found[1]}"


def test_a_node_downloads_at_most_45_mb_over_the_base(lens_image: Image, tmp_path: Path) -> None:
    with tarfile.open(lens_image.archive) as archive:
        ours = []
        for name in lens_image.layers:
            with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                ours += [name] if INSTALLED in layer.getnames() else []
        assert ours == [lens_image.layers[-1]], "all of Lens is in one layer on top of the base"
        content = archive.extractfile(ours[0])
        assert content is not None
        compressed = tmp_path / "layer.gz"
        with gzip.open(compressed, "wb", compresslevel=6) as file:
            shutil.copyfileobj(content, file)
    size = compressed.stat().st_size / MEGABYTE
    print(f"\n  {size:.1f} MB over the base", end="")
    assert size <= 45


def test_nothing_is_compiled_when_a_pod_starts(root: Path) -> None:
    sources = [*root.glob(f"{INSTALLED}/lib/python3.*/site-packages/**/*.py")]
    assert len(sources) > 1000
    for source in sources:
        (compiled,) = source.parent.glob(f"__pycache__/{source.stem}.cpython-3??.pyc")
        # PEP 552: bit 0 says that the source's hash stands for its time, bit 1 that it is to be checked.
        assert compiled.read_bytes()[4:8] == b"\x01\0\0\0", compiled


def test_what_installed_it_is_left_behind(root: Path) -> None:
    (packages,) = root.glob(f"{INSTALLED}/lib/python3.*/site-packages")
    assert not {path.name for path in packages.iterdir()} & {"pip", "setuptools", "wheel", "hatchling"}
    assert not (root / "src").exists()


def test_it_says_what_it_is(lens_image: Image) -> None:
    configuration = lens_image.configuration["config"]
    assert configuration["User"] == "65532:65532"
    labels = configuration["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}version"] == commit.version()
    assert labels[f"{prefix}licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels[f"{prefix}revision"])
    assert labels[f"{prefix}created"] == lens_image.configuration["created"]


@pytest.mark.parametrize("user", [None, "1000690000:0"], ids=["its-own-user", "a-number-of-openshift"])
def test_the_operator_answers_and_stops_on_sigterm(
    lens_image: Image, root: Path, kubeconfig: Path, tmp_path: Path, user: str | None
) -> None:
    with operator(lens_image, root, tmp_path / "operator", kubeconfig, user) as container:
        url = address(container)
        wait_for(lambda: get(f"{url}/readyz")[0] == 200, "ready")
        status, body = get(f"{url}/api/v1/realtime/status?cluster=prod-cluster")
        assert (status, body["data"]["current_gpu_usage"]["total_gpus"]) == (200, 32)
        assert len(container.processes()) == 1
        told = time.monotonic()
        container.signal(signal.SIGTERM)
        assert container.wait() == 0, container.log.read_text()
        assert time.monotonic() - told < 15
    assert "Traceback" not in container.log.read_text()


def test_the_agent_answers_and_stops_on_sigterm(lens_image: Image, root: Path, tmp_path: Path) -> None:
    command = ["agent", "--node=n1", "--listen=127.0.0.1:0", "--podresources-socket=/no/kubelet.sock"]
    with Container(lens_image.configuration, root, tmp_path / "agent", command) as container:
        url = address(container)
        with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
            assert answer.status == 200
        assert len(container.processes()) == 1
        container.signal(signal.SIGTERM)
        assert container.wait() == 0, container.log.read_text()
    assert "Traceback" not in container.log.read_text()


def test_what_is_set_wrong_is_named_and_ends_it(lens_image: Image, root: Path, tmp_path: Path) -> None:
    with Container(lens_image.configuration, root, tmp_path / "unset") as container:
        assert container.wait() == 2
    assert container.log.read_text() == "lens: --cluster (LENS_CLUSTER) is required\n"
