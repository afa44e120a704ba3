"""What tests ask of etcd, over the JSON gateway that it serves beside gRPC.

https://etcd.io/docs/v3.7/dev-guide/api_grpc_gateway/
"""

import base64
import json
import urllib.request
from typing import Any


def revision(url: str) -> int:
    """Return the store's current revision, which is the newest resourceVersion."""
    key = base64.b64encode(b"\0").decode()
    return int(_post(f"{url}/v3/kv/range", {"key": key, "count_only": True})["header"]["revision"])


def compact(url: str, at: int) -> None:
    """Forget the history before revision `at`, physically, before returning."""
    _post(f"{url}/v3/kv/compaction", {"revision": str(at), "physical": True})


def defragment(url: str) -> None:
    """Rewrite the database without its holes; the member answers nothing meanwhile."""
    _post(f"{url}/v3/maintenance/defragment", {})


def _post(url: str, body: dict[str, object]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer
