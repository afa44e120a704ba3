"""Start, populate, show and end the cluster from a shell."""

import argparse
import asyncio
import sys
import time

from tests.e2e.cluster import fleet
from tests.e2e.cluster.api import Api, ApiError
from tests.e2e.cluster.control_plane import ControlPlane
from tests.e2e.cluster.programs import binaries
from tests.e2e.cluster.programs.components import COMPONENTS
from tests.e2e.cluster.programs.process import ProcessError
from tests.e2e.cluster.scheduler import wait_until_quiet


def main() -> int:
    """Run one command; return the exit status."""
    arguments = _parser().parse_args()
    control_plane = ControlPlane()
    try:
        if arguments.command == "build":
            built = binaries.build(control_plane.programs)
            print(f"{control_plane.programs}: {'built' if built else 'up to date'}")
        elif arguments.command == "up":
            _up(control_plane, arguments.heartbeat, arguments.nodes, arguments.pods, arguments.seed)
        elif arguments.command == "down":
            control_plane.down()
        else:
            return _status(control_plane)
    except (binaries.BuildError, ProcessError, ApiError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _up(control_plane: ControlPlane, heartbeat_s: int, nodes: int, pods: int, seed: int) -> None:
    start = time.monotonic()
    started = control_plane.up(heartbeat_s)
    print(f"started in {time.monotonic() - start:.1f} s" if started else "already running")
    if nodes or pods:
        asyncio.run(_populate(control_plane, nodes, pods, seed))
    for module, version in binaries.versions().items():
        print(f"  {module} {version}")
    kubectl = control_plane.programs / "kubectl"
    print(f"  {control_plane.url}\n\n{kubectl} --kubeconfig {control_plane.kubeconfig} get nodes")


async def _populate(control_plane: ControlPlane, nodes: int, pods: int, seed: int) -> None:
    async with Api.from_kubeconfig(control_plane.kubeconfig) as api:
        start = time.monotonic()
        await fleet.populate(api, nodes=nodes, pods=pods, seed=seed)
        created = time.monotonic()
        await wait_until_quiet(api, deadline_s=600)
        print(
            f"{nodes} nodes and {pods} pods created in {created - start:.1f} s, "
            f"scheduled and running after {time.monotonic() - start:.1f} s"
        )


def _status(control_plane: ControlPlane) -> int:
    for component in COMPONENTS:
        process = control_plane.process(component)
        state = f"pid {process.pid:<8} {process.rss_bytes / 2**20:6.0f} MiB" if process.pid else "not running"
        print(f"{component:24} {state}")
    return 0 if control_plane.is_up() else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="build what is missing, start what does not run, create a fleet")
    up.add_argument("--nodes", type=int, default=0, help="simulated nodes to have (default 0)")
    up.add_argument("--pods", type=int, default=0, help="pods to have (default 0)")
    up.add_argument(
        "--heartbeat", type=int, default=10, help="seconds between a node's heartbeats (default 10)"
    )
    up.add_argument("--seed", type=int, default=1, help="decides the fleet's mixture (default 1)")
    commands.add_parser("down", help="end every program and delete its data")
    commands.add_parser("status", help="show what runs; exit 1 unless all of it is healthy")
    commands.add_parser("build", help="build the programs only")
    return parser


if __name__ == "__main__":
    sys.exit(main())
