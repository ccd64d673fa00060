"""The profiles of a prompt's calls, put together: how a probe's findings spread over them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from smile_trace.errors import SmileTraceError
from smile_trace.listing import listed
from smile_trace.probes.discoveries import FALSE_DISCOVERIES, discoveries
from smile_trace.probes.inference import LEVEL, Count, rate_interval
from smile_trace.probes.over_calls import difference, mean_rate, unbiased_rate
from smile_trace.probes.sampling import stages_of
from smile_trace.records.profile import ProbeResult, VariantAnswer
from smile_trace.records.prompt_profile import PromptProbe, PromptProfile, TellingVariant
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.profiles import StoredProfile

TELLING = 3
"""Variants that are shown of a probe."""


def profile_of_prompt(
    name: str, *, since: float, settings: Settings | None = None
) -> PromptProfile:
    """What the probes found over the stored profiles of a prompt's calls. Asks no model.

    Args:
        name: of a prompt, or of a function without one.
        since: Unix seconds from which they were made.
        settings: by default those of the environment and the nearest `smile_trace.toml`.

    Raises:
        SmileTraceError: there is no profile of it.
    """
    store = Store.look(settings or Settings())
    try:
        return together(name, store.profiles.read(name=name, since=since), since)
    finally:
        store.close()


def together(name: str, profiles: Iterable[StoredProfile], since: float) -> PromptProfile:
    """The profiles of a prompt's calls as one; the arguments are those of `profile_of_prompt`.

    What is found in a call is so under a false-discovery rate over all of them.

    Raises:
        SmileTraceError: there is none.
    """
    calls, versions, seen = set[str](), set[str](), dict[str, _Seen]()
    p_values = list[dict[str, float]]()
    for one in profiles:
        calls.add(one.call_id)
        versions.add(one.version)
        asked = [result for result in one.profile.results.values() if result.value is not None]
        p_values.append({result.name: _p_value(result) for result in asked})
        for result in asked:
            seen.setdefault(result.name, _Seen(result)).add(one, result)
    if not seen:
        raise SmileTraceError(
            f"no call of a prompt or function named {name!r} was profiled in that time: set rate "
            "in [probes], or name an earlier beginning with --since"
        )
    found = Counter(name for names in discoveries(p_values) for name in names)
    probes = tuple(each.told(found[name]) for name, each in seen.items())
    return PromptProfile(
        name=name,
        since=datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds"),
        calls=len(calls),
        versions=tuple(sorted(versions - {""})),
        probes=probes,
        interval_level=LEVEL,
        false_discovery_rate=FALSE_DISCOVERIES,
        summary=_summary(len(calls), probes),
    )


def _p_value(result: ProbeResult) -> float:
    """Of a finding; 1 for what is none, which sampling may have stopped for lack of changes."""
    if result.status != "found" or result.p_value is None:
        return 1.0
    return result.p_value


class _Seen:
    """What one probe found, call after call."""

    def __init__(self, result: ProbeResult) -> None:
        self._result = result
        self._rates: list[float] = []
        self._unbiased: list[float] = []
        self._controls: list[float] = []
        self._none = 0
        self._telling: list[TellingVariant] = []

    def add(self, one: StoredProfile, result: ProbeResult) -> None:
        """Take the probe's result of one more call."""
        self._rates.append(result.value or 0.0)
        count = Count(result.changed, result.calls)
        self._unbiased.append(unbiased_rate(count, stages_of(result.calls)))
        if result.control is not None:
            self._controls.append(result.control.rate)
        self._none += result.status == "none"
        if result.worst is not None:
            told = TellingVariant(
                call_id=one.call_id,
                messages=one.profile.messages,
                answer=one.profile.answer,
                variant=result.worst,
            )
            every = sorted([*self._telling, told], key=lambda each: _order(each.variant))
            self._telling = every[:TELLING]

    def told(self, found: int) -> PromptProbe:
        """What that makes together, where it is found in so many of the calls."""
        low, high = rate_interval(Count(found, len(self._rates)), ())
        rate, controls = mean_rate(self._unbiased), self._controls
        return PromptProbe(
            name=self._result.name,
            title=self._result.title,
            cannot_say=self._result.cannot_say,
            rate=rate,
            beyond=difference(rate, mean_rate(controls)) if controls else None,
            rates=tuple(sorted(self._rates)),
            found=found,
            none=self._none,
            ci_low=low,
            ci_high=high,
            telling=tuple(self._telling),
        )


def _order(variant: VariantAnswer) -> tuple[bool, float]:
    """The most telling first."""
    return not variant.counts, -variant.change


def _summary(calls: int, probes: Sequence[PromptProbe]) -> str:
    moved = sorted((one for one in probes if one.found), key=lambda one: -one.found / one.calls)
    said = [f"{one.title.lower()} in {one.found} of {one.calls}" for one in moved]
    of = f"{calls} profiled call{'' if calls == 1 else 's'}"
    if not said:
        return f"Of {of}, no probe changes the answers of any beyond its controls."
    return f"Of {of}, these change the answers: {listed(said)}."
