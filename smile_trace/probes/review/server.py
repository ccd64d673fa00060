"""The local page for judgements: on loopback only, for whoever has its address.

The address holds a token that nobody can guess. Another site's page cannot ask it, since the name
in `Host` and `Origin` must be this server's and nothing allows other origins. The page runs no
script but its own.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from smile_trace.errors import SmileTraceError
from smile_trace.probes.confirmation import Judge, confirmations
from smile_trace.probes.judgements import chosen_judge, confirmations_of, judges
from smile_trace.probes.reliability import reliability
from smile_trace.records import Record
from smile_trace.records.judgement import (
    QUESTIONS,
    Confirmation,
    JudgeAgreement,
    Judgement,
    Reliability,
    Reply,
    ReviewItem,
    ReviewTask,
)
from smile_trace.render.review import review_to_html
from smile_trace.settings import Settings
from smile_trace.store import Store

LOOPBACK = "127.0.0.1"
MOST_BYTES = 10_000

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _Replies(BaseModel):
    model_config = ConfigDict(extra="forbid")
    variant_id: str
    same_meaning: Reply
    worse: Reply
    reason: Reply


class ReviewServer(ThreadingHTTPServer):
    """Shows tasks to one person, and passes on the judgements. `keep`: called with each judgement,
    one at a time; the page shows what it raises. `port`: 0 picks a free one. Raises SmileTraceError
    if the port is taken."""

    daemon_threads = True

    def __init__(
        self,
        tasks: Sequence[ReviewTask],
        reviewer: str,
        keep: Callable[[ReviewTask, Judgement], None],
        port: int = 0,
    ) -> None:
        self.tasks = {task.item.id: task for task in tasks}
        self.reviewer = reviewer
        self.token = secrets.token_urlsafe(24)
        self.given: dict[str, Judgement] = {}
        self._keep = keep
        self._lock = Lock()
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise SmileTraceError(
                f"port {port} cannot be used ({error.strerror}): give another --port"
            ) from None

    @property
    def hosts(self) -> tuple[str, str]:
        """The host names under which it may be asked."""
        return f"{LOOPBACK}:{self.server_port}", f"localhost:{self.server_port}"

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{self.hosts[0]}/{self.token}/"

    def page(self, nonce: str) -> str:
        """Return the page, with the judgements so far."""
        tasks = list(self.tasks.values())
        return review_to_html(tasks, self.given, reviewer=self.reviewer, nonce=nonce)

    def judge(self, body: bytes) -> None:
        """Keep a judgement. Raises ValidationError if the body is not a judgement; KeyError if it
        is about a variant that was not shown."""
        replies = _Replies.model_validate_json(body)
        task = self.tasks[replies.variant_id]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        judgement = Judgement(**replies.model_dump(), reviewer=self.reviewer, judged_at=now)
        with self._lock:
            self._keep(task, judgement)
            self.given[replies.variant_id] = judgement


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    timeout = 30
    server_version, sys_version = "smile-trace", ""

    def do_GET(self) -> None:
        if self._is_allowed(""):
            nonce = secrets.token_urlsafe(16)
            self._answer(
                HTTPStatus.OK, self.server.page(nonce), "text/html", policy=POLICY.format(nonce)
            )

    def do_POST(self) -> None:
        if self._is_allowed("judgements"):
            self._answer(*self._judged())

    def _judged(self) -> tuple[HTTPStatus, str]:
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json" or not length.isdecimal():
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a judgement is sent as JSON"
        if int(length) > MOST_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "this is no judgement"
        try:
            self.server.judge(self.rfile.read(int(length)))
        except ValidationError:
            return HTTPStatus.UNPROCESSABLE_ENTITY, "this is no judgement"
        except KeyError:
            return HTTPStatus.NOT_FOUND, "this variant was not shown"
        except SmileTraceError as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, str(error)
        return HTTPStatus.NO_CONTENT, ""

    def _is_allowed(self, path: str) -> bool:
        """Whether the request is the page's own; refuse it otherwise."""
        origin = self.headers.get("Origin")
        origins = (None, *(f"http://{host}" for host in self.server.hosts))
        if self.headers.get("Host") not in self.server.hosts or origin not in origins:
            self._answer(HTTPStatus.FORBIDDEN, "this page is for this machine only")
            return False
        wanted = f"/{self.server.token}/{path}"
        if not secrets.compare_digest(self.path.encode(), wanted.encode()):
            self._answer(HTTPStatus.NOT_FOUND, "open the address that smile-trace review printed")
            return False
        return True

    def _answer(
        self,
        status: HTTPStatus,
        text: str,
        media_type: str = "text/plain",
        policy: str = "default-src 'none'",
    ) -> None:
        body = text.encode("utf-8", "replace")
        self.close_connection = True
        self.send_response(status)
        headers = HEADERS | {
            "Content-Security-Policy": policy,
            "Content-Type": f"{media_type}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: the address holds the token."""


class JudgeResults(Record):
    """A judge's agreement with people, its own confirmation of each probe, which counts nowhere,
    and whether the settings name it."""

    agreement: JudgeAgreement
    by_itself: dict[str, Confirmation]
    chosen: bool


class ReviewResults(Record):
    """Each probe's confirmation, people's agreement on each question, and the judges."""

    confirmations: dict[str, Confirmation]
    reliability: tuple[Reliability, ...]
    judges: tuple[JudgeResults, ...] = ()


def results(store: Store, settings: Settings) -> ReviewResults:
    """Sum up all judgements in the store, whether their profiles are still there or not; `settings`
    say which judge counts."""
    judgements = [judgement for _, judgement in store.judgements.read()]
    items = list({item.id: item for item, _ in store.judge_judgements.read()}.values())
    chosen = chosen_judge(settings)
    return ReviewResults(
        confirmations=dict(confirmations_of(store, settings)),
        reliability=tuple(reliability(question, judgements) for question in QUESTIONS),
        judges=tuple(_of_judge(judge, items, chosen) for judge in judges(store)),
    )


def _of_judge(judge: Judge, items: list[ReviewItem], chosen: str | None) -> JudgeResults:
    alone = confirmations(items, judge.judgements)
    return JudgeResults(
        agreement=judge.agreement,
        by_itself={name: one.model_copy(update={"counts": False}) for name, one in alone.items()},
        chosen=judge.agreement.judge == chosen,
    )
