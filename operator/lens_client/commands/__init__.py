"""The commands: modules with `add_arguments(parser)` and `run(context)`, which returns the exit status.

A module is imported when its command runs, so that the others cost nothing.
"""

COMMANDS = {
    "status": "The cluster's GPUs in figures, and by product",
    "nodes": "Nodes with GPUs",
    "gpu": "The GPUs of a node, one by one",
    "tasks": "Pods that hold GPUs",
    "pending": "Pods that wait for GPUs, and what is short",
    "why": "Why a pod waits for GPUs, and whose move it is",
    "fit": "Whether pods would be scheduled now, and what would fit instead",
    "namespaces": "Who holds GPUs and who waits for them, by namespace",
    "alerts": "What is wrong; the exit status is 3 if anything is",
    "events": "What has happened",
    "top": "Nodes, products or tasks on the whole screen, live",
    "dashboard": "Lens' page in a browser, through a port of this machine",
    "version": "Versions of this command and of Lens",
}
"""What there is, in the order of the help, and what each does."""
