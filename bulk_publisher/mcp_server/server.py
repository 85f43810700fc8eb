"""The protocol: the SDK's server with our tools, whose every answer and every error is data without secrets."""

import os
from typing import Any

import mcp_types as types
from mcp.server import Server, ServerRequestContext

from bulk_publisher import __version__
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.mcp_server import told
from bulk_publisher.mcp_server.asked import BadArgument, read_asked, refuse_secrets, schema_of
from bulk_publisher.mcp_server.calls import Call
from bulk_publisher.mcp_server.desk import Desk
from bulk_publisher.mcp_server.tools import INSTRUCTIONS, TOOLS, Tool
from bulk_publisher.operations import crash
from bulk_publisher.text.escaping import json_text

_Context = ServerRequestContext[Any]
_BY_NAME = {tool.name: tool for tool in TOOLS}


def make_server(desk: Desk) -> Server[Any]:
    """A server with the tools of *desk*; it serves nobody yet."""

    async def list_tools(
        _context: _Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in TOOLS])

    async def call_tool(
        context: _Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        call = Call(desk.state)
        try:
            answer = await _answer(desk, call, context, params)
        except Exception as error:  # noqa: BLE001 - whatever it is, an assistant is told it as data
            return _result(call.without_secrets(_error_of(error)), is_error=True)
        return _result(call.without_secrets(answer))

    return Server(
        "bulk-publisher",
        version=__version__,
        title="bulk-publisher",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def _answer(
    desk: Desk, call: Call, context: _Context, params: types.CallToolRequestParams
) -> dict[str, Any]:
    given = params.arguments or {}
    tool = _BY_NAME.get(params.name)
    if tool is None:
        refuse_secrets([params.name, given])
        raise BadArgument("There is no such tool.", f"There are: {', '.join(_BY_NAME)}.")
    asked = read_asked(given, tool.asks)

    async def report(done: float, total: float | None, words: str) -> None:
        await context.session.report_progress(done, total, words)

    async with call.reported(report):
        return await tool.does(desk, asked, call)


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=schema_of(tool.asks),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=not tool.changes,
            destructive_hint=tool.changes,
            idempotent_hint=not tool.changes,
            open_world_hint=tool.is_online,
        ),
    )


def _error_of(error: Exception) -> dict[str, Any]:
    """*error* as data; of a fault of ours the traceback is kept for a person."""
    inner = crash.innermost(error)
    if isinstance(inner, BulkPublisherError):
        return told.of_error(inner)
    trace = crash.keep(error, os.environ)
    hint = "" if trace is None else f"Its traceback is in {trace}."
    words = f"Internal error in bulk-publisher: {crash.words_of(error)}."
    return told.of_error(BulkPublisherError(words, hint))


def _result(answer: Any, *, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=json_text(answer))],
        structured_content=answer,
        is_error=is_error,
    )
