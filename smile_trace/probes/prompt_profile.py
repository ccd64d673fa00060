"""The profiles of a prompt's calls, put together: how a probe's findings spread over them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from smile_trace._stats.false_discoveries import adjusted
from smile_trace._text.lists import listed
from smile_trace.errors import SmileTraceError
from smile_trace.probes.inference import LEVEL, Count, rate_interval
from smile_trace.probes.rates import (
    FALSE_DISCOVERIES,
    difference,
    discoveries,
    mean_rate,
    rate_changes,
    unbiased_rate,
)
from smile_trace.probes.sampling import stages_of
from smile_trace.records.profile import (
    ProbeChange,
    ProbeRate,
    ProbeResult,
    PromptProbe,
    PromptProfile,
    TellingVariant,
    VersionRates,
)
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.job_results import StoredProfile

TELLING = 3


def profile_of_prompt(
    name: str, *, since: float, settings: Settings | None = None
) -> PromptProfile:
    """Sum up the probes' findings over the stored profiles of a prompt's (or function's) calls,
    made from `since` on, in Unix seconds. Asks no model. Raises SmileTraceError if there is no
    profile of it."""
    with Store.look(settings or Settings()) as store:
        return together(name, store.profiles.read(name=name, since=since), since)


def together(name: str, profiles: Iterable[StoredProfile], since: float) -> PromptProfile:
    """Merge the profiles of a prompt's calls; the arguments are those of `profile_of_prompt`. A
    finding in a call holds under a false-discovery rate over all calls. Raises SmileTraceError if
    there is none."""
    seen = _read(profiles)
    if not any(one.probes for one in seen.values()):
        raise SmileTraceError(
            f"no profile of a call of {name!r} from that time is stored: the worker stores its "
            "profiles (rate in [probes]), smile-trace profile TRACE_ID does not. Name an earlier "
            "start with --since, or ask now with smile-trace check NAME --calls 20 --max …"
        )
    calls = len(set[str]().union(*(one.calls for one in seen.values())))
    every = dict.fromkeys(name for one in seen.values() for name in one.probes)
    probes = tuple(
        _together([one.probes[name] for one in seen.values() if name in one.probes])
        for name in every
    )
    versions = [one.rates(version) for version, one in seen.items()] if len(seen) > 1 else []
    return PromptProfile(
        name=name,
        since=datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds"),
        calls=calls,
        versions=tuple(sorted(seen.keys() - {""})),
        by_version=tuple(versions),
        changes=_changes(*versions[-2:]) if versions else (),
        probes=probes,
        interval_level=LEVEL,
        false_discovery_rate=FALSE_DISCOVERIES,
        summary=_summary(calls, probes),
    )


def rates_of(profiles: Iterable[StoredProfile]) -> tuple[ProbeRate, ...]:
    """Return the rates over the calls of one version; none if none was profiled."""
    return next((one.rates(version).probes for version, one in _read(profiles).items()), ())


def _read(profiles: Iterable[StoredProfile]) -> "dict[str, _Version]":
    seen, p_values, of = dict[str, _Version](), list[dict[str, float]](), list[_Version]()
    for one in profiles:
        asked = [result for result in one.profile.results.values() if result.value is not None]
        p_values.append({result.name: _p_value(result) for result in asked})
        of.append(seen.setdefault(one.version, _Version()))
        of[-1].add(one, asked)
    for version, names in zip(of, discoveries(p_values), strict=True):
        for name in names:
            version.probes[name].found += 1
    return seen


def _changes(before: VersionRates, after: VersionRates) -> tuple[ProbeChange, ...]:
    found = rate_changes(before.probes, after.probes)
    return tuple(
        one.model_copy(update={"p_value": float(p), "significant": bool(p <= FALSE_DISCOVERIES)})
        for one, p in zip(found, adjusted([one.p_value for one in found]), strict=True)
    )


def _p_value(result: ProbeResult) -> float:
    """Return a finding's p-value; 1 otherwise, since sampling may have stopped early."""
    if result.status != "found" or result.p_value is None:
        return 1.0
    return result.p_value


class _Version:
    def __init__(self) -> None:
        self.calls: set[str] = set()
        self.probes: dict[str, _Seen] = {}

    def add(self, one: StoredProfile, asked: Sequence[ProbeResult]) -> None:
        self.calls.add(one.call_id)
        for result in asked:
            self.probes.setdefault(result.name, _Seen(result)).add(one, result)

    def rates(self, version: str) -> VersionRates:
        probes = tuple(
            ProbeRate(
                name=name,
                title=seen.result.title,
                calls=len(seen.rates),
                found=seen.found,
                rate=mean_rate(seen.unbiased),
            )
            for name, seen in self.probes.items()
        )
        return VersionRates(version=version, calls=len(self.calls), probes=probes)


class _Seen:
    def __init__(self, result: ProbeResult) -> None:
        self.result = result
        self.rates: list[float] = []
        self.unbiased: list[float] = []
        self.controls: list[float] = []
        self.found = self.partly = self.none = 0
        self.telling: list[TellingVariant] = []

    def add(self, one: StoredProfile, result: ProbeResult) -> None:
        self.rates.append(result.value or 0.0)
        count = Count(result.changed, result.calls)
        self.unbiased.append(unbiased_rate(count, stages_of(result.calls)))
        if result.control is not None:
            self.controls.append(result.control.rate)
        self.partly += result.status == "partly"
        self.none += result.status == "none"
        if result.worst is not None:
            told = TellingVariant(
                call_id=one.call_id,
                messages=one.profile.messages,
                answer=one.profile.answer,
                variant=result.worst,
            )
            self.telling = _most_telling([*self.telling, told])


def _together(seen: Sequence[_Seen]) -> PromptProbe:
    result, found = seen[0].result, sum(one.found for one in seen)
    rates = sorted(rate for one in seen for rate in one.rates)
    controls = [rate for one in seen for rate in one.controls]
    partly, none = sum(one.partly for one in seen), sum(one.none for one in seen)
    low, high = rate_interval(Count(found, found + partly + none), ())
    rate = mean_rate([rate for one in seen for rate in one.unbiased])
    return PromptProbe(
        name=result.name,
        title=result.title,
        cannot_say=result.cannot_say,
        rate=rate,
        beyond=difference(rate, mean_rate(controls)) if controls else None,
        rates=tuple(rates),
        found=found,
        partly=partly,
        none=none,
        ci_low=low,
        ci_high=high,
        telling=tuple(_most_telling([told for one in seen for told in one.telling])),
    )


def _most_telling(variants: Sequence[TellingVariant]) -> list[TellingVariant]:
    return sorted(variants, key=lambda one: (not one.variant.counts, -one.variant.change))[:TELLING]


def _summary(calls: int, probes: Sequence[PromptProbe]) -> str:
    moved = sorted((one for one in probes if one.found), key=lambda one: -one.found / one.calls)
    said = [f"{one.title.lower()} in {one.found} of {one.calls}" for one in moved]
    of = f"{calls} profiled call{'' if calls == 1 else 's'}"
    parts = [f"{one.title.lower()} in {one.partly} of {one.calls}" for one in probes if one.partly]
    is_open = [
        f"{one.title.lower()} in {one.calls - settled} of {one.calls}"
        for one in probes
        if (settled := one.found + one.partly + one.none) < one.calls
    ]
    unsettled = f"; not settled: {listed(is_open)}" if is_open else ""
    if not said and not parts:
        whom = "of any of the calls that are settled" if is_open else "of any"
        return f"Of {of}, no probe changes the answers {whom} beyond its controls{unsettled}."
    told = [f"these change the answers: {listed(said)}"] if said else []
    told += [f"these change a part of the answers: {listed(parts)}"] if parts else []
    return f"Of {of}, {'; '.join(told)}{unsettled}."
