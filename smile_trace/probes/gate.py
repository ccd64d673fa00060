"""A gate for continuous integration: the limits on a prompt's probes and confirmed failures that
its answers break."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from smile_trace._text.lists import listed
from smile_trace.errors import SmileTraceError
from smile_trace.probes.confirmation import MIN_JUDGEMENTS, MIN_PRECISION
from smile_trace.probes.inference import LEVEL
from smile_trace.probes.judgements import AS_IT_SHOULD_BE
from smile_trace.probes.kinds import chosen, installed_probes
from smile_trace.records import Record
from smile_trace.records.judgement import Confirmation
from smile_trace.records.profile import PromptProbe, PromptProfile, Rate
from smile_trace.records.report import CitedShares

CASES, UNUSED_CITATIONS = "cases", "unused_citations"

Verdict = Literal["within", "open", "not_beyond", "broken"]
"""`within`: the rate's interval is below the limit. `open`: the limit lies inside it, which breaks
nothing. `broken`: the interval is above it, and the probe changes the answers more often than its
controls do; or nothing could be measured. `not_beyond`: it is above, but not surely more often."""


class MayNotGate(SmileTraceError):
    """A limit is on a probe that may not decide yet; the message says what is missing."""


class CheckedLimit(Record):
    """A limit on a probe's mean rate over calls, or on another figure, in [0, 1], and what was
    measured against it. `rate` and `beyond` are those of a `PromptProbe`; None if no call was
    asked. `reason` is part of a sentence, and so is `fields`: the fields of JSON answers that
    decide."""

    probe: str
    title: str
    limit: float
    calls: int = 0
    rate: Rate | None = None
    beyond: Rate | None = None
    verdict: Verdict
    reason: str
    fields: str = ""


def check_may_gate(limits: Collection[str], confirmations: Mapping[str, Confirmation]) -> None:
    """Check that people, or a judge that counts, have confirmed every limited probe. Raises
    SmileTraceError if there is no such probe, or its changed answers are as they should be;
    MayNotGate if a probe is not confirmed yet; the message says what is missing."""
    known = [confirmations.get(name, Confirmation(probe=name)) for name in limits]
    if missing := [_missing(one) for one in known if not one.counts]:
        raise MayNotGate(
            f"{'; '.join(missing)}: let people judge its variants (smile-trace review), or give "
            "--allow-unconfirmed"
        )


def _missing(found: Confirmation) -> str:
    judge = f" ({found.by_judge} of them by the judge)" if found.by_judge else ""
    if found.judgements < MIN_JUDGEMENTS:
        return (
            f"{found.probe} cannot be a gate yet: it has {found.judgements} of "
            f"{MIN_JUDGEMENTS} judgements{judge} and {MIN_JUDGEMENTS - found.judgements} are "
            "missing"
        )
    return (
        f"{found.probe} cannot be a gate: {'people and the judge' if judge else 'people'} confirm "
        f"{found.precision or 0:.0%} of what it finds in {found.judgements} judgements{judge} "
        f"and the interval's lower end, {found.ci_low:.0%}, is below {MIN_PRECISION:.0%}"
    )


def checked_names(limits: Collection[str]) -> Sequence[str]:
    """Return the names, if a limit makes sense for each. Raises SmileTraceError if there is no such
    probe, or its changed answers are as they should be."""
    chosen(list(limits))
    if wrong := sorted(AS_IT_SHOULD_BE & set(limits)):
        raise SmileTraceError(
            f"no limit can be set for {listed(wrong)}, where a changed answer is as it should be"
        )
    return list(limits)


def not_measurable(limits: Mapping[str, float], found: Collection[str]) -> list[CheckedLimit]:
    """The limits on probes that are not among those `found` to have something to vary, as broken:
    nobody needs to judge their variants, nor to pay for the others, to know that."""
    every = installed_probes()
    return [
        CheckedLimit(
            probe=name,
            title=every[name].words.title,
            limit=limit,
            verdict="broken",
            reason=f"no call has anything to vary: it needs {every[name].words.needs}",
        )
        for name, limit in limits.items()
        if name not in found
    ]


def check_limits(profile: PromptProfile, limits: Mapping[str, float]) -> list[CheckedLimit]:
    """Check each largest allowed mean rate, in [0, 1] by probe name, against the rates of a prompt.
    What could not be measured breaks its limit."""
    by_name = {probe.name: probe for probe in profile.probes}
    measured = [_checked(by_name[name], limits[name]) for name in limits if name in by_name]
    return [*not_measurable(limits, by_name), *measured]


def check_cases(cases: int, answered: int, failed: int, limit: float) -> CheckedLimit:
    """Check the share of the answered confirmed failures that still fail against its limit, in [0,
    1]. They are a fixed set, not a sample, so the share has no interval. If none was answered, the
    limit is broken; if there are none, it is kept."""
    share = failed / answered if answered else 0.0
    told = f"{failed} of {answered} confirmed failures still fail"
    if cases and not answered:
        told = f"none of {cases} confirmed failures was answered"
    elif share > limit:
        told += f", more than {limit:.0%}"
    return CheckedLimit(
        probe=CASES,
        title="Confirmed failures",
        limit=limit,
        calls=answered,
        rate=Rate(value=share, ci_low=share, ci_high=share) if answered else None,
        verdict="broken" if share > limit or (cases and not answered) else "within",
        reason=told,
    )


def check_citations(found: CitedShares | None, limit: float) -> CheckedLimit:
    """Check the share of citations whose document is not used against its limit, in [0, 1]. Without
    a citation that is settled, the limit is broken."""
    rate: Rate | None = None
    verdict: Verdict = "broken"
    reason = "no citation of an explained answer is settled"
    if found is not None:
        share = found.unused
        rate = Rate(value=share.share, ci_low=share.low, ci_high=share.high)
        verdict, more = _against(rate, limit)
        told = f"{rate.value:.0%} of the citations name a document that is not used"
        reason = f"{told} {_interval(rate, found.answers)}{more}"
    return CheckedLimit(
        probe=UNUSED_CITATIONS,
        title="Unused citations",
        limit=limit,
        calls=0 if found is None else found.answers,
        rate=rate,
        verdict=verdict,
        reason=reason,
    )


def _interval(rate: Rate, calls: int) -> str:
    over = f"{LEVEL:.0%} interval over {calls} call{'' if calls == 1 else 's'}"
    return f"({rate.ci_low:.0%} to {rate.ci_high:.0%}, {over})"


def _against(rate: Rate, limit: float) -> tuple[Verdict, str]:
    """The verdict on a rate, and the end of its reason."""
    if rate.ci_high <= limit:
        return "within", ""
    if rate.ci_low <= limit:
        return "open", f": too few calls to tell whether that is more than {limit:.0%}"
    return "broken", f", more than {limit:.0%}"


def _checked(probe: PromptProbe, limit: float) -> CheckedLimit:
    rate = probe.rate
    reason = f"it changes {rate.value:.0%} of the answers {_interval(rate, probe.calls)}"
    verdict, more = _against(rate, limit)
    if verdict == "broken" and probe.beyond is not None and probe.beyond.ci_low <= 0:
        verdict, more = "not_beyond", ", but not certainly more than asking again or rewording does"
    return CheckedLimit(
        probe=probe.name,
        title=probe.title,
        limit=limit,
        calls=probe.calls,
        rate=rate,
        beyond=probe.beyond,
        verdict=verdict,
        reason=reason + more,
    )
