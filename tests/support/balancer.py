"""A load balancer of connections in front of several ports of this machine, as a Service of
Kubernetes is: it knows nothing of requests, and may choose a receiver that has just died."""

import contextlib
import random
import socket
import threading
from collections.abc import Sequence
from typing import Self


class Balancer:
    """Gives each connection to one of the ports, by chance; `connections` counts them."""

    def __init__(self, ports: Sequence[int], chance: random.Random) -> None:
        self.connections: dict[int, int] = dict.fromkeys(ports, 0)
        self._ports = list(ports)
        self._chance = random.Random(chance.random())
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                port = self._chance.choice(self._ports)
                self.connections[port] += 1
                try:
                    server = socket.create_connection(("127.0.0.1", port))
                except OSError:
                    client.close()
                    continue
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=_copy, args=(one, other), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Until one side closes; then both are."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
