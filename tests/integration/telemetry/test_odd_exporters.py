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


@pytest.mark.parametrize("address", ["00000000:8D:00.0", "0000:8d:00.0"])
async def test_a_gpu_has_the_pci_address_by_which_drivers_name_its_devices(
    scene: Scene, address: str
) -> None:
    line = f'DCGM_FI_DEV_GPU_UTIL{{gpu="0",UUID="GPU-a",pci_bus_id="{address}",device="nvidia0"}} 87\n'
    (gpu,) = (await read(scene, line)).gpus
    assert gpu.pci_bus_id == "0000:8d:00.0"


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
        '{"DCGM_FI_DEV_GPU_UTIL",gpu="0",UUID="GPU-a"} 87',
        '{ "DCGM_FI_DEV_GPU_UTIL" , gpu="0",UUID="GPU-a" } 8.7e+01',
        '{"my.metric",gpu="0"} 5\n{"my metric"} 6\nDCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a"} 87',
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
        '{"DCGM_FI_DEV_GPU_UTIL" gpu="1",UUID="GPU-b"} 5',
        '{"DCGM_FI_DEV_GPU_UTIL',
        'DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-b"} 1_0',
        'DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-b"} 5 now',
        'DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-b"} 5 1395066363000 6',
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


AMD_PLACEHOLDERS = [
    'gpu_uuid="00000000-0000-0000-0000-000000000000",serial_number=""',
    'gpu_uuid="",serial_number="N/A"',
    'serial_number="unknown"',
    'serial_number="0000000000000000",gpu_uuid="N/A"',
    'serial_number="Not Specified"',
    'serial_number="not a name that anybody knows",gpu_partition_id="0",gpu_compute_partition_type="spx"',
    'serial_number="PCB054219",gpu_uuid="deadbeef-0000-1000-80e0-000000000000"',
    "",
]
DCGM_PLACEHOLDERS = [
    'UUID="GPU-00000000-0000-0000-0000-000000000000"',
    'UUID="N/A"',
    'UUID=""',
    'UUID="GPU-of-nobody"',
    'uuid="Unknown"',
    "",
]


@pytest.mark.parametrize(
    ("source", "line", "placeholder"),
    [
        ("amd", 'gpu_gfx_activity{{{labels},gpu_id="{gpu}",pod="p{gpu}",namespace="n"}} 5', each)
        for each in AMD_PLACEHOLDERS
    ]
    + [
        ("dcgm", 'DCGM_FI_DEV_GPU_UTIL{{{labels},gpu="{gpu}",pod="p{gpu}",namespace="n"}} 5', each)
        for each in DCGM_PLACEHOLDERS
    ],
)
async def test_a_placeholder_makes_no_gpus_of_two_nodes_one(
    scene: Scene, source: Source, line: str, placeholder: str
) -> None:
    body = "".join(line.format(labels=placeholder or 'x=""', gpu=gpu) + "\n" for gpu in range(8)).encode()
    for name in ("node-1", "node-2"):
        await scene.serve(name, server.sends(body), source)
    await scene.start()
    await scene.until(lambda: scene.telemetry.sums.reporting == 16, "8 GPUs of each node")
    for name in ("node-1", "node-2"):
        node = scene.node(name)
        assert len({gpu.uuid for gpu in node.gpus}) == 8
        assert [next(node.holders_of(gpu)).pod for gpu in node.gpus] == [f"p{gpu}" for gpu in range(8)]
        assert node.problem is None


async def test_partitions_of_one_serial_number_are_one_gpu_on_each_node(scene: Scene) -> None:
    def body(serial: str) -> bytes:
        parts = (
            f'gpu_gfx_activity{{gpu_id="{part}",gpu_partition_id="{part}",serial_number="{serial}",'
            f'gpu_compute_partition_type="cpx",gpu_uuid="00000000-0000-0000-0000-000000000000"}} 5\n'
            for part in range(8)
        )
        return "".join(parts).encode()

    for name in ("node-1", "node-2"):
        await scene.serve(name, server.sends(body(f"serial-of-{name}")), "amd")
    await scene.start()
    await scene.until(lambda: scene.telemetry.sums.reporting == 2, "one GPU of each node")
    (gpu,) = scene.node().gpus
    assert (gpu.uuid, len({part.uuid for part in gpu.instances})) == ("serial-of-node-1", 8)


async def test_agents_with_placeholder_uuids_have_no_conflict(scene: Scene) -> None:
    for name in ("node-1", "node-2"):
        told = server.node_report(name, gpus=2)
        for gpu in told["gpus"]:
            gpu["uuid"] = "GPU-00000000-0000-0000-0000-000000000000"
        await scene.serve(name, server.says(told))
    await scene.start()
    await scene.until(lambda: scene.telemetry.sums.reporting == 4, "2 GPUs of each node")
    assert [gpu.uuid for gpu in scene.node().gpus] == [None, None]
    assert scene.node().problem is None


def last_xids(*xids: object) -> str:
    return "".join(f'DCGM_FI_DEV_XID_ERRORS{{gpu="0",UUID="GPU-a"}} {xid}\n' for xid in xids)


def counted_xids(**counts: int) -> str:
    return "".join(
        f'DCGM_EXP_XID_ERRORS_COUNT{{gpu="0",UUID="GPU-a",window_size_in_ms="9",xid="{xid[1:]}"}} {count}\n'
        for xid, count in counts.items()
    )


NO_XIDS = 'DCGM_EXP_XID_ERRORS_COUNT{gpu="0",UUID="GPU-a",window_size_in_ms="9"} 0\n'
TOTAL_XID_79 = 'DCGM_EXP_XID_ERRORS_TOTAL{gpu="0",UUID="GPU-a",xid="79"} 1\n'


@pytest.mark.parametrize(
    ("text", "state", "because"),
    [
        (last_xids(0), "ok", ()),
        (last_xids(45), "warning", ("XID 45",)),
        (last_xids(62, 45), "critical", ("XID 62",)),
        (last_xids(45, 62), "critical", ("XID 62",)),
        (last_xids(79, 31), "critical", ("XID 79",)),
        (last_xids(0, 79, 0), "critical", ("XID 79",)),
        (last_xids(45) + counted_xids(_62=1, _45=3), "critical", ("XID 62",)),
        (last_xids(31) + counted_xids(_31=7, _48=1), "warning", ("XID 48",)),
        (last_xids(31) + counted_xids(_31=7, _48=0), "ok", ()),
        (counted_xids(_95=1, _94=1), "critical", ("XID 95", "XID 94")),
        (last_xids(154) + counted_xids(_79=1), "critical", ("XID 79",)),
        (last_xids(154), "unknown", ("XID 154",)),
        (last_xids("NaN"), "unknown", ("OUT_OF_RANGE",)),
        (last_xids(0) + NO_XIDS, "ok", ()),
        (NO_XIDS, "unknown", ("NOT_EXPORTED",)),
        (last_xids(31) + TOTAL_XID_79, "critical", ("XID 79",)),
    ],
)
async def test_of_several_xids_the_worst_decides(
    scene: Scene, text: str, state: str, because: tuple[str, ...]
) -> None:
    node = await read(scene, text)
    (gpu,) = node.gpus
    assert (gpu.health.state, gpu.health.because, node.problem) == (state, because, None)


@pytest.mark.slow
async def test_an_xid_that_another_one_has_replaced_counts_until_the_exporter_starts_anew(
    scene: Scene,
) -> None:
    exporter = await scene.serve("node-1", server.sends(last_xids(79).encode()), "dcgm")
    await scene.start()

    def health() -> tuple[str, ...]:
        gpus = scene.node().gpus
        return (gpus[0].health.state, *gpus[0].health.because) if gpus else ()

    async def report_xids(*xids: object) -> None:
        exporter.behaviour = server.sends((last_xids(*xids) or SOUND).encode())
        reads = scene.reads("dcgm")
        await scene.until(lambda: scene.reads("dcgm") >= reads + 3, "further readings")

    await scene.until(lambda: health() == ("critical", "XID 79"), "the first")
    for later in (31, 45):
        await report_xids(later)
        assert health() == ("critical", "XID 79")
    await report_xids()
    assert health() == ("critical", "XID 79")
    await report_xids(0)
    assert health() == ("ok",)
    await report_xids(45)
    assert health() == ("warning", "XID 45")
