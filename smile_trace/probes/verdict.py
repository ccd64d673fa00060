"""The answers of one profile as they come in, and the results: one per probe, and a summary."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import fmean

from smile_trace._text.lists import listed
from smile_trace.attribution.answer_change.text_comparison import TextComparison
from smile_trace.probes.base import CHANGED, Answer, Probe, Variant, Words
from smile_trace.probes.inference import LEVEL, NOTHING, Between, Count, rate_interval
from smile_trace.probes.sampling import (
    CONTROLS,
    EARLY,
    PARAPHRASE,
    REPEATS,
    UNSTABLE,
    Sampling,
    stages_of,
)
from smile_trace.records import Cost, Prompted
from smile_trace.records.profile import (
    ControlRate,
    ProbeResult,
    ProbeStatus,
    Profile,
    VariantAnswer,
)
from smile_trace.records.verdicts import SMALLEST_EFFECT


@dataclass
class Answers:
    """The answers to the variants of each probe, asked in the order of `variants`, as they come in;
    `comparison` is with the reference answer."""

    probes: Mapping[str, Probe]
    variants: Mapping[str, Sequence[Variant]]
    comparison: TextComparison

    def __post_init__(self) -> None:
        self.given: dict[str, list[Answer]] = {name: [] for name in self.probes}
        self.failed: dict[str, int] = dict.fromkeys(self.probes, 0)

    @property
    def available(self) -> dict[str, int]:
        """How many answers each probe can have: its variants without those that failed."""
        return {name: len(self.variants[name]) - self.failed[name] for name in self.probes}

    def waiting(self, name: str, number: int) -> Sequence[Variant]:
        """Return the next variants of a probe."""
        begin = len(self.given[name]) + self.failed[name]
        return self.variants[name][begin : begin + number]

    def add(self, name: str, variant: Variant, text: str | None) -> None:
        """Add an answer; None for a request that failed, which is missing data."""
        if text is None:
            self.failed[name] += 1
        else:
            [change] = self.comparison.changes([text])
            self.given[name].append(Answer(variant, text, change))

    def open(self, name: str) -> list[Answer]:
        """Return answers that lost a part, as with harmless words they may, too; none counts."""
        given = zip(self.given[name], self.counting(name), strict=True)
        some = [answer for answer, counts in given if answer.variant.harmless and not counts]
        return [answer for answer in some if answer.change >= SMALLEST_EFFECT]

    def compare(self, name: str, answer: Answer, harmless: str) -> None:
        """Count of an answer only what it lost beyond the answer to harmless words."""
        [change] = self.comparison.changes([harmless])
        variant, beyond = replace(answer.variant, harmless=None), max(answer.change - change, 0.0)
        self.given[name].remove(answer)
        self.given[name].append(Answer(variant, answer.text, beyond))

    def between(self, probe: str, other: str) -> Count:
        """Return how many answers to `other`'s variants count by the measure of `probe`.

        No other request brings about what an own measure looks for, so all of them are its control:
        they stand together in the place of the paraphrases.
        """
        if probe == other or not self.probes[probe].own_measure:
            return self._counted(probe, self.given[other])
        if other != PARAPHRASE:
            return NOTHING
        others = (answers for name, answers in self.given.items() if name != probe)
        return self._counted(probe, list(chain.from_iterable(others)))

    @property
    def repeats_itself(self) -> bool:
        """Whether the only repeat of a deterministic model was answered."""
        return len(self.variants[REPEATS]) == len(self.given[REPEATS]) == 1

    def known(self, probe: str, other: str) -> Count:
        """Return `between`, with what need not be asked: the further repeats of a model that was
        seen to repeat itself."""
        return self._with_repeats(probe, other, self.between(probe, other))

    def losing(self, probe: str, other: str) -> Count:
        """Return how many answers to `other`'s variants lost a part: SMALLEST_EFFECT or more,
        whatever `probe` itself measures."""
        known = [answer for answer in self.given[other] if answer not in self.open(other)]
        lost = [answer.change >= SMALLEST_EFFECT for answer in known]
        return Count(sum(lost), len(lost))

    def known_losing(self, probe: str, other: str) -> Count:
        """Return `losing`, as `known` does `between`."""
        return self._with_repeats(probe, other, self.losing(probe, other))

    def _with_repeats(self, probe: str, other: str, count: Count) -> Count:
        as_seen = other == REPEATS != probe and self.repeats_itself and count == Count(0, 1)
        return Count(0, CONTROLS) if as_seen else count

    def counting(self, name: str) -> list[bool]:
        """Return which of a probe's own answers count."""
        return self.probes[name].measure(self.given[name])

    def _counted(self, probe: str, answers: Sequence[Answer]) -> Count:
        return Count(sum(self.probes[probe].measure(answers)), len(answers))


def usual_answer(
    repeats: Sequence[str], changes: Sequence[float], comparison_of: Callable[[str], TextComparison]
) -> str | None:
    """Return the model's usual answer if it is not the logged one: all repeats differ from that (by
    `changes`), and agree with one another. None if the logged answer stands."""
    if not repeats or any(change < CHANGED for change in changes):
        return None
    first, rest = repeats[0], list(repeats[1:])
    agree = all(change < CHANGED for change in comparison_of(first).changes(rest))
    return first if agree else None


EXCLUDED = 0.5
"""A probe is `none` if a rate as large as this is outside of the interval."""


def make_profile(
    prompted: Prompted,
    answers: Answers,
    sampling: Sampling,
    *,
    model: str,
    budget: int,
    seed: int,
    note: str | None,
    cost: Cost,
    at: str,
) -> Profile:
    """Make the profile of what was answered; the arguments are its fields."""
    p_values, found = sampling.p_values(), sampling.found()
    partly = Sampling(answers.available, answers.known_losing).p_values()
    results = {
        name: _Judged(name, prompted, answers).result(
            p_values[name],
            found=name in found,
            partly=partly[name] <= EARLY,  # which hardly adds to the error rate of `found`
        )
        for name in answers.probes
    }
    words = {name: probe.words for name, probe in answers.probes.items()}
    return Profile(
        model=model,
        messages=prompted.messages,
        answer=prompted.answer or "",
        note=note,
        results=results,
        summary=summarised(list(results.values()), words),
        interval_level=LEVEL,
        budget=budget,
        seed=seed,
        cost=cost,
        profiled_at=at,
    )


def summarised(results: Sequence[ProbeResult], words: dict[str, Words]) -> str:
    """Return a summary: what was found, the largest first; what changes a part of the answer; what
    was not found; what stayed open."""
    found = sorted((r for r in results if r.status == "found"), key=lambda r: -(r.value or 0))
    told = [f"{words[r.name].found} ({r.changed} of {r.calls}.)" for r in found]
    told = [sentence.replace(". (", " (").replace(".)", ").") for sentence in told]
    parts = [
        f"{r.title.lower()} ({100 * (r.mean_change or 0):.0f} %)"
        for r in results
        if r.status == "partly"
    ]
    if parts:
        told.append(f"Part of the answer is lost: {listed(parts)}.")
    for status, begin in (("none", "No effect seen"), ("inconclusive", "Not settled")):
        titles = [r.title.lower() for r in results if r.status == status and r.calls]
        if titles:
            told.append(f"{begin}: {listed(titles)}.")
    return " ".join(told) or "Nothing could be asked."


@dataclass(frozen=True)
class _Losing:
    """The answers that lost a part, under the probe and its control; `mean` is the share of the
    answer that the probe's lost on average."""

    count: Count
    control: ControlRate | None
    mean: float

    @property
    def more(self) -> bool:
        """Whether more of them did than under the control."""
        return self.count.rate > (0.0 if self.control is None else self.control.rate)

    def __str__(self) -> str:
        return (
            f"{100 * self.mean:.0f} % of the answer is lost on average; {self.count.changed} of "
            f"{self.count.asked} answers lost a tenth or more{_against(self.control)}"
        )


def _against(control: ControlRate | None) -> str:
    if control is None:
        return ""
    return f", against {control.changed} of {control.asked} {control.name}"


class _Judged:
    """The answers to the variants of one probe, and what they tell."""

    def __init__(self, name: str, prompted: Prompted, answers: Answers) -> None:
        self._name = name
        self._prompted = prompted
        self._answers = answers
        self._probe = answers.probes[name]
        self._count = answers.between(name, name)
        self._as_seen = name == REPEATS and answers.repeats_itself

    def result(self, p_value: float, *, found: bool, partly: bool) -> ProbeResult:
        """Return the probe's result, given whether its changes are significant."""
        words, count = self._probe.words, self._count
        low, high = rate_interval(count, stages_of(count.asked))
        if self._as_seen:
            low = high = count.rate
        label = "others" if self._probe.own_measure else "paraphrases"
        control, losing = self._control(self._answers.between, label), self._losing()
        status: ProbeStatus = "inconclusive"
        if found:
            status = "found"
        elif partly:
            status = "partly"
        elif high < EXCLUDED and not losing.more and not self._answers.open(self._name):
            status = "none"
        return ProbeResult(
            name=self._name,
            title=words.title,
            status=status,
            reason=self._reason(status, control, losing),
            value=count.rate if count.asked else None,
            ci_low=low,
            ci_high=high,
            p_value=p_value if count.asked else None,
            control=control,
            variants=self._variants(),
            changed=count.changed,
            calls=count.asked,
            failed=self._answers.failed[self._name],
            cannot_say=words.cannot_say,
        )

    def _control(self, between: Between, paraphrases: str) -> ControlRate | None:
        """Return the control with the larger rate; the repeats are their own noise and have
        none."""
        if self._name == REPEATS:
            return None
        both = [(between(self._name, REPEATS), "repeats")]
        if self._name != PARAPHRASE:
            both.append((between(self._name, PARAPHRASE), paraphrases))
        asked = [(count, label) for count, label in both if count.asked]
        if not asked:
            return None
        count, label = max(asked, key=lambda one: (one[0].rate, one[0].asked))
        return ControlRate.model_validate(
            {"name": label, "changed": count.changed, "asked": count.asked}
        )

    def _losing(self) -> _Losing:
        count = self._answers.losing(self._name, self._name)
        given = self._answers.given[self._name]
        mean = fmean(answer.change for answer in given) if count.asked else 0.0
        return _Losing(count, self._control(self._answers.losing, "paraphrases"), mean)

    def _reason(self, status: ProbeStatus, control: ControlRate | None, losing: _Losing) -> str:
        words, count = self._probe.words, self._count
        if not self._answers.variants[self._name]:
            return f"It needs {words.needs}."
        if not count.asked:
            failed = self._answers.failed[self._name]
            return (
                f"None of its {failed} requests was answered." if failed else "No calls were left."
            )
        if self._as_seen and status == "none":
            return f"{words.none} The model is deterministic: one repeat is enough."
        verb = "counted" if self._probe.own_measure else "gave another answer"
        told = f"{count.changed} of {count.asked} {verb}{_against(control)}"
        if self._name == REPEATS and status != "none":
            told += f"; up to {UNSTABLE:.0%} is usual"
        if status == "found":
            return f"{words.found} {told}."
        if losing.count.changed:
            told = f"{losing}; {told}"
        elif status == "none":
            return f"{words.none} {told}."
        return f"{told}: too few calls to tell." if status == "inconclusive" else f"{told}."

    def _variants(self) -> tuple[VariantAnswer, ...]:
        answers = self._answers.given[self._name]
        given = [
            VariantAnswer(
                id=self._variant_id(answer),
                what=answer.variant.what,
                replicate=answer.variant.replicate,
                messages=answer.variant.messages,
                answer=answer.text,
                change=answer.change,
                counts=counts,
            )
            for answer, counts in zip(answers, self._answers.counting(self._name), strict=True)
        ]
        return tuple(sorted(given, key=lambda one: (not one.counts, -one.change)))

    def _variant_id(self, answer: Answer) -> str:
        content = [
            self._name,
            [message.identity for message in self._prompted.messages],
            self._prompted.answer,
            [message.identity for message in answer.variant.messages],
            answer.variant.replicate,
            answer.text,
        ]
        return hashlib.sha256(json.dumps(content, default=repr).encode()).hexdigest()[:16]
