"""`report()`: what mattered in the explained calls of a period, and since the one before."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from smile_trace.comparison.call_parts import CallPart, call_parts
from smile_trace.comparison.passages import mean_attribution
from smile_trace.comparison.verdicts import LEVEL, change_of, share_of, share_with
from smile_trace.errors import SmileTraceError
from smile_trace.records import PromptUse, Verdict
from smile_trace.records.report import GroupKind, Report, ReportedPart, ReportGroup, Share
from smile_trace.records.verdicts import joint
from smile_trace.render.comparison.mattered import summarize
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.calls import (
    ExplainedInPeriod,
    Period,
    read_in_period,
    read_period,
)

MOST_CALLS = 5000
"""Explained calls that are read: the newest of the period."""
MOST_PARTS = 40
"""Parts of a group that are listed."""
EXAMPLES = 3
"""Calls that are named for a part."""


_MATTERED: tuple[Verdict, ...] = ("supports", "against")


class NothingToReport(SmileTraceError):
    """No call of the period was captured; the message says what to do."""


def report(
    name: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    settings: Settings | None = None,
) -> Report:
    """Report what mattered in the explained calls of a period, and how that has changed since the
    period before: a prompt's instructions and variables, documents, tools and turns.

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
        period, seen = _read(store, start, end, name)
        before = _read(store, start - (end - start), start, name)[1] if period.calls else []
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
        *_groups_of_calls(seen, before, period.calls),
        *_groups_of_parts("retriever", ("document",), seen, before),
        *_groups_of_parts("tool", ("tool_result", "tool"), seen, before),
    ]
    if name is None:
        seen = [replace(one, uses=()) for one in seen]
    found = Report(
        since=_iso(start),
        until=_iso(end),
        name=name,
        explained=len(seen),
        inconclusive=sum(one.inconclusive for one in seen),
        no_document=_no_document(seen),
        groups=tuple(groups),
        templates={use.version: use.template for one in seen for use in one.uses},
        level=LEVEL,
    )
    return found.model_copy(update={"summary": summarize(found)})


@dataclass(frozen=True)
class _Seen:
    """What is kept of an explained call: its id, the kind and name of its group, its parts, and the
    templates of the prompt that it is grouped by."""

    call_id: str
    group: tuple[str, str]
    parts: Sequence[CallPart]
    inconclusive: bool
    uses: Sequence[PromptUse]


_InCall = tuple[str, list[CallPart]]
"""A call's id, and its parts of one kind and name."""


def _read(
    store: Store, start: datetime, end: datetime, name: str | None
) -> tuple[Period, list[_Seen]]:
    period = read_period(
        store.database,
        since=start.timestamp(),
        until=end.timestamp(),
        name=name,
        most=MOST_CALLS,
    )
    return period, [_seen(one) for one in read_in_period(store.database, period.explanations)]


def _seen(one: ExplainedInPeriod) -> _Seen:
    inconclusive = one.explanation.status == "inconclusive"
    parts = call_parts(one.call, one.explanation)
    uses = [use for use in one.call.prompts if one.group == ("prompt", use.name)]
    return _Seen(one.call.id, one.group, parts, inconclusive, uses)


def _groups_of_calls(
    seen: Sequence[_Seen], before: Sequence[_Seen], calls: Counter[tuple[str, str]]
) -> list[ReportGroup]:
    """Each prompt and function, the one called most first."""
    found = []
    for (kind, name), count in calls.most_common():
        own, earlier = ([one for one in few if one.group == (kind, name)] for few in (seen, before))
        group: GroupKind = "prompt" if kind == "prompt" else "function"
        found.append(_group(group, name, own, earlier, count))
    return found


def _groups_of_parts(
    kind: GroupKind, kinds: Sequence[str], seen: Sequence[_Seen], before: Sequence[_Seen]
) -> list[ReportGroup]:
    """Each retriever, or each tool: the calls with something of it, and only these parts."""
    counted = Counter(
        name
        for one in seen
        for name in {part.group for part in one.parts if part.kind in kinds and part.group}
    )
    return [
        _group(kind, name, _only(kinds, name, seen), _only(kinds, name, before), None)
        for name, _ in counted.most_common()
    ]


def _only(kinds: Sequence[str], name: str, seen: Sequence[_Seen]) -> list[_Seen]:
    return [
        replace(one, parts=parts)
        for one in seen
        if (parts := [p for p in one.parts if p.kind in kinds and p.group == name])
    ]


def _group(
    kind: GroupKind, name: str, seen: Sequence[_Seen], before: Sequence[_Seen], calls: int | None
) -> ReportGroup:
    earlier = _by_name(before)
    reported = sorted(
        (_reported(now, earlier.get(key, ())) for key, now in _by_name(seen).items()),
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


def _by_name(seen: Sequence[_Seen]) -> Mapping[tuple[str, str], list[_InCall]]:
    """The parts of calls by kind and name, those of one call together."""
    found: dict[tuple[str, str], list[_InCall]] = {}
    for one in seen:
        of_call: dict[tuple[str, str], list[CallPart]] = {}
        for part in one.parts:
            of_call.setdefault((part.kind, part.name), []).append(part)
        for key, same in of_call.items():
            found.setdefault(key, []).append((one.call_id, same))
    return found


def _reported(calls: Sequence[_InCall], before: Sequence[_InCall]) -> ReportedPart:
    """A part over the calls that hold it; of several of that name in one call (chunks of a
    document, say) it mattered where one did."""
    effects = _effects(calls)
    first = calls[0][1][0]
    measured = [
        max(known, key=lambda values: abs(values[0]))
        for _, parts in calls
        if (known := [p.measured for p in parts if p.measured and p.effect != "open"])
    ]
    mean = mean_attribution(measured) if measured else (None, None, None)
    mattered = share_with(effects, _MATTERED)
    drove = [any(part.drove for part in parts) for _, parts in calls]
    told = [one for one, effect in zip(drove, effects, strict=True) if effect != "open"]
    return ReportedPart(
        kind=first.kind,
        name=first.name,
        mattered=mattered,
        against=effects.count("against"),
        change=change_of(share_with(_effects(before), _MATTERED), mattered),
        drove=share_of(sum(told), len(told)) if told else None,
        examples=_examples(calls, effects),
        measured=len(measured),
        attribution=mean[0],
        ci_low=mean[1],
        ci_high=mean[2],
    )


def _effects(calls: Sequence[_InCall]) -> list[Verdict]:
    return [joint([part.effect for part in parts]) for _, parts in calls]


def _examples(calls: Sequence[_InCall], effects: Sequence[Verdict]) -> tuple[str, ...]:
    """The calls in which a part mattered most, as far as it was removed alone."""
    sizes = {
        call_id: max(abs(part.measured[0]) if part.measured else 0.0 for part in parts)
        for (call_id, parts), effect in zip(calls, effects, strict=True)
        if effect in _MATTERED
    }
    return tuple(sorted(sizes, key=lambda one: -sizes[one])[:EXAMPLES])


def _no_document(seen: Sequence[_Seen]) -> Share | None:
    """In how many of the calls with documents none of these mattered."""
    effects = [
        joint(effects)
        for one in seen
        if (effects := [part.effect for part in one.parts if part.kind == "document"])
    ]
    share = share_with(effects, ("excluded",))
    return share if share.of else None


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="minutes")
