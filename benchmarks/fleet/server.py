"""The PostgreSQL that measurements run on: one that waits for its disk, as in production."""

import os

from tests.support.postgres_server import SETTINGS, OwnPostgresServer, programs


def durable_server() -> OwnPostgresServer:
    """A server to be closed; every later one of this process waits for the disk, too."""
    SETTINGS.update({"fsync": "on", "full_page_writes": "on"})
    return OwnPostgresServer(programs())


def conditions(server: OwnPostgresServer) -> str:
    """What a table of figures was measured on."""
    [[version]] = server.execute("SHOW server_version")
    return f"PostgreSQL {version}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
