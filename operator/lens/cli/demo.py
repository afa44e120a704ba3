"""``lens demo``: the whole operator on a simulated cluster, to try it out without one."""

from typing import Annotated

import typer

from lens.cli.failure import fail


def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where Lens answers, on 127.0.0.1.")] = 8080,
    cluster: Annotated[str, typer.Option(help="The cluster's name.")] = "prod-cluster",
    token: Annotated[
        str, typer.Option(help="The token that Lens, the apiserver and the agents take.")
    ] = "demo-token",
    nodes: Annotated[int, typer.Option(min=1, max=5000, help="How many nodes, of 8 GPUs each.")] = 10,
    agents: Annotated[
        int, typer.Option(min=0, max=100, help="On how many nodes, at most, a real agent runs.")
    ] = 10,
    seed: Annotated[int, typer.Option(help="What happens in the simulated cluster follows from it.")] = 1,
    kube_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where the simulated apiserver answers; 0 for any.")
    ] = 0,
    log_level: Annotated[str, typer.Option(help="The least severe level that is logged.")] = "warning",
) -> None:
    """Run Lens on a simulated cluster whose jobs come and go and whose nodes fail now and then."""
    # Its imports are large, and other commands, the agent above all, do without them.
    try:
        from lens.cli import simulated
    except ModuleNotFoundError as error:
        if error.name != "lens_sim":
            raise
        fail("the simulated cluster is not installed (images don't have it): run `make demo` in a clone")

    simulated.run(port, cluster, token, nodes, agents, seed, kube_port, log_level)
