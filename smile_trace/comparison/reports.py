"""`report()`: which documents, tools and turns mattered in the explained calls of a period."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from scipy import stats  # type: ignore[import-untyped]

from smile_trace.comparison.influence.call_parts import CallPart, Effect, call_parts
from smile_trace.comparison.influence.passages import mean_attribution
from smile_trace.comparison.influence.verdicts import LEVEL
from smile_trace.errors import SmileTraceError
from smile_trace.records.report import GroupKind, Report, ReportedPart, ReportGroup, Share
from smile_trace.render.report import summarize
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.explained import ExplainedInPeriod, read_in_period, read_period

MOST_CALLS = 5000
"""Explained calls that are read: the newest of the period."""
MOST_PARTS = 40
"""Parts of a group that are listed."""


class NothingToReport(SmileTraceError):
    """No call of the period was captured; the message says what to do."""


def report(
    name: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    settings: Settings | None = None,
) -> Report:
    """Report which documents, tools and turns mattered in the explained calls of a period.

    Reads the store only, and asks no model.

    Args:
        name: of a prompt or a function; by default all.
        since: by default seven days before `until`. A time without a zone is UTC.
        until: by default now.
        settings: by default those of the environment and the nearest `smile_trace.toml`.

    Raises:
        NothingToReport: no call of the period (and of that name) is in the store.
    """
    end = _utc(until or datetime.now(UTC))
    start = _utc(since) if since is not None else end - timedelta(days=7)
    store = Store.look(settings or Settings())
    try:
        period = read_period(
            store.database,
            since=start.timestamp(),
            until=end.timestamp(),
            name=name,
            most=MOST_CALLS,
        )
        seen = [_seen(one) for one in read_in_period(store.database, period.explanations)]
    finally:
        store.close()
    if not period.calls:
        of = "" if name is None else f" of a prompt or function named {name!r}"
        raise NothingToReport(
            f"no call{of} that began between {_iso(start)} and {_iso(end)} is in the store: name "
            "an earlier beginning, or run `smile-trace worker --once` where calls were captured "
            "just now."
        )
    groups = [
        *_groups_of_calls(seen, period.calls),
        *_groups_of_parts("retriever", ("document",), seen),
        *_groups_of_parts("tool", ("tool_result", "tool"), seen),
    ]
    found = Report(
        since=_iso(start),
        until=_iso(end),
        name=name,
        explained=len(seen),
        inconclusive=sum(one.inconclusive for one in seen),
        no_document=_no_document(seen),
        groups=tuple(groups),
        level=LEVEL,
    )
    return found.model_copy(update={"summary": summarize(found)})


@dataclass(frozen=True)
class _Seen:
    """What is kept of an explained call: the kind and name of its group, and its parts."""

    group: tuple[str, str]
    parts: Sequence[CallPart]
    inconclusive: bool


def _seen(one: ExplainedInPeriod) -> _Seen:
    inconclusive = one.explanation.status == "inconclusive"
    return _Seen(one.group, call_parts(one.call, one.explanation), inconclusive)


def _groups_of_calls(seen: Sequence[_Seen], calls: Counter[tuple[str, str]]) -> list[ReportGroup]:
    """Each prompt and function, the one called most first."""
    found = []
    for (kind, name), count in calls.most_common():
        own = [one for one in seen if one.group == (kind, name)]
        group: GroupKind = "prompt" if kind == "prompt" else "function"
        found.append(_group(group, name, own, count))
    return found


def _groups_of_parts(
    kind: GroupKind, kinds: Sequence[str], seen: Sequence[_Seen]
) -> list[ReportGroup]:
    """Each retriever, or each tool: the calls with something of it, and only these parts."""
    counted = Counter(
        name
        for one in seen
        for name in {part.group for part in one.parts if part.kind in kinds and part.group}
    )
    found = []
    for name, _ in counted.most_common():
        own = [
            replace(one, parts=parts)
            for one in seen
            if (parts := [p for p in one.parts if p.kind in kinds and p.group == name])
        ]
        found.append(_group(kind, name, own, None))
    return found


def _group(kind: GroupKind, name: str, seen: Sequence[_Seen], calls: int | None) -> ReportGroup:
    parts: dict[tuple[str, str], list[list[CallPart]]] = {}
    for one in seen:
        of_call: dict[tuple[str, str], list[CallPart]] = {}
        for part in one.parts:
            of_call.setdefault((part.kind, part.name), []).append(part)
        for key, same in of_call.items():
            parts.setdefault(key, []).append(same)
    reported = sorted(
        map(_reported, parts.values()),
        key=lambda p: (-p.mattered.count, -(p.attribution or 0.0), -p.mattered.of, p.name),
    )
    return ReportGroup(
        kind=kind,
        name=name,
        calls=calls,
        explained=len(seen),
        inconclusive=sum(one.inconclusive for one in seen),
        no_document=_no_document(seen),
        parts=tuple(reported[:MOST_PARTS]),
        more=max(len(reported) - MOST_PARTS, 0),
    )


def _reported(calls: Sequence[Sequence[CallPart]]) -> ReportedPart:
    """A part over the calls that hold it; of several of that name in one call (chunks of a
    document, say) it mattered where one did."""
    effects = [_together(part.effect for part in parts) for parts in calls]
    first = calls[0][0]
    measured = [
        max(known, key=lambda values: abs(values[0]))
        for parts in calls
        if (known := [p.measured for p in parts if p.measured and p.effect != "open"])
    ]
    mean = mean_attribution(measured) if measured else (None, None, None)
    return ReportedPart(
        kind=first.kind,
        name=first.name,
        mattered=_share(effects, ("supports", "against")),
        against=effects.count("against"),
        measured=len(measured),
        attribution=mean[0],
        ci_low=mean[1],
        ci_high=mean[2],
    )


def _together(effects: Iterable[Effect]) -> Effect:
    """Whether any of several parts mattered: known where one did, or none."""
    found = set(effects)
    order: tuple[Effect, ...] = ("supports", "against", "open", "none")
    return next(effect for effect in order if effect in found)


def _no_document(seen: Sequence[_Seen]) -> Share | None:
    """In how many of the calls with documents none of these mattered."""
    effects = [
        _together(effects)
        for one in seen
        if (effects := [part.effect for part in one.parts if part.kind == "document"])
    ]
    share = _share(effects, ("none",))
    return share if share.of else None


def _share(effects: Sequence[Effect], counted: Sequence[Effect]) -> Share:
    """The share with one of these effects among those of which something can be said."""
    known = [effect for effect in effects if effect != "open"]
    count = sum(effect in counted for effect in known)
    if not known:
        return Share(count=0, of=0, open=len(effects), share=0.0, low=0.0, high=1.0)
    interval = stats.binomtest(count, len(known)).proportion_ci(LEVEL, method="wilson")
    return Share(
        count=count,
        of=len(known),
        open=len(effects) - len(known),
        share=count / len(known),
        low=float(interval.low),
        high=float(interval.high),
    )


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="minutes")
