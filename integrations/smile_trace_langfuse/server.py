"""One Langfuse server: OTLP for spans, REST for scores and media.

Source: langfuse 5.0.4, `_task_manager/media_manager.py` and `api/`; Langfuse 4.16. It answers
before it has written: nothing can be read back at once.
"""

import base64
import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from smile_trace._guards.presentable import hide, presentable
from smile_trace.records import JSON
from smile_trace.trackers.batches import MOST_PAGES
from smile_trace.trackers.http import HttpClient, HttpOptions, Service, tolerating

CLOUD = "https://cloud.langfuse.com"
OTLP = "api/public/otel/v1/traces"
OBSERVATIONS = "v2/observations"
LISTED = 100
"""Items in one reply of a list; most of Langfuse's lists give no more."""
TRACES_PER_REQUEST = 50
"""Traces that one request asks for: their ids stand in the address."""
_HEADERS = {"x-langfuse-ingestion-version": "4"}
_GCS = "storage.googleapis.com"
"""A storage that refuses headers that it does not know."""


def own_keys() -> tuple[str, str]:
    """Return the public and secret key, which select the project; empty if not set."""
    public, secret = (os.environ.get(f"LANGFUSE_{kind}_KEY") or "" for kind in ("PUBLIC", "SECRET"))
    return public, secret


class LangfuseServer:
    """Requests to the project of the keys, which are shown nowhere.

    By default `url` is LANGFUSE_BASE_URL, LANGFUSE_HOST or Langfuse's cloud; `table` of the
    settings is named in messages. Raises `ValueError` if the address is not http(s), or a key is
    missing.
    """

    def __init__(
        self,
        url: str | None,
        keys: tuple[str, str],
        options: HttpOptions,
        table: str = "trackers.langfuse",
    ) -> None:
        own = os.environ.get("LANGFUSE_BASE_URL") or os.environ.get("LANGFUSE_HOST")
        address = url or own or CLOUD
        if not address.startswith(("http://", "https://")) or not all(keys):
            raise ValueError(
                f"Langfuse at {presentable(address)} needs an http(s) address (url of [{table}], "
                "or LANGFUSE_BASE_URL) and the keys of a project: set LANGFUSE_PUBLIC_KEY and "
                "LANGFUSE_SECRET_KEY"
            )
        self.url = address.rstrip("/") + "/"
        hide(keys[1])
        reads = table.startswith("sources")
        service = Service(
            name="Langfuse",
            url=self.url,
            timeout_setting=f"timeout_seconds in [{table}]",
            credentials="set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"
            + ("" if reads else ", and restart the worker"),
            access="use keys of the project" + (" that holds the traces" if reads else ""),
            address=f"url of [{table}] (LANGFUSE_BASE_URL)",
            login="LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY",
            purpose="read" if reads else "write",
        )
        self.http = HttpClient.of(service, options, headers=_HEADERS, auth=keys)
        self.reading = service.reading

    def close(self) -> None:
        self.http.close()

    def check(self) -> None:
        """Ask for something that changes nothing."""
        if "data" not in self.ask("GET", "projects"):
            raise self.http.service.wrong()

    def trace_url(self, trace_id: str) -> str:
        """Return the page of a trace, which redirects to the trace's project."""
        return f"{self.url}trace/{trace_id}"

    def has_trace(self, trace_id: str) -> bool:
        """Whether anything of a trace is there."""
        found = self.ask("GET", OBSERVATIONS, traceId=trace_id, limit="1", fields="core")
        if not isinstance(found.get("data"), list):
            raise self.http.service.wrong()
        return bool(found["data"])

    def ask(self, method: str, path: str, body: JSON = None, **params: str) -> dict[str, Any]:
        """Return the object that the public API replies. Raises like `HttpClient.send`, and
        `TrackerUnavailable` if the reply is no object."""
        reply = self.http.send(method, f"api/public/{path}", body, params=params)
        if not isinstance(reply, dict):
            raise self.http.service.wrong()
        return reply

    def listed(self, path: str, params: Mapping[str, str] = {}) -> list[dict[str, Any]]:
        """Return everything in a list, paged by cursor or number; raises like `HttpClient.send`."""
        items: list[dict[str, Any]] = []
        page: list[dict[str, Any]] = []
        following: dict[str, str] = {}
        for number in range(1, MOST_PAGES + 1):
            reply = self.ask("GET", path, **params, limit=str(LISTED), **following)
            with self.reading():
                if not reply["data"] or reply["data"] == page:  # at its end, or in circles
                    break
                page = reply["data"]
                items += page
                if cursor := reply["meta"].get("cursor"):
                    following = {"cursor": str(cursor)}
                elif number < int(reply["meta"].get("totalPages", 0)):
                    following = {"page": str(number + 1)}
                else:
                    break
        return items

    def delete(self, path: str) -> None:
        """Delete what is at a path of the public API: a trace with everything in it, a score or an
        item of a queue. Does nothing if it is missing."""
        with tolerating(404):
            self.http.send("DELETE", f"api/public/{path}")

    def attach(self, trace_id: str, observation_id: str, content: bytes, media_type: str) -> str:
        """Upload a file for the output of an observation, once, and return the text that refers to
        it there. Raises `RequestRejected` if the server, or its storage, does not take it."""
        checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
        announced = {
            "traceId": trace_id,
            "observationId": observation_id,
            "contentType": media_type,
            "contentLength": len(content),
            "sha256Hash": checksum,
            "field": "output",
        }
        answer = self.ask("POST", "media", announced)
        media_id, address = answer.get("mediaId"), answer.get("uploadUrl")
        if not isinstance(media_id, str):
            raise self.http.service.wrong()
        if address:
            headers = {"Content-Type": media_type}
            if _GCS not in str(address):
                headers |= {"x-ms-blob-type": "BlockBlob", "x-amz-checksum-sha256": checksum}
            self.http.put_elsewhere(str(address), content, headers=headers)
            uploaded = {"uploadedAt": datetime.now(UTC).isoformat(), "uploadHttpStatus": 200}
            self.http.send("PATCH", f"api/public/media/{media_id}", uploaded)
        return f"@@@langfuseMedia:type={media_type}|id={media_id}|source=bytes@@@"
