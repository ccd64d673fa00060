"""What can go wrong between us and Comet, said in sentences that tell people what to do."""

import datetime
import email.utils
from typing import Any

import requests

from smile_trace.trackers import TrackerUnavailable

API_KEY_NOT_REGISTERED = 90212
NON_EXISTING_TEAM = 90219
WRONG_PROJECT_TYPE = 34323
_DOWN = (502, 503, 504)
LLM_PATH = "write/experiment/llm"


class Refused(Exception):
    """Comet refused one request, and may take the next one all the same.

    `status` is the HTTP status, `code` Comet's own error code (0 where it gave none); `retry`
    is False where trying again cannot help.
    """

    def __init__(self, reason: str, *, status: int, code: int = 0, retry: bool = True) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.retry = retry


def check(response: requests.Response, url: str) -> None:
    """Raise unless the response to a request of `url` is a good one.

    Raises:
        Refused: this request was not taken.
        TrackerUnavailable: no request would be taken now.
    """
    if response.status_code >= 400:
        raise_for(response.status_code, _json(response), response, url)
    if "/asset/get-asset" in url:  # any bytes are right, from wherever we were sent on to
        return
    answer = _json(response)
    if answer is None:
        raise TrackerUnavailable(not_comet(url))
    if LLM_PATH in url:  # a batch: every part has a status of its own
        parts = list(answer.values()) if isinstance(answer, dict) else []
        if not parts or not all(isinstance(part, dict) for part in parts):
            raise TrackerUnavailable(not_comet(url))
        for part in parts:
            if part.get("status") != 200:
                raise_for(_whole(part.get("status"), 500), part.get("content"), response, url)


def raise_for(status: int, content: Any, response: requests.Response, url: str) -> None:
    """Raise what a status and Comet's own error code mean."""
    known = content if isinstance(content, dict) else {}
    code = _whole(known.get("sdk_error_code"), 0)
    said = " ".join(str(known.get("msg") or response.reason or "no reason given").split())[:200]
    if status == 401 or code == API_KEY_NOT_REGISTERED:
        raise TrackerUnavailable(
            "Comet does not accept the API key: set COMET_API_KEY, or run `comet login`, and "
            "restart the worker"
        )
    if code == NON_EXISTING_TEAM:
        raise TrackerUnavailable(
            "Comet has no such workspace: set workspace in [trackers.comet], or COMET_WORKSPACE, "
            "to one that this key may use"
        )
    if code == WRONG_PROJECT_TYPE:
        raise Refused("the project is of the wrong type", status=status, code=code)
    if status == 403:
        raise TrackerUnavailable(
            f"Comet forbids this key to write here ({said}): give its account access to the "
            "workspace, or set another workspace in [trackers.comet]"
        )
    if status == 429:
        raise TrackerUnavailable(
            "Comet asks for fewer requests (429); nothing needs to be done, they are sent later",
            retry_after=_retry_after(response),
        )
    if status == 413:
        raise Refused(
            "this is larger than the Comet server takes (413): raise the limit of its proxy, "
            "then run `smile-trace retry`",
            status=status,
            retry=False,
        )
    if status == 404 and LLM_PATH in url:
        raise TrackerUnavailable(
            "this Comet server no longer takes CometLLM traces: deliver to Opik instead "
            "([trackers.opik]), and set enabled = false in [trackers.comet]"
        )
    if status in _DOWN:
        raise TrackerUnavailable(
            f"Comet is down for the moment ({status}); nothing needs to be done, it is tried again",
            retry_after=_retry_after(response),
        )
    raise Refused(
        f"Comet refused it ({status}: {said})", status=status, code=code, retry=status >= 500
    )


def unreachable(error: requests.RequestException, url: str, timeout: float) -> TrackerUnavailable:
    """What to say where no response came at all."""
    if isinstance(error, requests.exceptions.SSLError):
        return TrackerUnavailable(
            f"the certificate of {url} could not be verified: point REQUESTS_CA_BUNDLE (or "
            "COMET_INCLUDE_CUSTOM_CA_BUNDLE) at the authority that signed it"
        )
    if isinstance(error, requests.Timeout):
        return TrackerUnavailable(
            f"Comet at {url} did not answer within {timeout:g} s: check that the address is right, "
            "or raise timeout_seconds in [trackers.comet]"
        )
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return TrackerUnavailable(not_comet(url))
    return TrackerUnavailable(
        f"Comet at {url} cannot be reached: check the network, and COMET_URL_OVERRIDE where you "
        "run your own server"
    )


def not_comet(url: str) -> str:
    """What to say where something else than Comet answers."""
    root = "/".join(url.split("/")[:3])
    return (
        f"what answers at {root} is not a Comet server: check COMET_URL_OVERRIDE, and that no "
        "proxy or login page stands in between"
    )


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    if value.strip().isdigit():
        return float(value)
    try:
        at = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    now = datetime.datetime.now(datetime.UTC)
    return max(0.0, (at.astimezone(datetime.UTC) - now).total_seconds())
