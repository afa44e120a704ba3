"""The resources that are watched besides pods and nodes, as far as the apiserver serves and permits them."""
