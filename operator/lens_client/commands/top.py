"""``kubectl lens top``."""

import argparse

from lens_client.commands import nodes, tasks
from lens_client.context import Context
from lens_client.screen import loop
from lens_client.screen.state import NODE_FIELDS, NODE_ORDERS, TASK_FIELDS, TASK_ORDERS, State
from lens_client.views.nodes import NODES
from lens_client.views.tasks import view


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    parser.add_argument("-n", "--namespace", metavar="NAME", help="the pods with GPUs of this namespace")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="the pods with GPUs of all")


def run(context: Context) -> int:
    """Show nodes and products, or with -n or -A tasks, until q is pressed."""
    everywhere = context.options.all_namespaces
    namespace = None if everywhere else context.options.namespace
    if namespace is None and not everywhere:
        state = State(nodes.SECTION, NODE_FIELDS, NODE_ORDERS)
        shown = tuple(column for column in NODES.columns if not column.wide)
        return loop.run(context, state, shown, {"include": ["status", "nodes"]})
    state = State(tasks.SECTION, TASK_FIELDS, TASK_ORDERS)
    shown = tuple(column for column in view(namespaces=everywhere).columns if not column.wide)
    return loop.run(context, state, shown, {"include": "tasks", "namespace": namespace})
