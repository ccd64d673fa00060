"""Redaction of spans that capture did not write, before they are stored.

Capture redacts in the application's process. All texts of other spans, from a Collector's file or
another SDK (arguments and results of tools, names, the resource), are searched for the shapes of
credentials here. The expressions of `configure(redact=…)` belong to the application, and are
unknown here.
"""

from collections.abc import Iterable
from functools import lru_cache

from pydantic_core import from_json, to_json

from smile_trace._guards.redaction import SHORTEST_SECRET, find_secrets, redact
from smile_trace.records import JSON, Span
from smile_trace.semconv import SCOPE

_SHORT = 100
"""Maximum characters of a name or text that is searched once."""
_MOST_KNOWN = 20_000
"""The most short texts that are known at a time."""
_TEXTS = ("name", "attributes", "events", "status_message")


class Redaction:
    """Replaces the secrets of spans by marks, those of a shared resource once."""

    def __init__(self) -> None:
        self._resources: dict[int, tuple[JSON, JSON]] = {}
        self._clean: set[str] = set()

    def without_secrets(self, span: Span) -> Span:
        """The span without secrets; the same object if there are none."""
        if span.captured and span.scope == SCOPE:
            return span
        changed = self._changes(span)
        known = self._resources.get(id(span.resource))
        if known is None:  # held beside its id, so that no other one gets that
            clean = _clean_resource(to_json(span.resource, inf_nan_mode="null"))
            known = span.resource, span.resource if clean is None else from_json(clean)
            self._resources[id(span.resource)] = known
        if known[1] is not span.resource:
            changed["resource"] = known[1]
        return span.model_copy(update=changed) if changed else span

    def _changes(self, span: Span) -> dict[str, JSON]:
        fields = {name: getattr(span, name) for name in _TEXTS}
        texts = [text for text in _texts(fields) if text not in self._clean]
        if _has_secret(texts):
            return _without(fields)
        if len(self._clean) > _MOST_KNOWN:
            self._clean.clear()
        self._clean.update(text for text in texts if len(text) <= _SHORT)
        return {}


@lru_cache(maxsize=64)
def _clean_resource(resource: bytes) -> bytes | None:
    """The JSON of a resource without secrets, cached for the next line; None if there are none."""
    found = from_json(resource)
    return to_json(_clean(found)) if _has_secret(_texts(found)) else None


def _has_secret(texts: Iterable[str]) -> bool:
    """Search all texts at once, with a line break between: no secret goes across one."""
    return next(find_secrets("\n".join(texts)), None) is not None


def _without(whole: dict[str, JSON]) -> dict[str, JSON]:
    """The fields that hold secrets, without them."""
    return {name: clean for name, value in whole.items() if (clean := _clean(value)) != value}


def _texts(value: JSON) -> list[str]:
    """Every text of a JSON value, the names of fields included."""
    found: list[str] = []
    level = [value]
    while level:
        inner: list[JSON] = []
        for item in level:
            kind = type(item)
            if kind is str:
                found.append(item)
            elif kind is dict:
                found += item
                inner += item.values()
            elif kind is list or kind is tuple:
                inner += item
        level = inner
    return found


def _clean(value: JSON) -> JSON:
    if isinstance(value, str):
        return value if len(value) < SHORTEST_SECRET else redact(value)[0]
    if isinstance(value, dict):
        return {_name(name): _clean(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_clean, value))
    return list(map(_clean, value)) if isinstance(value, list) else value


def _name(name: str) -> str:
    return _short_name(name) if len(name) <= _SHORT else redact(name)[0]


@lru_cache(maxsize=2048)
def _short_name(name: str) -> str:
    return redact(name)[0]
