"""Build krew and its check of manifests: `make krew`."""

import sys

from tests import required
from tests.e2e.cluster.programs import binaries

if __name__ == "__main__":
    required.BUILT.mkdir(parents=True, exist_ok=True)
    try:
        binaries.build(required.BUILT, binaries.KREW)
    except binaries.BuildError as error:
        sys.exit(f"krew: {error}")
    print(f"krew and validate-krew-manifest are in {required.BUILT}")
