"""The meaning of Comet's answers for a delivery, with Comet's own error codes."""

from typing import TYPE_CHECKING, Any

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.trackers import TrackerUnavailable
from smile_trace.trackers.http import RequestRejected, Service

if TYPE_CHECKING:
    import requests

API_KEY_NOT_REGISTERED = 90212
NON_EXISTING_TEAM = 90219
WRONG_PROJECT_TYPE = 34323

ASSET_PATH = "/asset/get-asset"
LLM_PATH = "write/experiment/llm"
MISSING = (400, 404)
"""The answers for an unknown key: older servers 400, newer ones 404."""


def comet_service(url: str) -> Service:
    """Describe the Comet server at that address."""
    return Service(
        name="Comet",
        url=url,
        timeout_setting="timeout_seconds in [trackers.comet]",
        credentials="set COMET_API_KEY, or run `comet login`, and restart the worker",
        access="give its account access to the workspace, or set another workspace in "
        "[trackers.comet]",
        address="COMET_URL_OVERRIDE",
        login="COMET_API_KEY",
        certificate="point REQUESTS_CA_BUNDLE (or COMET_INCLUDE_CUSTOM_CA_BUNDLE) at the authority "
        "that signed it",
    )


def check(response: "requests.Response", path: str, service: Service) -> None:
    """Raise `RequestRejected` or `TrackerUnavailable` unless the response to `path` is good."""
    if response.status_code >= 400:
        raise _error(response.status_code, _said(response), response, path, service)
    if ASSET_PATH in path:  # any bytes are right, from wherever we were sent on to
        return
    # Comet's clients decode it once more: what they get has passed the gate.
    with service.reading():
        answer = foreign.decode(response.content, lenient=True)
    if answer is None:
        raise service.wrong()
    if LLM_PATH in path:  # a batch: every part has a status of its own
        parts = list(answer.values()) if isinstance(answer, dict) else []
        if not parts or not all(isinstance(part, dict) for part in parts):
            raise service.wrong()
        for part in parts:
            if part.get("status") != 200:
                status = _number(part.get("status"), 500)
                raise _error(status, part.get("content"), response, path, service)


def unreachable(error: "requests.RequestException", service: Service, timeout: float) -> Exception:
    """Return the error for a missing or unreadable response."""
    import requests

    if isinstance(error, requests.exceptions.JSONDecodeError):
        return service.wrong()
    if isinstance(error, requests.exceptions.SSLError):
        return service.unreachable("certificate")
    timed_out = isinstance(error, requests.Timeout)
    return service.unreachable("timeout" if timed_out else "connection", timeout=timeout)


def _error(
    status: int, content: Any, response: "requests.Response", path: str, service: Service
) -> Exception:
    known = content if isinstance(content, dict) else {}
    code = _number(known.get("sdk_error_code"), 0)
    said = str(known.get("msg") or response.reason or "")
    if code == API_KEY_NOT_REGISTERED:
        return service.error(401, said)
    if code == NON_EXISTING_TEAM:
        return TrackerUnavailable(
            "Comet has no such workspace: set workspace in [trackers.comet], or COMET_WORKSPACE, "
            "to one that this key may use"
        )
    if code == WRONG_PROJECT_TYPE:
        return RequestRejected(
            "the project is of the wrong type", status=status, retry=True, service_code=code
        )
    if status == 404 and LLM_PATH in path:
        return TrackerUnavailable(
            "this Comet server no longer takes CometLLM traces: deliver to Opik instead "
            "([trackers.opik]), and set enabled = false in [trackers.comet]"
        )
    error = service.error(status, said, response.headers)
    if isinstance(error, RequestRejected):
        error.service_code = code
    return error


def _number(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _said(response: "requests.Response") -> Any:
    """Return the body of an error; None if it is not JSON."""
    try:
        return foreign.decode(response.content, lenient=True)
    except ForeignDataError:
        return None
