"""An MCP server by which assistants ask why: measured causes instead of guesses."""

from smile_trace.mcp.server import make_server

__all__ = ["make_server"]
