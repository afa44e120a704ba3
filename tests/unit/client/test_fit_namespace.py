"""Whether a manifest names a namespace, or is for the context's."""

import pytest

from lens_client.commands.fit import names_namespace


@pytest.mark.parametrize(
    ("manifest", "names"),
    [
        ("kind: Pod", False),
        ("metadata: {namespace: a}", True),
        ("kind: ConfigMap\n---\nmetadata: {namespace: a}", True),
        ("{kind: List, items: [{kind: Pod}, {kind: List, items: [{metadata: {namespace: a}}]}]}", True),
        ("metadata: {namespace: }", False),
        ("spec: {template: {metadata: {namespace: a}}}", False),
        ("&a {items: [*a]}", False),
        ('{\n\t"kind": "Pod"\n}', False),
        ('{"kind": "Pod"}\n{"kind": "Pod"}', False),
        ('{"kind": "Pod"}\n{"metadata": {"namespace": "a"}}', True),
        ("a: [", True),
        ("", False),
    ],
)
def test_a_manifest_names_a_namespace_in_its_objects(manifest: str, names: bool) -> None:
    assert names_namespace(manifest.encode()) is names
