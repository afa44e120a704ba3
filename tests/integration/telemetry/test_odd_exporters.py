"""Exporters of the field: whatever is odd about one line, one label or one value costs that, and is named."""

import pytest

from lens.model.gpu.telemetry import NodeTelemetry, Source
from tests.integration.telemetry import server
from tests.integration.telemetry.scene import Scene

SOUND = 'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a"} 87\n'


async def read(scene: Scene, text: str | bytes, source: Source = "dcgm") -> NodeTelemetry:
    """Return what an exporter's response makes of its node."""
    body = text if isinstance(text, bytes) else text.encode()
    await scene.serve("node-1", server.sends(body), source)
    await scene.start()
    await scene.until(lambda: scene.node().state == "ok", "read")
    return scene.node()


@pytest.mark.parametrize(
    "host",
    [
        "node-2",
        "NODE-1",
        "10.0.0.7",
        "nvidia-dcgm-exporter",
        "nvidia-dcgm-exporter.gpu-operator.svc",
        "a" * 300,
    ],
)
@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("dcgm", 'DCGM_FI_DEV_GPU_UTIL{{gpu="0",UUID="GPU-a",Hostname="{host}"}} 5'),
        ("dcgm", 'DCGM_FI_DEV_GPU_UTIL{{gpu="0",UUID="GPU-a",hostname="{host}"}} 5'),
        ("amd", 'gpu_gfx_activity{{gpu_id="0",serial_number="6924",hostname="{host}"}} 5'),
    ],
)
async def test_the_host_that_an_exporter_names_decides_nothing(
    scene: Scene, source: Source, line: str, host: str
) -> None:
    node = await read(scene, line.format(host=host) + "\n", source)
    assert [gpu.utilization_percent for gpu in node.gpus] == [5]
    assert node.problem is None


@pytest.mark.parametrize(
    "labels",
    [
        'pod="train-0",namespace="team",container="main"',
        'pod_name="train-0",pod_namespace="team",container_name="main"',
        'exported_pod="train-0",exported_namespace="team",exported_container="main",pod="x",namespace="y"',
        'pod="",namespace="",pod_name="train-0",pod_namespace="team",container_name="main"',
    ],
)
@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("dcgm", 'DCGM_FI_DEV_GPU_UTIL{{gpu="0",UUID="GPU-a",{labels}}} 5'),
        ("amd", 'gpu_gfx_activity{{gpu_id="0",serial_number="6924",{labels}}} 5'),
    ],
)
async def test_a_container_is_known_by_each_of_its_names(
    scene: Scene, source: Source, line: str, labels: str
) -> None:
    node = await read(scene, line.format(labels=labels) + "\n", source)
    assert [(each.namespace, each.pod, each.container) for each in node.holders or ()] == [
        ("team", "train-0", "main")
    ]


@pytest.mark.parametrize(
    "line",
    [
        'DCGM_FI_DEV_GPU_UTIL {gpu="0",UUID="GPU-a"} 87',
        'DCGM_FI_DEV_GPU_UTIL\t{ gpu = "0" , UUID = "GPU-a" , } 87 1395066363000',
        '  DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a"}   87  ',
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a"}87',
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",app.kubernetes.io/name="x"} 87',
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a","app.kubernetes.io/name"="x, y=\\"}"} 87',
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",1st="x"} 87',
        f'DCGM_FI_DEV_GPU_UTIL{{gpu="0",UUID="GPU-a",note="{"x" * 4000}"}} 87',
        f'DCGM_FI_DEV_GPU_UTIL{{gpu="0",UUID="GPU-a",modelName="{"x" * 4000}"}} 87',
        b'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",note="\xff\xfe"} 87',
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a"} 87\r',
        '\n \t\n# nothing\nDCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a"} 87',
    ],
)
async def test_a_line_that_is_written_unusually_is_read(scene: Scene, line: str | bytes) -> None:
    node = await read(scene, line)
    assert [(gpu.index, gpu.uuid, gpu.utilization_percent) for gpu in node.gpus] == [(0, "GPU-a", 87)]
    assert node.problem is None


@pytest.mark.parametrize(
    "line",
    [
        'DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-b"} five',
        'DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-b"}',
        'DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-b" 5',
        'DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-b} 5',
        'DCGM_FI_DEV_GPU_UTIL{gpu="1" UUID="GPU-b"} 5',
        'DCGM_FI_DEV_GPU_UTIL{gpu="first",UUID="GPU-b"} 5',
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",GPU_I_ID="-1"} 5',
        "DCGM_FI_DEV_GPU_UTIL 5",
        '{"DCGM_FI_DEV_GPU_UTIL",gpu="1",UUID="GPU-b"} 5',
        "<html>",
        "\x00",
        f'DCGM_FI_DEV_GPU_UTIL{{gpu="1",UUID="GPU-b",note="{"x" * 9000}"}} 5',
    ],
)
async def test_a_line_that_can_not_be_read_costs_itself(scene: Scene, line: str) -> None:
    node = await read(scene, f'{SOUND}{line}\nDCGM_FI_DEV_GPU_TEMP{{gpu="0",UUID="GPU-a"}} 60\n')
    assert [(gpu.uuid, gpu.utilization_percent, gpu.temperature_celsius) for gpu in node.gpus] == [
        ("GPU-a", 87, 60)
    ]
    assert node.problem == "1 of 3 lines can't be read"
    assert scene.refusals("invalid", "dcgm") >= 1


async def test_one_value_out_of_range_in_an_agents_report_costs_itself(scene: Scene) -> None:
    report = server.node_report("node-1", 80.0, gpus=2)
    report["gpus"][0]["memory_used_bytes"] = 2**63
    await scene.serve("node-1", server.says(report))
    await scene.start()
    await scene.until(lambda: scene.node().state == "ok", "read")
    first, second = scene.node().gpus
    assert (first.utilization_percent, first.memory_used_bytes) == (80, None)
    assert first.reasons["memory_used_bytes"] == "INVALID"
    assert second.memory_used_bytes is not None
    assert scene.node().problem == "answers what can't be: gpus[0].memory_used_bytes"
    assert scene.refusals("invalid") >= 1
