"""An alarm posted to an address that a setting names."""

import asyncio
import os
import threading
from concurrent.futures import Future
from typing import Any

import httpx

from smile_trace._guards.bounded_http import HEADERS
from smile_trace._guards.presentable import hide, presentable
from smile_trace.records import JSON

TIMEOUT = 10.0
"""Seconds that it may take in all: a receiver that keeps saying a little gets no more of them."""


class NotTold(Exception):
    """The receiver did not take it; the message says why."""


def post(variable: str, document: dict[str, JSON]) -> None:
    """Post a document as JSON to the address in an environment variable. The reply is not read.

    Raises:
        NotTold: it was not taken, or the variable holds no address.
    """
    address = os.environ.get(variable)
    if not address:
        raise NotTold(f"drift.webhook_env names {variable}, which is not set")
    hide(address)  # whoever knows it may post there
    answered: Future[int] = Future()
    threading.Thread(target=_ask, args=(address, document, answered), daemon=True).start()
    try:
        status = answered.result(TIMEOUT + 1)  # only the look-up of a name cannot be ended
    except TimeoutError:
        raise NotTold(f"it did not answer within {TIMEOUT:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotTold(presentable(f"{type(error).__name__}: {error}")) from None
    if not 200 <= status < 300:
        raise NotTold(f"it answered with status {status}")


def _ask(address: str, document: dict[str, JSON], answered: "Future[int]") -> None:
    """Ask in a thread and an event loop of its own, which can end it wherever it waits."""
    try:
        answered.set_result(asyncio.run(_status(address, document)))
    except BaseException as error:  # noqa: BLE001  raised where it is waited for
        answered.set_exception(error)


async def _status(address: str, document: dict[str, JSON]) -> int:
    connections: list[Any] = []

    async def note(event: str, what: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            connections.append(what["return_value"])

    try:
        async with (
            asyncio.timeout(TIMEOUT),
            httpx.AsyncClient(headers=HEADERS, timeout=None) as client,
            client.stream("POST", address, json=document, extensions={"trace": note}) as reply,
        ):
            return reply.status_code
    finally:
        for connection in connections:  # httpx leaves one open that is cut off in its handshake
            await connection.aclose()
