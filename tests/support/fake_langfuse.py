"""A fake Langfuse of version 4 in memory: what its observations API of version 2 gives, 404 to the
rest; refused is what its schemas refuse.

Source: Langfuse 4.16, `web/src/features/public-api/types/observations.ts` and
`packages/shared/src/server/otel/OtelIngestionProcessor.ts`.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from smile_trace import semconv
from smile_trace.dialects import assemble
from smile_trace.records import Span
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request

PATH = "/api/public/v2/observations"
KEYS = ("pk-lf-test", "sk-lf-test")
GROUPS = {
    "core": ("id", "traceId", "startTime", "endTime", "projectId", "parentObservationId", "type"),
    "basic": ("name", "level", "statusMessage", "version", "environment", "userId", "sessionId"),
    "io": ("input", "output"),
    "metadata": ("metadata",),
    "model": ("model", "internalModelId", "modelParameters"),
    "usage": ("usageDetails", "costDetails", "totalCost"),
    "prompt": ("promptId", "promptName", "promptVersion"),
    "time": ("completionStartTime", "createdAt", "updatedAt"),
}
PARAMETERS = {
    *("fields", "limit", "cursor", "traceId", "environment", "fromStartTime", "toStartTime"),
    "filter",
}
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Exception):
    """A request that Langfuse's schemas refuse (400)."""


class FakeLangfuse(FakeHttpServer):
    """Observations by id."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.observations: dict[str, dict[str, Any]] = {}

    def add(self, spans: Sequence[Span], environment: str = "default") -> None:
        """What becomes of spans that Langfuse's SDK exports, or another instrumentor."""
        for span in spans:
            self.observations[span.span_id] = observation_of(span, environment)

    def delete(self, trace_id: str) -> None:
        """Delete a trace with its observations."""
        kept = {i: o for i, o in self.observations.items() if o["traceId"] != trace_id}
        self.observations = kept

    def answer(self, request: Request) -> Answer:
        """See `FakeHttpServer`."""
        login = base64.b64encode(":".join(KEYS).encode()).decode()
        if request.headers.get("Authorization") != f"Basic {login}":
            return Answer(401, {"message": "Invalid credentials", "error": "UnauthorizedError"})
        if (request.method, request.path) != ("GET", PATH):
            return Answer(404, {"message": "not found"})
        try:
            return Answer(200, self._listed(request.query))
        except (Refused, ValueError) as error:
            return Answer(400, {"message": "Invalid request data", "error": [str(error)]})

    def _listed(self, query: dict[str, str]) -> dict[str, Any]:
        if unknown := query.keys() - PARAMETERS:
            raise Refused(f"unknown {unknown}")
        limit = int(query.get("limit", 50))
        if not 0 <= limit <= 1000:
            raise Refused("limit")
        wanted = tuple(_conditions(query))
        found = [o for o in self.observations.values() if all(true(o) for true in wanted)]
        found.sort(key=_key, reverse=True)
        if cursor := query.get("cursor"):
            last = json.loads(base64.b64decode(cursor))
            at = last["lastStartTimeTo"], last["lastTraceId"], last["lastId"]
            found = [o for o in found if _key(o) < at]
        groups = {"core", *(query["fields"].split(",") if "fields" in query else ["basic"])}
        names = [name for group in groups & GROUPS.keys() for name in GROUPS[group]]
        priced = {"modelId": None, "inputPrice": None, "outputPrice": None, "totalPrice": None}
        data = [{**{n: o.get(n) for n in names}, **priced} for o in found[:limit]]
        return {"data": data, "meta": _meta(found, limit)}


def _meta(found: Sequence[dict[str, Any]], limit: int) -> dict[str, str]:
    if len(found) <= limit or not limit:
        return {}
    at, trace_id, span_id = _key(found[limit - 1])
    last = {"lastStartTimeTo": at, "lastTraceId": trace_id, "lastId": span_id}
    return {"cursor": base64.b64encode(json.dumps(last).encode()).decode()}


def _key(observation: dict[str, Any]) -> tuple[str, str, str]:
    return observation["startTime"], observation["traceId"], observation["id"]


def _conditions(query: dict[str, str]) -> Iterator[Callable[[dict[str, Any]], bool]]:
    """The filter, which has precedence, else what the parameters say."""
    if "filter" in query:
        for one in json.loads(query["filter"]):
            yield _condition(one)
        return
    for name in ("fromStartTime", "toStartTime"):
        if name in query and not _DATE.fullmatch(query[name]):
            raise Refused(name)
    since, until = query.get("fromStartTime", ""), query.get("toStartTime", "9999")
    yield lambda o: since <= o["startTime"] < until
    for name in ("environment", "traceId"):
        if name in query:
            yield lambda o, name=name: o[name] == query[name]


def _condition(one: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    """One condition of a filter: of two kinds, and of these what is asked here."""
    value = one.get("value")
    match one:
        case {"type": "stringOptions", "column": "traceId", "operator": "any of", **more} if (
            value and all(isinstance(item, str) for item in value) and more.keys() == {"value"}
        ):
            return lambda o: o["traceId"] in value
        case {"type": "stringObject", "column": "metadata", "operator": "=", "key": str(key)} if (
            isinstance(value, str)
        ):
            return lambda o: o["metadata"].get(key) == value
    raise Refused(f"filter {one}")


def as_langfuse_writes(span: Span) -> Span:
    """A call as Langfuse's SDK exports it; others as they are."""
    if semconv.INPUT_MESSAGES not in span.attributes or semconv.KIND in span.attributes:
        return span
    [call] = assemble(span.trace_id, [span]).calls
    messages = [{"role": m.role, "content": m.content} for m in call.messages]
    attributes = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.input": json.dumps(messages),
        "langfuse.observation.output": json.dumps({"role": "assistant", "content": call.answer}),
        "langfuse.observation.model.name": call.model,
    }
    return span.model_copy(update={"attributes": attributes, "scope": "langfuse-sdk"})


def observation_of(span: Span, environment: str = "default") -> dict[str, Any]:
    """The observation that Langfuse makes of a span: times to the millisecond, metadata flat."""
    a, prefix = span.attributes, "langfuse.observation."
    by_sdk = span.scope.startswith("langfuse-sdk")
    own = {n: v if isinstance(v, str) else json.dumps(v) for n, v in a.items()}
    metadata = {} if by_sdk else {f"attributes.{name}": text[:200] for name, text in own.items()}
    for name, value in a.items():
        if name.startswith(f"{prefix}metadata."):
            metadata |= _flat(name.removeprefix(f"{prefix}metadata."), _decoded(value))
    return {
        "id": span.span_id,
        "traceId": span.trace_id,
        "projectId": "project",
        "parentObservationId": span.parent_id,
        "type": str(a.get(f"{prefix}type", "span")).upper(),
        "startTime": _date(span.start_ns),
        "endTime": _date(span.end_ns),
        "name": span.name,
        "level": "ERROR" if span.status == "error" else "DEFAULT",
        "statusMessage": span.status_message or None,
        "environment": environment,
        "userId": a.get("user.id"),
        "sessionId": a.get("session.id"),
        "input": a.get(f"{prefix}input"),
        "output": a.get(f"{prefix}output"),
        "metadata": metadata,
        "model": a.get(f"{prefix}model.name"),
        "modelParameters": _decoded(a.get(f"{prefix}model.parameters")),
        "usageDetails": {
            {"prompt_tokens": "input", "completion_tokens": "output", "total_tokens": "total"}.get(
                name, name
            ): count
            for name, count in (_decoded(a.get(f"{prefix}usage_details")) or {}).items()
            if isinstance(count, int)
        },
        "promptName": a.get(f"{prefix}prompt.name"),
        "promptVersion": a.get(f"{prefix}prompt.version"),
    }


def _date(ns: int) -> str:
    at = _EPOCH + timedelta(milliseconds=ns // 1_000_000)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _decoded(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def _flat(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {k: v for n, one in value.items() for k, v in _flat(f"{name}.{n}", one).items()}
    return {name: value if value is None or isinstance(value, str) else json.dumps(value)}
