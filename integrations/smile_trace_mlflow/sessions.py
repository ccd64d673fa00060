"""MLflow's own sessions of requests, bounded where they go to a server that we deliver to."""

import copy
import threading
from functools import wraps
from typing import Any

import requests
from mlflow.utils import request_utils
from requests.adapters import HTTPAdapter

from smile_trace.trackers.requests_bounds import bound_adapter

_lock = threading.Lock()
_bounds: dict[str, tuple[float, float]] = {}
"""By the beginning of an address: seconds of a request, megabytes of a reply."""


def bound_requests(uri: str, *, seconds: float, max_reply_mb: float) -> None:
    """Bound every request of MLflow's client to the server at `uri`; see `bound_adapter`.

    MLflow caches its sessions and gives no way to bring one, so the function that makes them is
    wrapped, once.
    """
    with _lock:
        _bounds[f"{uri.rstrip('/')}/"] = seconds, max_reply_mb
        if not hasattr(request_utils._get_request_session, "__wrapped__"):
            request_utils._get_request_session = _bounding(request_utils._get_request_session)


def _bounding(make: Any) -> Any:
    @wraps(make)
    def session(*args: Any, **options: Any) -> requests.Session:
        made: requests.Session = make(*args, **options)
        with _lock:
            for prefix, (seconds, megabytes) in _bounds.items():
                if prefix not in made.adapters:
                    own = copy.copy(made.get_adapter(prefix))
                    assert isinstance(own, HTTPAdapter)
                    bound_adapter(own, seconds=seconds, max_reply_mb=megabytes)
                    made.mount(prefix, own)
        return made

    return session
