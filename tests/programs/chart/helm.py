"""Helm as users run it: `helm template` and `helm lint`, by both of its versions.

``python -m tests.programs.chart.helm`` builds both from Go modules, which takes minutes the first time.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests import required
from tests.chart.files import CHART
from tests.e2e.cluster.programs import binaries

APIS = ("monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1")
"""What a cluster serves that has Prometheus Operator and a Gateway."""

KUBERNETES = "1.37.2"

REQUIRED = CHART / "ci" / "default.yaml"
"""The values without which nothing is rendered; all others take precedence."""

Object = dict[str, Any]


class HelmError(Exception):
    """Helm refused; the message is what it wrote."""


@dataclass(frozen=True)
class Helm:
    """One version of Helm."""

    program: Path

    def run(self, *arguments: str) -> str:
        """Return what it writes. Raise HelmError."""
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise HelmError(done.stdout + done.stderr)
        return done.stdout

    def template(
        self,
        *values: Path,
        sets: Mapping[str, str] | None = None,
        release: str = "lens",
        namespace: str = "lens",
        apis: Sequence[str] = APIS,
        kubernetes: str = KUBERNETES,
        more: Sequence[str] = (),
    ) -> str:
        """Return a release's manifests as YAML, rendered without a cluster. Raise HelmError."""
        arguments = ["--namespace", namespace, "--kube-version", kubernetes, *more]
        for file in (REQUIRED, *values):
            arguments += ["--values", str(file)]
        for name, value in (sets or {}).items():
            arguments += ["--set", f"{name}={value}"]
        for api in apis:
            arguments += ["--api-versions", api]
        return self.run("template", release, str(CHART), *arguments)

    def objects(self, *values: Path, **options: Any) -> list[Object]:
        """Return a release's objects; it takes what ``template`` takes."""
        return list(parse(self.template(*values, **options)))


def parse(text: str) -> Iterator[Object]:
    """Go through the objects of a YAML stream. Raise yaml.YAMLError also where a key is there twice."""
    return (each for each in yaml.load_all(text, _Loader) if each)


def the(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """Return the one object of a kind, and if there are several of a name."""
    found = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
    return found[0]


def container(workload: Object) -> Object:
    """Return the one container of a workload's pods."""
    (one,) = workload["spec"]["template"]["spec"]["containers"]
    assert isinstance(one, dict)
    return one


def environment(workload: Object) -> dict[str, Any]:
    """Return the variables of a workload's container: their values, or where those come from."""
    env = container(workload)["env"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in env}


def found(name: str = "helm") -> Helm:
    """Return Helm 4, or `helm3`. Skip the calling test, or in CI fail it, where it isn't built."""
    return Helm(required.program(name))


def build() -> Helm:
    """Build both versions, if they aren't there; return Helm 4. Raise BuildError."""
    required.BUILT.mkdir(parents=True, exist_ok=True)
    binaries.build(required.BUILT, binaries.HELM)
    return Helm(required.BUILT / "helm")


class _Loader(yaml.CSafeLoader):
    """Takes no key twice: Kubernetes' strict validation doesn't either."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {', '.join(twice)}", node.start_mark)
        return super().construct_mapping(node, deep)


def main() -> None:
    """Build both, and say where they are."""
    try:
        print(f"Helm 4 and 3 are in {build().program.parent}")
    except binaries.BuildError as error:
        sys.exit(f"helm: {error}")


if __name__ == "__main__":
    main()
