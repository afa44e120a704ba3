"""The node agent: what each GPU of a node does, and which pod holds it.

``sampler`` reads all GPUs in ``rounds`` on its own clock, and a hanging GPU stops neither. ``gpu`` reads
NVML, ``podresources`` polls the kubelet, ``report`` builds the report once for each change, and ``server``
serves it. The agent has no permission on the Kubernetes API and needs none.
"""
