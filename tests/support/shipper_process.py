"""`smile-trace ship` in a process of its own."""

from pathlib import Path

from tests.support.service_process import ServiceProcess


class ShipperProcess(ServiceProcess):
    """Shippers, one after the other, on one home."""

    def __init__(self, home: Path, url: str, **settings: str) -> None:
        super().__init__("ship", home, **{"url": url, "poll_seconds": "0.05", **settings})
