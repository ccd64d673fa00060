"""Loopback ports for servers that are stopped and started again.

They lie below those that the system gives to clients: one of these would be taken while the server
is down, and a client that waits for it could connect to itself.
"""

import random
import socket


def reserve_port() -> socket.socket:
    """A bound socket that never listens: it reserves its port for sockets with SO_REUSEADDR."""
    while True:
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(("127.0.0.1", random.SystemRandom().randrange(20_000, 32_000)))
        except OSError:
            held.close()
        else:
            return held


def steady_port() -> int:
    """A port that nobody uses."""
    with reserve_port() as held:
        return int(held.getsockname()[1])
