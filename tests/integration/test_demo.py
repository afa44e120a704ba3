"""`lens demo`: what a newcomer sees first."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.operator import Command, environment, get, wait_for
from tests.recount import recount
from tests.recount_dra import Objects, recount_dra
from tests.required import program

TOKEN = "demo-token"
DOCS = Path(__file__).parents[2] / "docs"
MANIFESTS = Path(__file__).parent.parent / "contract" / "fit" / "manifests"
INTRODUCED = "Ctrl+C ends it."
DRA = "/apis/resource.k8s.io/v1"
FIGURES = ("total_gpus", "allocated_gpus", "available_gpus", "available_nodes", "max_contiguous_gpu")
AGENTS_RUN = "Agents on 2 of the nodes"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Return a demo that has introduced itself and then its agents."""
    program("cc")
    output = tmp_path_factory.mktemp("demo") / "output"
    args = ["demo", "--port", "0", "--nodes", "6", "--agents", "2", "--seed", "7"]
    with Command(args, output, environment()) as command:
        assert AGENTS_RUN not in command.wait_for_text(INTRODUCED)
        command.wait_for_text(AGENTS_RUN)
        yield command
        command.end()


def address(demo: Command, of: str) -> str:
    """Return a URL that the introduction gives."""
    match = re.search(rf"{of} +(http://127\.0\.0\.1:\d+)", demo.text)
    assert match, demo.text
    return match[1]


def status(demo: Command) -> dict[str, Any]:
    """Return the present status of the cluster."""
    answer = get(f"{address(demo, 'Lens')}/api/v1/realtime/status?cluster=prod-cluster", TOKEN)[1]
    data: dict[str, Any] = answer["data"]
    return data


def tasks(demo: Command) -> list[dict[str, Any]]:
    """Return the tasks that run at present."""
    answer = get(f"{address(demo, 'Lens')}/api/v1/realtime/running-tasks?cluster=prod-cluster", TOKEN)[1]
    found: list[dict[str, Any]] = answer["data"]["tasks"]
    return found


def children(process: int) -> set[int]:
    """Return the ids of a process's own processes (proc(5))."""
    return {int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()}


def lives(process: int) -> bool:
    """Return whether there is a process that has not ended (proc_pid_stat(5))."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_simulation_is_named_as_one(demo: Command) -> None:
    assert "SIMULATED" in demo.text.splitlines()[0]


def test_every_printed_curl_line_can_be_pasted(demo: Command) -> None:
    program("curl")
    lines = re.findall(r"^  (curl (?:.*\\\n)?.*)$", demo.text, re.MULTILINE)
    assert len(lines) == 9
    for line in lines:
        done = subprocess.run(["bash", "-c", f"{line} -s --fail"], capture_output=True, check=False)
        assert done.returncode == 0, line
        assert done.stdout.startswith((b"{", b"# HELP lens_")), line


def test_the_answer_equals_a_recount_of_the_simulated_clusters_objects(demo: Command) -> None:
    lens, kube = address(demo, "Lens"), address(demo, "simulated apiserver")

    def says() -> dict[str, Any]:
        _, status = get(f"{lens}/api/v1/realtime/status?cluster=prod-cluster", TOKEN)
        usage, available = status["data"]["current_gpu_usage"], status["data"]["available_resources"]
        both = usage | available
        return {name: both[name] for name in FIGURES}

    def items(path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = get(f"{kube}{path}", TOKEN)[1]["items"]
        return found

    def counted() -> dict[str, Any]:
        pods, nodes = items("/api/v1/pods"), items("/api/v1/nodes")
        dra = Objects(items(f"{DRA}/resourceclaims"), items(f"{DRA}/resourceslices"))
        # No node of the demo hands its GPUs out both ways.
        plugins, claims = recount(pods, nodes), recount_dra(pods, nodes, dra)
        free = [row["available"] for row in claims["nodes"].values() if row["available"]]
        assert claims["total_gpus"] == 8
        sums = {name: plugins[name] + claims[name] for name in FIGURES[:3]}
        return sums | {
            "available_nodes": plugins["available_nodes"] + len(free),
            "max_contiguous_gpu": max([plugins["max_contiguous_gpu"], *free]),
        }

    # The cluster lives: the same moment has to be met by both.
    wait_for(lambda: says() == counted(), "agreement")


@pytest.mark.parametrize(("name", "replicas"), [("jobset-claims", 2), ("rayjob-claims", 2)])
def test_a_workload_with_claim_templates_is_posted_as_it_is(demo: Command, name: str, replicas: int) -> None:
    manifest = (MANIFESTS / f"{name}.yaml").read_bytes()
    request = urllib.request.Request(
        f"{address(demo, 'Lens')}/api/v1/realtime/fit?cluster=prod-cluster",
        data=manifest,
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request) as response:
        data = json.load(response)["data"]
    # The cluster lives, so there may be devices for them or not.
    assert data["fits"] in ("yes", "no")
    assert set(data["not_checked"]) <= {"ray_submitter", "preemption"}
    *_, workers = data["pods"]
    assert workers["replicas"] == replicas
    given = [device for place in workers["placements"] for device in place["devices"]]
    assert all(device.startswith("gpu.nvidia.com/gpu-node-") for device in given)
    assert bool(given) is bool(workers["placed"])


def test_every_node_has_its_gpus_whichever_way_they_are_handed_out(demo: Command) -> None:
    url = f"{address(demo, 'Lens')}/api/v1/realtime/status?cluster=prod-cluster&include=nodes"
    nodes = {node["node_name"]: node for node in get(url, TOKEN)[1]["data"]["nodes"]}
    assert {name: node["total_gpus"] for name, node in nodes.items()} == {
        f"gpu-node-{number}": 8 for number in range(1, 7)
    }
    h100, a100 = (nodes[f"gpu-node-{number}"]["product"] for number in (1, 6))
    assert (h100, a100) == ("NVIDIA-H100-80GB-HBM3", "NVIDIA-A100-SXM4-80GB")
    shared = [nodes[f"gpu-node-{number}"]["units"][0]["resource"] for number in (4, 5)]
    assert shared == ["nvidia.com/gpu.shared", "nvidia.com/mig-1g.10gb"]


def test_the_documents_lines_count_what_lens_counts(tmp_path: Path) -> None:
    """Four nodes have whole GPUs only, three for a device plugin and one to claim."""
    program("jq")
    text = (Path(__file__).parents[2] / "docs" / "install.md").read_text()
    counts = re.findall(
        r"^kubectl get (nodes|pods|resource\w+)\S*(?: -A)? -o json \| jq '(.*?)'$",
        text,
        re.MULTILINE | re.DOTALL,
    )
    assert [kind for kind, _ in counts] == ["nodes", "pods", "resourceslices", "resourceclaims"]

    def counted() -> list[int]:
        found = []
        for kind, script in counts:
            root = DRA if kind.startswith("resource") else "/api/v1"
            objects = get(f"{address(small, 'simulated apiserver')}{root}/{kind}", TOKEN)[1]
            done = subprocess.run(
                ["jq", script], input=json.dumps(objects).encode(), capture_output=True, check=True
            )
            found.append(int(done.stdout))
        plugins, pods, devices, claims = found
        assert min(found) > 0
        return [plugins + devices, pods + claims]

    def says() -> list[int]:
        usage = status(small)["current_gpu_usage"]
        return [usage["total_gpus"], usage["allocated_gpus"]]

    args = ["demo", "--port", "0", "--nodes", "4", "--agents", "0"]
    with Command(args, tmp_path / "output", environment(), forked=True) as small:
        small.wait_for_text(INTRODUCED)
        wait_for(lambda: says() == counted(), "agreement")
        assert small.end() == 0


def test_kubectl_finds_the_pods_with_the_printed_line(demo: Command) -> None:
    match = re.search(r"kubectl --kubeconfig (\S+) get pods -A", demo.text)
    assert match
    done = subprocess.run(
        [program("kubectl"), "--kubeconfig", match[1], "get", "pods", "-A", "--no-headers"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"ml-team" in done.stdout


def test_kubectl_lists_the_claims_with_the_printed_line(demo: Command) -> None:
    match = re.search(r"kubectl --kubeconfig (\S+) get resourceclaims -A", demo.text)
    assert match
    done = subprocess.run(
        [program("kubectl"), "--kubeconfig", match[1], "get", "resourceclaims", "-A", "--no-headers"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    states = {line.split()[1].decode(): line.split()[2].decode() for line in done.stdout.splitlines()}
    assert states["feature-store"] == "allocated,reserved"
    assert [state for name, state in states.items() if name.startswith("long-context-eval-1-")] == ["pending"]


def test_what_waits_is_told_with_its_reason(demo: Command) -> None:
    url = f"{address(demo, 'Lens')}/api/v1/realtime/pending-tasks?cluster=prod-cluster&namespace=research"
    waiting = {task["workload_name"]: task for task in get(url, TOKEN)[1]["data"]["tasks"]}
    assert waiting["sweep-1"]["state"] == "gated"
    assert waiting["long-context-eval-1"]["state"] == "unschedulable"
    assert "cannot allocate all claims" in waiting["long-context-eval-1"]["message"]


def test_the_quickstarts_team_has_gpus(demo: Command) -> None:
    url = f"{address(demo, 'Lens')}/api/v1/realtime/running-tasks?cluster=prod-cluster&namespace=ml-team"
    _, tasks = get(url, TOKEN)
    assert sum(task["allocated_gpus"] for task in tasks["data"]["tasks"]) > 0
    assert {task["workload_type"] for task in tasks["data"]["tasks"]} <= {
        "CronJob",
        "Deployment",
        "Job",
        "Pod",
        "PyTorchJob",
    }


def top(kube: str, pod: dict[str, Any]) -> tuple[str, str]:
    """Follow a pod's controllers on the simulated apiserver; return the last one's kind and name."""
    found, kind = pod, "Pod"
    while references := found["metadata"].get("ownerReferences"):
        group, kind, name = (references[0][field] for field in ("apiVersion", "kind", "name"))
        path = f"/apis/{group}/namespaces/{pod['metadata']['namespace']}/{kind.lower()}s/{name}"
        status, found = get(kube + path, TOKEN)
        if status != 200:
            return "", ""
    return kind, found["metadata"]["name"]


def test_every_task_goes_under_the_top_of_its_chain_of_owners(demo: Command) -> None:
    kube = address(demo, "simulated apiserver")

    def agree() -> bool:
        pods = {pod["metadata"]["uid"]: pod for pod in get(f"{kube}/api/v1/pods", TOKEN)[1]["items"]}
        return all(
            task["pod_uid"] in pods
            and task["workload_reason"] is None
            and (task["workload_type"], task["workload_name"]) == top(kube, pods[task["pod_uid"]])
            for task in tasks(demo)
        )

    wait_for(agree, "the tops of all chains")


@pytest.mark.slow
def test_utilization_moves_and_differs_between_tasks(demo: Command) -> None:
    def known(workload: str) -> dict[str, float]:
        """Return what is known of the pods of a workload that never ends, on the first node."""
        return {
            task["pod_name"]: task["utilization"]
            for task in tasks(demo)
            if task["pod_name"].startswith(workload) and task["utilization"] is not None
        }

    wait_for(lambda: status(demo)["current_gpu_usage"]["utilization_rate"] > 0, "utilization")
    wait_for(lambda: len(known("chat-inference-1-")) == 2, "the utilization of what serves")
    training, serving = known("training-job-1-"), known("chat-inference-1-")
    assert min(training.values()) > 80 > 65 > max(serving.values())
    wait_for(lambda: known("chat-inference-1-") != serving, "a move")


def test_an_agent_reports_which_pod_holds_which_gpu(demo: Command) -> None:
    match = re.search(r'curl "(http://127\.1\.0\.1:\d+/v1/devices)"', demo.text)
    assert match
    assert get(match[1])[0] == 401

    def agent() -> dict[str, str]:
        report = get(match[1], TOKEN)[1]
        assert report["node"] == "gpu-node-1"
        assert len(report["gpus"]) == 8
        uuids = {gpu["uuid"] for gpu in report["gpus"]}
        holders = report["holders"] or []
        return {
            holder["gpu_uuid"]: holder["pod"]
            for holder in holders
            if holder["container"] == "main" and holder["gpu_uuid"] in uuids
        }

    def cluster() -> dict[str, str]:
        url = f"{address(demo, 'simulated apiserver')}/api/v1/pods?fieldSelector=spec.nodeName=gpu-node-1"
        return {
            device["resourceID"]: pod["metadata"]["name"]
            for pod in get(url, TOKEN)[1]["items"]
            for container in pod["status"].get("containerStatuses", [])
            for resource in container.get("allocatedResourcesStatus", [])
            for device in resource["resources"]
        }

    assert cluster()
    wait_for(lambda: agent() == cluster(), "agreement on the holders")


def samples(url: str) -> list[str]:
    """Return the samples of Prometheus metrics at a URL."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request) as response:
        return [line for line in response.read().decode().splitlines() if not line.startswith("#")]


def test_prometheus_gets_as_many_series_as_its_guide_says(demo: Command) -> None:
    guide = (DOCS / "monitoring.md").read_text()
    row = re.search(r"a replica of Lens \| about (\d+),.*; (\d+) for each GPU product", guide)
    agents = re.search(
        r"an agent \| about (\d+); (\d+) for each GPU, .* 1 for each device of a container", guide
    )
    assert row
    assert agents
    lens = samples(f"{address(demo, 'Lens')}/metrics")
    products = [each for each in lens if each.startswith("lens_product_")]
    fixed = [each for each in lens if not each.startswith(("lens_product_", "lens_http_request"))]
    assert len(products) == 2 * int(row[2])
    assert len(fixed) == pytest.approx(int(row[1]), rel=0.05)
    agent = re.search(r"(http://127\.1\.0\.1:\d+)/v1/devices", demo.text)
    assert agent
    of_agent = samples(f"{agent[1]}/metrics")
    of_gpus = [each for each in of_agent if each.startswith("lens_gpu_") and "lens_gpu_holder" not in each]
    assert len(of_gpus) == pytest.approx(8 * int(agents[2]), abs=8)
    others = [each for each in of_agent if not each.startswith("lens_gpu_")]
    assert len(others) == pytest.approx(int(agents[1]), abs=2)


def test_the_reference_names_every_background_job(demo: Command) -> None:
    lens = "\n".join(samples(f"{address(demo, 'Lens')}/metrics"))
    jobs = re.findall(r'^lens_job_failures_total\{job="(\w+)"\}', lens, re.MULTILINE)
    (row,) = re.findall(
        r"^\| `lens_job_failures_total\{job\}` \|.*$", (DOCS / "realtime.md").read_text(), re.MULTILINE
    )
    assert len(jobs) > 10
    assert [job for job in jobs if not re.search(rf"\b{job}\b", row)] == []


@pytest.mark.slow
def test_one_gpu_reports_an_xid(demo: Command) -> None:
    url = f"{address(demo, 'Lens')}/api/v1/realtime/status?cluster=prod-cluster&include=alerts"

    def told() -> bool:
        alerts = get(url, TOKEN)[1]["data"]["alerts"]
        return [alert["type"] for alert in alerts if "XID 94" in alert["message"]] == ["GpuXid"]

    wait_for(told, "the alert")


@pytest.mark.slow
def test_without_an_agent_coverage_falls_and_the_demo_says_so(demo: Command) -> None:
    wait_for(lambda: abs(status(demo)["telemetry"]["coverage"] - 2 / 6) < 0.01, "the agents' coverage")
    (agent,) = (
        process
        for process in children(demo.process.pid)
        if b"gpu-node-1" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    )
    os.kill(agent, signal.SIGKILL)
    assert "The agent of gpu-node-1 was ended by signal 9" in demo.wait_for_text("is started again in")
    wait_for(lambda: status(demo)["telemetry"]["coverage"] < 0.2, "less coverage")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_the_agents_end_with_the_demo_however_it_ends(number: signal.Signals, tmp_path: Path) -> None:
    program("cc")
    args = ["demo", "--port", "0", "--nodes", "2", "--agents", "1"]
    with Command(args, tmp_path / "output", environment() | {"TMPDIR": str(tmp_path)}, forked=True) as demo:
        demo.wait_for_text("Agents on 1 of the nodes")
        agents = children(demo.process.pid)
        assert len(agents) == 1
        demo.process.send_signal(number)
        demo.process.wait(timeout=20)
        wait_for(lambda: not any(map(lives, agents)), "the end of the agents")
    if number is not signal.SIGKILL:
        assert [path.name for path in tmp_path.iterdir()] == ["output"]
        assert "Traceback" not in demo.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_ended_at_once_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    with Command(
        ["demo", "--port", "0"],
        tmp_path / "output",
        environment() | {"TMPDIR": str(tmp_path)},
        forked=True,
    ) as demo:
        wait_for(lambda: any(tmp_path.glob("lens-demo-*")), "the demo's folder")
        demo.process.send_signal(number)
        assert demo.process.wait(timeout=20) in (0, 128 + number)
    assert [path.name for path in tmp_path.iterdir()] == ["output"]
    assert "Traceback" not in demo.text


def test_without_a_compiler_the_demo_says_that_it_has_no_agents(tmp_path: Path) -> None:
    env = environment() | {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    args = ["demo", "--port", "0", "--nodes", "2"]
    with Command(args, tmp_path / "output", env, forked=True) as demo:
        text = demo.wait_for_text("There are no agents, so no utilization")
        assert "a C compiler" in text
        assert status(demo)["telemetry"]["coverage"] in (0, None)
        assert children(demo.process.pid) == set()
        assert demo.end() == 0


def test_a_busy_port_is_one_clear_line(demo: Command, tmp_path: Path) -> None:
    port = address(demo, "Lens").rpartition(":")[2]
    with Command(["demo", "--port", port], tmp_path / "output", environment(), forked=True) as second:
        assert second.process.wait(timeout=30) == 2
        assert second.text == (
            f"lens: --port: can't listen on 127.0.0.1:{port}: Address already in use: "
            "choose another port, or 0 for any\n"
        )


def test_ctrl_c_while_it_is_imported_ends_it_without_a_word() -> None:
    # `-X importtime` writes a line for each module that is there.
    command = [sys.executable, "-X", "importtime", "-m", "lens", "demo", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if line.endswith(" lens.config\n"))
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(30) == 128 + signal.SIGINT
    assert [line for line in rest.splitlines() if not line.startswith("import time:")] == []
