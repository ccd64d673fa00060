"""An alarm posted to an address that a setting names."""

import os

import httpx

from smile_trace.bounded_http import HEADERS
from smile_trace.presentable import hide, presentable
from smile_trace.records import JSON

TIMEOUT = 10.0
"""Seconds that the receiver may be silent."""


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
    try:
        with httpx.stream(
            "POST", address, json=document, headers=HEADERS, timeout=TIMEOUT
        ) as reply:
            status = reply.status_code
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotTold(presentable(f"{type(error).__name__}: {error}")) from None
    if not 200 <= status < 300:
        raise NotTold(f"it answered with status {status}")
