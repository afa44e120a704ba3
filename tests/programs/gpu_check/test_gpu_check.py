"""`make gpu-check` can be trusted: it passes what agrees, and no difference gets past it.

nvidia-smi and the CUDA driver are stand-ins here, and NVML is the simulated one; all three are found as the
real ones are, on PATH and by the dynamic linker.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from lens_sim.node.nvml import library
from lens_sim.node.nvml.scenario import Gpu, Scenario
from tests.gpu.__main__ import REST_S
from tests.integration.agent.nvml.errors import fault
from tests.required import program

HERE = Path(__file__).parent
GPUS = ("GPU-aa", "GPU-bb")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the libraries of an NVIDIA driver and nvidia-smi."""
    program("cc")
    folder = library.build(tmp_path_factory.mktemp("driver"))
    library.compile_c([HERE / "cuda.c"], folder / "libcuda.so.1", "-shared", "-fvisibility=hidden")
    smi = folder / "nvidia-smi"
    smi.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(HERE / "smi.py"))} "$@"\n'
    )
    smi.chmod(0o755)
    return folder


class Machine:
    """A machine with an NVIDIA driver and two GPUs, which a load makes busy."""

    def __init__(self, driver: Path, folder: Path) -> None:
        self.driver = driver
        self.folder = folder
        self.says: dict[str, str] = {}

    def check(
        self, *faults: str, loadable: bool = True, rest_seconds: float = REST_S
    ) -> subprocess.CompletedProcess[str]:
        """Run the check; functions of NVML named in ``faults`` aren't supported."""
        present, loaded, says = (self.folder / name for name in ("scenario", "loaded", "says"))
        unsupported = [fault(function, "NOT_SUPPORTED") for function in faults]
        gpus = [Gpu(uuid=uuid, minor=index, faults=[*unsupported]) for index, uuid in enumerate(GPUS)]
        Scenario(gpus, latency=False).write(present)
        for gpu in gpus:
            gpu.utilization, gpu.memory = 100.0, 512.0 * 2**20
        Scenario(gpus, latency=False).write(loaded)
        says.write_text(json.dumps(self.says))
        launched = f"cp {loaded} {present}.new && mv {present}.new {present}" if loadable else "true"
        return self.run(
            {
                **library.environment(self.driver, present),
                "PATH": f"{self.driver}:{os.environ['PATH']}",
                "FAKE_SMI_SAYS": str(says),
                "FAKE_CUDA_LAUNCHED": launched,
            },
            f"--rest-seconds={rest_seconds}",
        )

    def run(self, environment: Mapping[str, str], *args: str) -> subprocess.CompletedProcess[str]:
        """Run the check in an environment."""
        return subprocess.run(
            [sys.executable, "-m", "tests.gpu", *args],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture
def machine(driver: Path, tmp_path: Path) -> Machine:
    """Return a machine."""
    return Machine(driver, tmp_path)


def values(output: str, field: str) -> list[list[str]]:
    """Return the words beside a field, each time that it was printed."""
    lines = (line.split() for line in output.splitlines())
    return [words[1:] for words in lines if words and words[0] == field]


def test_what_agrees_passes_idle_and_under_a_load_with_both_values_shown(machine: Machine) -> None:
    done = machine.check()
    assert (done.returncode, done.stderr) == (0, ""), done
    titles = [line for line in done.stdout.splitlines() if line.startswith("GPU ")]
    assert titles == ["GPU 0, idle", "GPU 1, idle", "GPU 0, under a load", "GPU 1, under a load"]
    assert [words[:2] for words in values(done.stdout, "uuid")] == [[uuid, uuid] for uuid in GPUS] * 2
    shown = [words[:2] for words in values(done.stdout, "utilization.gpu")]
    assert shown == [["0", "0"]] * 2 + [["100", "100"]] * 2
    assert values(done.stdout, "power.draw")[0][:2] == ["83.29", "83.29"]
    assert values(done.stdout, "memory.used")[2][:2] == ["512", "512"]
    assert values(done.stdout, "mig.mode.current")[0][:2] == ["off", "off"]
    assert "DIFFERS" not in done.stdout


def test_values_unknown_to_both_agree(machine: Machine) -> None:
    machine.says = {"ecc.mode.current": "[Not Supported]"}
    done = machine.check("nvmlDeviceGetEccMode", "nvmlDeviceGetTotalEccErrors", "nvmlDeviceGetMigMode")
    assert done.returncode == 0, done
    for field in ("ecc.mode.current", "ecc.errors.uncorrected.volatile.total", "mig.mode.current"):
        assert {tuple(words[:2]) for words in values(done.stdout, field)} == {("none", "none")}


def test_every_difference_is_shown_and_fails_the_check(machine: Machine) -> None:
    machine.says = {
        "temperature.gpu": "90",
        "name": "NVIDIA A100",
        "power.draw": "[N/A]",
        "ecc.mode.current": "Disabled",
        "memory.total": "81561",
        "enforced.power.limit": "700.90",
    }
    done = machine.check()
    assert done.returncode == 1, done
    differing = {line.split()[0] for line in done.stdout.splitlines() if line.endswith("DIFFERS")}
    assert differing == {"temperature.gpu", "name", "power.draw", "ecc.mode.current", "memory.total"}
    assert done.stdout.count("DIFFERS") == 4 * len(differing)
    assert values(done.stdout, "power.draw")[0][0] == "none"
    assert done.stdout.endswith("\n20 differences\n")


def test_a_load_that_does_not_show_fails_the_check(machine: Machine) -> None:
    done = machine.check(loadable=False, rest_seconds=2)
    assert done.returncode == 1, done
    assert "the load does not show on GPU 1: its utilization is 0.0 %" in done.stdout


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"temperature.gpu": "warm"}, "nvidia-smi answers 'warm' for temperature.gpu"),
        ({"uuid": "GPU-cc"}, "nvidia-smi has the GPUs GPU-cc"),
        ({"name": "A, B"}, "nvidia-smi answers 19 values and not 18"),
    ],
)
def test_what_can_not_be_compared_is_one_line(machine: Machine, says: dict[str, str], words: str) -> None:
    machine.says = says
    done = machine.check()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done
    assert words in done.stderr


def test_without_a_driver_it_says_so_in_one_line(machine: Machine, tmp_path: Path) -> None:
    done = machine.run({"PATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr == ("gpu-check: no NVIDIA driver on this machine: there is no nvidia-smi on PATH\n")
    # A driver that is installed and not loaded.
    done = machine.run({"PATH": f"{machine.driver}:{os.environ['PATH']}"})
    assert done.returncode == 2
    assert done.stderr == (
        "gpu-check: nvidia-smi exits with 9: "
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"
    )
