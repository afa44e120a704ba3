# The first file of the zip that release/client.py makes. Pythons that are too old for the rest read it, too.
# ruff: noqa: UP031, UP036
import os
import sys

if sys.version_info < (3, 11):
    sys.exit("kubectl lens: it needs Python 3.11 or later, and python3 is %d.%d" % sys.version_info[:2])

from lens_client import completion, main

name = os.path.basename(sys.argv[0]).removesuffix(".pyz")
if name.startswith("kubectl_complete-"):
    completion.main()
else:
    plugin = name.removeprefix("kubectl-").replace("_", "-") if name.startswith("kubectl-") else "lens"
    main.end(main.run(sys.argv[1:], f"kubectl {plugin}"))
