"""The MCP server: lists the tools, and calls them with the caller's token."""

import logging
from collections.abc import Callable
from typing import Any

from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as Listed
from pydantic import ValidationError

from lens import __version__
from lens.mcp.arguments import error_message
from lens.mcp.client import ApiRequest, Client, RequestError
from lens.mcp.tools import TOOLS, Tool

_log = logging.getLogger("lens.mcp")

Context = ServerRequestContext[Any, Any]

Authorization = Callable[[Context], str | None]
"""Returns the Authorization header for a tool's request to Lens. Raises RequestError."""

INSTRUCTIONS = (
    "Lens shows what the GPUs of Kubernetes clusters are doing right now. All tools only read. "
    "Answers are JSON; what is unknown or empty is left out. timestamp is when the figures were last "
    "known to be current. Answers may be up to 30 seconds old."
)

_TOOLS = {tool.name: tool for tool in TOOLS}


def mcp_server(client: Client, authorization: Authorization) -> Server[Any]:
    """Return a server whose tools send their requests by ``client``."""

    async def list_tools(_context: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_listed(tool) for tool in TOOLS])

    async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
        tool = _TOOLS.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"Unknown tool; known: {', '.join(_TOOLS)}")
        try:
            # Some programs send null for arguments that a model leaves out.
            given = {name: value for name, value in (params.arguments or {}).items() if value is not None}
            arguments = tool.arguments.model_validate(given)
            token = authorization(context)

            async def get(request: ApiRequest, data: type[Any]) -> Any:
                return await client.get(request, token, data)

            return _result(await tool.call(get, arguments))
        except ValidationError as error:
            return _result(error_message(error), is_error=True)
        except RequestError as error:
            return _result(str(error), is_error=True)
        except Exception:
            # The details of a defect go to the log, and not to a model.
            _log.exception("tool failed", extra={"tool": tool.name})
            return _result("Internal error", is_error=True)

    return Server(
        "lens",
        version=__version__,
        title="Lens",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _listed(tool: Tool[Any]) -> Listed:
    return Listed(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.arguments.model_json_schema(),
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )


def _result(text: str, *, is_error: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=is_error)
