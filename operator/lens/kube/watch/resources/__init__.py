"""Which resources are watched besides pods and nodes: what the apiserver serves and permits."""
