"""What mattered in the explained calls of a period, and what changed since the period before."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from smile_trace.comparison.answers import mean_interval
from smile_trace.comparison.call_parts import CallPart, call_parts
from smile_trace.comparison.cited_shares import cited_shares
from smile_trace.comparison.evidence import NothingToCompare, known_prompts
from smile_trace.comparison.final_answers import final_answers
from smile_trace.comparison.verdicts import LEVEL, change_of, share_of, share_with
from smile_trace.records import CitedDocument, PromptUse, Verdict
from smile_trace.records.report import GroupKind, Report, ReportedPart, ReportGroup, Share
from smile_trace.records.verdicts import joint
from smile_trace.render.comparison.report_words import LONGEST_NAME, summarize
from smile_trace.render.text import short
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


def what_mattered(
    store: Store,
    name: str | None = None,
    *,
    since: float | None = None,
    until: float | None = None,
    version: str | None = None,
) -> Report:
    """Report what mattered in explained calls (instructions and variables, documents, tools and
    turns), and how that has changed since the period before. Asks no model. A group's steps towards
    an answer count only where it gives none.

    Args:
        name: of a prompt or a function; by default all.
        since: Unix seconds; by default all calls count, and no period is before.
        until: Unix seconds; by default now.
        version: of the prompt; by default all.

    Raises:
        NothingToCompare: no call of the period (and of that name) is in the store.
    """
    end = time.time() if until is None else until
    period, seen = _read(store, since or 0.0, end, name, version)
    if not period.calls:
        of = "" if name is None else f" of a prompt or function named {name!r}"
        when = "" if since is None else f" that began between {_iso(since)} and {_iso(end)}"
        hint = "" if since is None else "name an earlier start, or "
        raise NothingToCompare(
            f"no call{of}{when} is in the store{known_prompts(store) if name else ''}: "
            f"{hint}run `smile-trace worker --once` if calls were captured just now."
        )
    before = [] if since is None else _read(store, 2 * since - end, since, name, version)[1]
    groups = _groups_of_calls(seen, before, period.calls, whole=version is None)
    said = [set(group.parts) for group in groups]
    groups += _groups_of_parts("retriever", ("document",), seen, before)
    tools = _groups_of_parts("tool", ("tool_result", "tool"), seen, before)
    groups += [tool for tool in tools if not any(set(tool.parts) <= parts for parts in said)]
    if name is None:
        seen = [replace(one, uses=()) for one in seen]
    found = Report(
        since=_iso(period.first if since is None else since),
        until=_iso(end),
        name=name,
        explained=len(seen),
        inconclusive=sum(one.inconclusive for one in seen),
        no_document=_no_document(seen),
        citations=cited_shares([one.citations for one in seen]),
        groups=tuple(groups),
        templates={use.version: use.template for one in seen for use in one.uses},
        level=LEVEL,
    )
    return found.model_copy(update={"summary": summarize(found)})


@dataclass(frozen=True)
class _Seen:
    """An explained call: the kind and name of its group, and the templates it is grouped by."""

    call_id: str
    group: tuple[str, str]
    parts: Sequence[CallPart]
    inconclusive: bool
    uses: Sequence[PromptUse]
    citations: Sequence[CitedDocument] = ()


_InCall = tuple[str, list[CallPart]]
"""A call's id, and its parts of one kind and name."""


def _read(
    store: Store, start: float, end: float, name: str | None, version: str | None
) -> tuple[Period, list[_Seen]]:
    period = read_period(store.database, since=start, until=end, name=name, most=MOST_CALLS)
    read = map(_seen, read_in_period(store.database, period.explanations))
    seen = [one for one in read if version is None or version in {use.version for use in one.uses}]
    answers = final_answers(store, {one.call_id: one.group for one in seen})
    return period, [one for one in seen if one.call_id in answers]


def _seen(one: ExplainedInPeriod) -> _Seen:
    inconclusive = one.explanation.status == "inconclusive"
    parts = call_parts(one.call, one.explanation)
    uses = [use for use in one.call.prompts if one.group == ("prompt", use.name)]
    return _Seen(one.call.id, one.group, parts, inconclusive, uses, one.explanation.citations)


def _groups_of_calls(
    seen: Sequence[_Seen],
    before: Sequence[_Seen],
    calls: Counter[tuple[str, str]],
    *,
    whole: bool,
) -> list[ReportGroup]:
    found = []
    for (kind, name), count in calls.most_common():
        own, earlier = ([one for one in few if one.group == (kind, name)] for few in (seen, before))
        group: GroupKind = "prompt" if kind == "prompt" else "function"
        found.append(_group(group, name, own, earlier, count if whole else None))
    return found


def _groups_of_parts(
    kind: GroupKind, kinds: Sequence[str], seen: Sequence[_Seen], before: Sequence[_Seen]
) -> list[ReportGroup]:
    counted = Counter(
        name
        for one in seen
        for name in {part.group for part in one.parts if part.kind in kinds and part.group}
    )
    return [
        _group(kind, name, _only(kinds, name, seen), _only(kinds, name, before), None)
        for name in sorted(counted, key=lambda name: (-counted[name], name))
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
        parts=tuple(_told_apart(reported[:MOST_PARTS], seen)),
        more=max(len(reported) - MOST_PARTS, 0),
    )


def _told_apart(parts: Sequence[ReportedPart], seen: Sequence[_Seen]) -> list[ReportedPart]:
    """The parts; those whose names begin alike with the versions of the prompt that hold them."""
    shown = [(part.kind, short(part.name, LONGEST_NAME)) for part in parts]
    found = []
    for part, name in zip(parts, shown, strict=True):
        holding = (one for one in seen if any(p.name == part.name for p in one.parts))
        versions = sorted({use.version for one in holding for use in one.uses})
        if shown.count(name) > 1 and versions:
            of = f"version{'s' * (len(versions) > 1)} {', '.join(versions)}"
            part = part.model_copy(update={"name": f"{of}: {part.name}"})
        found.append(part)
    return found


def _by_name(seen: Sequence[_Seen]) -> Mapping[tuple[str, str], list[_InCall]]:
    found: dict[tuple[str, str], list[_InCall]] = {}
    for one in seen:
        of_call: dict[tuple[str, str], list[CallPart]] = {}
        for part in one.parts:
            of_call.setdefault((part.kind, part.name), []).append(part)
        for key, same in of_call.items():
            found.setdefault(key, []).append((one.call_id, same))
    return found


def _reported(calls: Sequence[_InCall], before: Sequence[_InCall]) -> ReportedPart:
    """A part over the calls that hold it; of several in one call, one that mattered is enough."""
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
    sizes = {
        call_id: max(abs(part.measured[0]) if part.measured else 0.0 for part in parts)
        for (call_id, parts), effect in zip(calls, effects, strict=True)
        if effect in _MATTERED
    }
    return tuple(sorted(sizes, key=lambda one: -sizes[one])[:EXAMPLES])


def _no_document(seen: Sequence[_Seen]) -> Share | None:
    effects = [
        joint(effects)
        for one in seen
        if (effects := [p.effect for p in one.parts if p.kind == "document" and p.group])
    ]
    share = share_with(effects, ("excluded",))
    return share if share.of else None


def mean_attribution(
    measured: Sequence[tuple[float, float, float]],
) -> tuple[float, float, float]:
    """The mean of the calls' attributions with its interval, from theirs."""
    values = np.array([value for value, _, _ in measured])
    low, high = mean_interval(values, least=-1.0)
    # The calls may share their masks, and with them their chance errors: no average removes these.
    own = [(low_end - value, high_end - value) for value, low_end, high_end in measured]
    down, up = (float(ends.mean()) for ends in np.array(own).T)
    centre = float(values.mean())
    return centre, max(min(low, centre + down), -1.0), min(max(high, centre + up), 1.0)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes")
