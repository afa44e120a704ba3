"""The node agent: what each GPU of a node is doing, and which pod holds it.

``sampler`` takes rounds over the GPUs on a clock of its own, by ``turns`` that a hanging GPU can't stop;
``gpu``, ``mig`` and ``processes`` read through ``nvml``, ``events`` waits for XIDs, ``podresources`` asks the
kubelet. ``answers`` puts the latest of it together, once for each change, and ``server`` hands that out. It
has no permission on the Kubernetes API and needs none.
"""
