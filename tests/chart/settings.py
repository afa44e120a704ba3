"""What the chart's schema knows of Lens' settings, made from the settings themselves."""

import json
from typing import Any

from pydantic import BaseModel, create_model

from lens.agent.settings import AgentSettings
from lens.config.serve import ServeSettings
from tests.chart.files import CHART

SCHEMA = CHART / "values.schema.json"

OF_THE_CHART = {
    "serve": {
        "cluster",
        "listen",
        "auth",
        "tokens_file",
        "tls_cert_file",
        "tls_key_file",
        "telemetry",
        "telemetry_namespace",
        "telemetry_selector",
        "telemetry_daemonset",
        "telemetry_port",
        "telemetry_token_file",
        "telemetry_ca_file",
        "telemetry_server_name",
        "peers",
    },
    "agent": {"node", "listen", "token_file", "podresources_socket", "tls_cert_file", "tls_key_file"},
}
"""Settings that come of the chart's other values."""

OUTSIDE = {"kubeconfig", "kube_context"}
"""Settings that a pod has no use for."""

_PYDANTIC_ONLY = ("title", "default", "format")


def camel_case(name: str) -> str:
    """Return `cacheSeconds` for `cache_seconds`."""
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)


def schema() -> str:
    """Return the chart's schema with the settings as they are now."""
    document = json.loads(SCHEMA.read_text())
    for name, settings in ("serve", ServeSettings), ("agent", AgentSettings):
        document["definitions"][f"{name}Settings"] = _definition(settings, OF_THE_CHART[name] | OUTSIDE)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _definition(settings: type[BaseModel], without: set[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        camel_case(name): (field.annotation, field)
        for name, field in settings.model_fields.items()
        if name not in without
    }
    properties = create_model("Settings", **fields).model_json_schema()["properties"]
    for each in properties.values():
        for key in _PYDANTIC_ONLY:
            each.pop(key, None)
        if each["type"] == "array" and "minLength" in each:
            each["minItems"] = each.pop("minLength")  # pydantic takes a split text for one still
    return {"type": "object", "additionalProperties": False, "properties": properties}
