"""One Langfuse server: OTLP for spans, REST for scores and media.

Source: langfuse 5.0.4, `_task_manager/media_manager.py` and `api/`; Langfuse 4.16. It answers
before it has written: nothing can be read back at once.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from smile_trace._guards.bounded_http import MAX_REPLY_MB
from smile_trace._guards.presentable import hide
from smile_trace.records import JSON, Span
from smile_trace.trackers.http import HttpClient, RequestRejected, Service
from smile_trace.trackers.otlp import post_spans

HEADERS = {"x-langfuse-ingestion-version": "4"}
LISTED = 100
"""Items in one reply of a list; Langfuse gives no more of most."""
MOST_PAGES = 200
"""Pages of one list: one without end ends there."""
_GCS = "storage.googleapis.com"
"""A storage that refuses headers which it does not know."""


class LangfuseServer:
    """Requests to one project: that of the keys, which are sent and shown nowhere.

    Args:
        url: the server's address.
        keys: public and secret key.
        timeout: seconds for which the server may be silent in one request.
    """

    def __init__(
        self, url: str, keys: tuple[str, str], timeout: float, max_reply_mb: float = MAX_REPLY_MB
    ) -> None:
        self.url = url.rstrip("/") + "/"
        hide(keys[1])
        service = Service(
            name="Langfuse",
            url=self.url,
            timeout_setting="timeout_seconds in [trackers.langfuse]",
            credentials="set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, and restart the worker",
            access="use keys of the project",
            address="url of [trackers.langfuse] (LANGFUSE_BASE_URL)",
            login="LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY",
        )
        self._http = HttpClient(
            service, headers=HEADERS, auth=keys, timeout=timeout, max_reply_mb=max_reply_mb
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def check(self) -> None:
        """Ask for something that changes nothing."""
        found = self._http.send("GET", "api/public/projects")
        if not isinstance(found, dict) or "data" not in found:
            raise self._http.service.wrong()

    def trace_url(self, trace_id: str) -> str:
        """Where a person can look at a trace; it leads on to the trace's project."""
        return f"{self.url}trace/{trace_id}"

    def has_trace(self, trace_id: str) -> bool:
        """Whether anything of a trace is there."""
        query = {"traceId": trace_id, "limit": "1", "fields": "core"}
        found = self._http.send("GET", "api/public/v2/observations", params=query)
        if not isinstance(found, dict) or not isinstance(found.get("data"), list):
            raise self._http.service.wrong()
        return bool(found["data"])

    def post_spans(self, spans: Sequence[Span]) -> None:
        """Write spans; of a known id the newest stays."""
        post_spans(self._http, "api/public/otel/v1/traces", spans)

    def ask(self, method: str, path: str, body: JSON = None) -> dict[str, Any]:
        """The object that a request to the public API is answered with.

        Raises:
            RequestRejected, TrackerUnavailable: see `HttpClient.send`; or it is no object.
        """
        return self._object(self._http.send(method, f"api/public/{path}", body))

    def listed(self, path: str, params: Mapping[str, str] = {}) -> list[dict[str, Any]]:
        """Everything in a list, which goes on by a cursor or by the number of the page.

        Raises:
            RequestRejected, TrackerUnavailable: see `HttpClient.send`.
        """
        found: list[dict[str, Any]] = []
        page: list[dict[str, Any]] = []
        following: dict[str, str] = {}
        for number in range(1, MOST_PAGES + 1):
            asked = {**params, "limit": str(LISTED), **following}
            reply = self._object(self._http.send("GET", f"api/public/{path}", params=asked))
            with self._http.service.reading():
                if not reply["data"] or reply["data"] == page:  # at its end, or in circles
                    break
                page = reply["data"]
                found += page
                if cursor := reply["meta"].get("cursor"):
                    following = {"cursor": str(cursor)}
                elif number < int(reply["meta"].get("totalPages", 0)):
                    following = {"page": str(number + 1)}
                else:
                    break
        return found

    def reading(self) -> AbstractContextManager[None]:
        """Around whatever takes something out of a reply; see `Service.reading`."""
        return self._http.service.reading()

    def _object(self, reply: Any) -> dict[str, Any]:
        if not isinstance(reply, dict):
            raise self._http.service.wrong()
        return reply

    def score(self, score: Mapping[str, JSON]) -> None:
        """Write one score; of a known id the newest stays."""
        self._http.send("POST", "api/public/scores", dict(score))

    def delete(self, path: str) -> None:
        """Delete what is at a path of the public API: a trace with all that belongs to it, a
        score, an item of a queue; nothing where it is not there."""
        try:
            self._http.send("DELETE", f"api/public/{path}")
        except RequestRejected as rejected:
            if not rejected.missing:
                raise

    def upload(self, trace_id: str, observation_id: str, content: bytes, media_type: str) -> str:
        """Keep a file for the output of an observation, once; the text that stands for it there.

        Raises:
            RequestRejected: the server, or its storage, does not take it.
        """
        checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
        asked = {
            "traceId": trace_id,
            "observationId": observation_id,
            "contentType": media_type,
            "contentLength": len(content),
            "sha256Hash": checksum,
            "field": "output",
        }
        answer = self._http.send("POST", "api/public/media", asked)
        if not isinstance(answer, dict) or not isinstance(answer.get("mediaId"), str):
            raise self._http.service.wrong()
        media_id, address = answer["mediaId"], answer.get("uploadUrl")
        if address:
            self._put(str(address), content, {"Content-Type": media_type}, checksum)
            uploaded = {"uploadedAt": datetime.now(UTC).isoformat(), "uploadHttpStatus": 200}
            self._http.send("PATCH", f"api/public/media/{media_id}", uploaded)
        return f"@@@langfuseMedia:type={media_type}|id={media_id}|source=bytes@@@"

    def _put(self, address: str, content: bytes, headers: dict[str, str], checksum: str) -> None:
        if _GCS not in address:
            headers |= {"x-ms-blob-type": "BlockBlob", "x-amz-checksum-sha256": checksum}
        self._http.put_elsewhere(address, content, headers=headers)
