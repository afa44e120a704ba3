"""The simulated library is what pynvml expects of the real one, and says what is wrong with a scenario."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pynvml
import pytest

from lens_sim.node.nvml import library
from lens_sim.node.nvml.scenario import Gpu, Instance, Process, Scenario, Wave, Xid
from tests import required
from tests.integration.agent.node import Node

LAYOUTS = {
    "versioned_memory": pynvml.c_nvmlMemory_v2_t,
    "pci_info": pynvml.nvmlPciInfo_t,
    "sample": pynvml.c_nvmlSample_t,
    "field_value": pynvml.c_nvmlFieldValue_t,
    "process_info": pynvml.c_nvmlProcessInfo_v3_t,
    "process_sample": pynvml.c_nvmlProcessUtilizationSample_t,
    "attributes": pynvml.c_nvmlDeviceAttributes,
    "event": pynvml.c_nvmlEventData_t,
    "gpm_metric": pynvml.c_nvmlGpmMetric_t,
}


def test_its_structures_are_those_of_pynvml(tmp_path: Path) -> None:
    required.program("cc")
    lines = "".join(f'printf("{name} %zu\\n", sizeof(struct {name}));' for name in LAYOUTS)
    program = tmp_path / "sizes.c"
    header = library.sources()[0].with_name("abi.h")
    program.write_text(f'#include <stdio.h>\n#include "{header}"\nint main(void) {{ {lines} return 0; }}\n')
    library.compile_c([program], tmp_path / "sizes")
    printed = subprocess.run([tmp_path / "sizes"], capture_output=True, text=True, check=True).stdout
    sizes = dict(line.split() for line in printed.splitlines())
    assert {name: int(size) for name, size in sizes.items()} == {
        name: ctypes.sizeof(layout) for name, layout in LAYOUTS.items()
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gpus 17", ":1: at most 16 GPUs"),
        ("gpus two", ":1: not a whole number: two"),
        ("gpus 1\n\ngpu 1 lost 3", ":3: no such GPU"),
        ("gpus 1\ngpu 0 colour red", ":2: unknown key of a GPU: colour"),
        ("gpus 1\ngpu 0 utilization often", ":2: not a value: often"),
        ("gpus 1\ngpu 0 utilization wave 1 2 0", ":2: a wave's period is over 0"),
        ("gpus 1\ngpu 0 utilization 1=2 x=3", ":2: not a time: x=3"),
        ("gpus 1\ngpu 0 recovery 1 2", ":2: more than expected: 2"),
        ("gpus 1\ngpu 0 ecc 1", ":2: not a whole number: missing"),
        ("gpus 1\ngpu 0 instance 1 0 1g.10gb", ":2: not a short word: missing"),
        ("volume 11", ":1: unknown key: volume"),
        ("error nvmlDeviceGetCount_v2 -1 0", ":1: not a whole number: -1"),
    ],
)
def test_a_scenario_that_is_wrong_is_refused_by_its_line(node: Node, text: str, says: str) -> None:
    node.scenario_file.write_text(text)
    done = start_nvml(node)
    assert f"simulated NVML: {node.scenario_file}{says}\n" in done.stderr
    assert "NVMLError_InvalidArgument" in done.stderr


def start_nvml(node: Node) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import pynvml; pynvml.nvmlInit(); print(pynvml.nvmlDeviceGetCount())"],
        env=node.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_scenario_that_is_not_there_is_refused(node: Node) -> None:
    assert "can't be opened: No such file or directory" in start_nvml(node).stderr


def test_a_scenario_that_becomes_wrong_leaves_the_last_right_one_in_force(node: Node) -> None:
    node.play(Gpu(utilization=30))
    agent = node.run()
    agent.sampled()
    node.scenario_file.write_text("nonsense\n")
    agent.sampled()
    report = agent.sampled()
    assert report.gpus[0].utilization_percent == 30
    assert "nonsense" in agent.log.read_text()


EXERCISE = Path(__file__).with_name("exercise.c")


@pytest.mark.slow
def test_its_memory_is_handled_soundly(tmp_path: Path) -> None:
    """Every function is called, with sanitizers that end the program at the first misstep."""
    required.program("cc")
    program = tmp_path / "exercise"
    sanitize = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")
    library.compile_c([EXERCISE, *library.sources()], program, f"-I{library.sources()[0].parent}", *sanitize)
    scenario = tmp_path / "scenario"
    Scenario(
        [
            Gpu(utilization=Wave(0, 100, 3), memory={0: 1, 5: 2}, nvlinks=(18, 17), xids=[Xid(79, 0.0)]),
            Gpu(mig=True, instances=[Instance(7, "MIG-a"), Instance(9, "MIG-b")], processes=[Process(1, 2)]),
            Gpu(lost=0.0),
        ],
        latency=False,
    ).write(scenario)
    done = subprocess.run(
        [program],
        env={library.SCENARIO_VARIABLE: str(scenario)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "called 3 GPUs" in done.stdout
