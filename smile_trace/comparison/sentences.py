"""Sentences about a comparison, by rule."""

from collections.abc import Sequence, Sized

from smile_trace._text.lists import in_words, listed, listed_few, per_cent
from smile_trace._text.rare_cases import rare_case
from smile_trace.comparison.verdicts import MIN_CALLS
from smile_trace.records.comparison import (
    ANOTHER_ANSWER,
    AnswerComparison,
    EditEffect,
    FieldComparison,
    Moved,
    VersionChange,
    VersionReport,
)
from smile_trace.records.report import BlamedPart, Report, WrongAnswers
from smile_trace.records.verdicts import NO_DIFFERENCE, NOT_COMPARED, NOT_MEASURED
from smile_trace.render.comparison.layout import (
    CHANGED_FEW,
    edit_phrase,
    edit_verdict,
    in_some_calls,
    inputs,
    may_need,
    moved_answers,
    moved_most,
    passage_of,
    quoted,
)
from smile_trace.render.comparison.report_words import LONGEST_NAME, percent
from smile_trace.render.text import probability, short

MIN_ALONE = 0.2
"""An edit needs the others if it alone moves the answers by a smaller share of its effect."""
NEXT_TO_NOTHING = 0.1
"""Largest share of the change that the other edits have if one changed the answers."""


def summarize(
    prompt: str, versions: Sequence[VersionReport], changes: Sequence[VersionChange]
) -> str:
    """The summary: each change, then the excluded parts of the last version."""
    sentences = [change.summary for change in changes if change.summary]
    sentences += _idle(versions[-1])
    return " ".join(sentences) or f"Nothing can be said about {prompt} yet."


def summarize_mattered(mattered: Report, versions: Sequence[VersionReport]) -> str:
    """What mattered in the calls, and what is excluded of the single version, if there is one."""
    sentences = [mattered.summary]
    for version in versions:
        strong = [item for item in version.segments if item.verdict == "supports"]
        if strong:
            best = max(strong, key=lambda item: item.influence)
            part = " ".join(filter(None, (quoted(best.segment.text), passage_of(best.segment))))
            lost = f"without it, {100 * best.influence:.0f} % of the answer is lost"
            sentences.append(f"On average {part} mattered most ({lost}).")
        sentences += _idle(version)
    return " ".join(sentences)


def _idle(latest: VersionReport) -> list[str]:
    """The excluded parts and what they cost, and how much the open ones may matter; maybe none."""
    measured = [item for item in latest.segments if item.standard_error is not None]
    excluded, unknown = ([i for i in measured if i.verdict == v] for v in ("excluded", "open"))
    idle = [item for item in excluded if not item.untested]
    found = []
    if idle:
        saved = sum(item.tokens_saved or 0.0 for item in idle)
        costs = f", and cost {saved:,.0f} tokens per thousand calls" if saved else ""
        counts = sorted({item.calls or latest.explained for item in idle})
        over = " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1])))
        average = f"on average{f' over {over} calls' if counts[-1] else ''}{costs}"
        average += f" ({NOT_COMPARED})" if latest.signal == "text" else ""
        needed = max(idle, key=lambda item: item.calls_need)
        part = "it" if len(idle) == 1 else quoted(needed.segment.text)
        rare = f"; {may_need(needed, part)}" if needed.calls_need else ""
        found.append(f"{_parts(idle)} of version {latest.label} {NO_DIFFERENCE} {average}{rare}.")
    found += _not_tested([quoted(item.segment.text) for item in excluded if item.untested])
    if unknown:
        was, most = "was" if len(unknown) == 1 else "were", max(item.at_most for item in unknown)
        said = f"{was} {NOT_MEASURED}: up to {100 * most:.0f} % of the answer"
        of = f"{_parts(unknown)} of version {latest.label}"
        found.append(f"{of} {said}{in_some_calls(unknown)}.")
    return found


def _not_tested(names: Sequence[str]) -> list[str]:
    """That the calls do not test these, in a sentence; nothing for none."""
    apply = "applies" if len(names) == 1 else "apply"
    told = f"These calls do not test {listed_few(names)}, which {apply} only in certain cases."
    return [told] if names else []


def _parts(items: Sized) -> str:
    return "1 part" if len(items) == 1 else f"{len(items)} parts"


def summarize_change(change: VersionChange, versions: Sequence[VersionReport], limit: float) -> str:
    """What a change did to the answers, by which edit, and which influences changed."""
    before, after = versions[change.before].label, versions[change.after].label
    sentences = [f"From {before} to {after}{_answers(change, limit)}."]
    if sure := [one for one in change.fields if one.significant]:
        sentences.append(f"{changed_fields(sure)}.")
    named = named_effects(change)
    if len(change.edits) > 1 and named:
        sentences.append(_shares(change, named, limit))
    verdicts = [edit_verdict(change, k, limit) for k in range(len(change.edits))]
    few = [k for k, (label, _) in enumerate(verdicts) if label == CHANGED_FEW]
    sentences += [f"{edit_phrase(change.edits[k])} {verdicts[k][1]}." for k in few]
    if changed := [item for item in change.segments if item.significant]:
        sentences.append(f"The influence of {_parts(changed)} changed.")
    rare = [k for k, e in enumerate(change.edits) if rare_case(f"{e.before} {e.after}")]
    same = [k for k in rare if verdicts[k][0] == NO_DIFFERENCE]
    sentences += _not_tested([edit_phrase(change.edits[k]) for k in same])
    return " ".join(sentences)


def named_effects(change: VersionChange) -> list[EditEffect]:
    """The effects of single edits that changed the answers, the strongest first."""
    return sorted((e for e in change.effects if e.named), key=lambda e: -e.share)


def _answers(change: VersionChange, limit: float) -> str:
    """The continuation of "From 2 to 3"."""
    answers = change.answers
    if answers is None:
        return f": the answers were not compared, because {change.why_no_answers}"
    moved, few = moved_answers(answers), ""
    if answers.significant:
        mean = f"on average {distance_of(answers)} changed"
        if too_few(answers, limit):
            mean = f"on average {100 * answers.distance:.0f} % of an answer changed"
            ends = per_cent(answers.ci_low, answers.ci_high)
            few = f"; with so few inputs it may be anything from {ends}"
        if answers.noise > ANOTHER_ANSWER:  # the noise alone gives most inputs another answer
            moved, mean = f"on {inputs(answers.inputs)}", f"{mean} beyond the model's own noise"
            return f"{_culprit(change)}: {moved} {mean}{few}"
        return f"{_culprit(change)}: {moved}, and {mean}{few}"
    if change.repeats or not (answers.changed or answers.changed_little):
        return f": {moved}"
    on, most = inputs(answers.inputs), f"{100 * answers.ci_high:.0f} % of the answer"
    if answers.ci_high < limit:
        beyond = f"beyond the model's own noise the change {NO_DIFFERENCE}"
        return f": {beyond} on average over {on} (at most {most})"
    return (
        f": on {on} the change was {NOT_MEASURED} from the model's own noise: up to {most} on "
        f"average{_budget(change)}"
    )


def _culprit(change: VersionChange) -> str:
    """The edit that changed the answers, or the edits that it is among; maybe nothing."""
    if not change.effects:
        return ""
    named = named_effects(change)
    if named:
        edits = [edit_phrase(change.edits[effect.edits[0]]) for effect in named]
        noun = "the edit" if len(edits) == 1 else "the edits"
        return f" {noun} {listed_few(edits)} changed the answers"
    largest = max(change.effects, key=lambda effect: effect.share)
    among = [edit_phrase(change.edits[place]) for place in largest.edits]
    if not change.repeats and largest.ci_low <= 0:
        which = f"which of the {len(change.edits)} did is not settled"
        return f" the edits changed the answers, but {which}{_budget(change, 'may tell')}"
    if len(among) > 1:
        which = listed_few(among, conjunction="or") + _budget(change, "would tell which")
        return f" at least one of {len(among)} edits changed the answers, {which}"
    return (
        f" {in_words(len(change.edits))} edits together changed the answers, {among[0]} most of all"
    )


def _shares(change: VersionChange, named: Sequence[EditEffect], limit: float) -> str:
    others, on = _others(change, named, limit), moved_most(change)
    if len(named) > 1:
        share = [(edit_phrase(change.edits[e.edits[0]]), f"{100 * e.share:.0f} %") for e in named]
        each = [f"{edit}{' accounts' * (not k)} for {of}" for k, (edit, of) in enumerate(share)]
        return f"{listed(each)} of the change{on}{others}."
    [effect] = named
    alone = effect.distance if effect.edits[0] == 0 else effect.alone
    if alone is None:
        moved = f"With the earlier edits in place, it changes {distance_of(effect)}{on}"
    elif alone < MIN_ALONE * effect.distance:
        return (
            "It does so only together with the earlier edits; by itself it changes "
            f"{100 * alone:.0f} % of an answer{on}."
        )
    elif alone < effect.distance / 2:
        moved = (
            f"It makes up {100 * effect.share:.0f} % of the change{on}, but by itself it changes "
            f"{100 * alone:.0f} % of an answer"
        )
    else:
        moved = f"By itself it changes {100 * alone:.0f} % of an answer{on}"
    return f"{moved}{others}."


def _others(change: VersionChange, named: Sequence[EditEffect], limit: float) -> str:
    rest = len(change.edits) - len(named)
    if not rest:
        return ""
    others, add = ("the other edit", "adds") if rest == 1 else (f"the other {rest} edits", "add")
    share = others_add(change, limit)
    if share is None:
        return f"; the effect of {others} was {NOT_MEASURED}{_budget(change)}"
    if not share:
        return f"; {others} {add} next to nothing"
    joined = any(len(e.edits) > 1 and e.share >= NEXT_TO_NOTHING for e in change.effects)
    apart = f", and could not be told apart{_budget(change)}" if joined else ""
    return f"; {others} {add} {100 * share:.0f} % of the change{apart}"


def others_add(change: VersionChange, limit: float) -> float | None:
    """The share of a change that the unnamed edits add; 0 for next to nothing, None if unknown."""
    if moved_most(change):
        return None
    others = [effect for effect in change.effects if not effect.named]
    left = max(1.0 - sum(effect.share for effect in named_effects(change)), 0.0)
    if left >= NEXT_TO_NOTHING and (change.repeats or any(effect.ci_low > 0 for effect in others)):
        return left
    return 0.0 if change.repeats or all(effect.ci_high < limit for effect in others) else None


def _budget(change: VersionChange, tells: str = "would tell") -> str:
    needed = change.budget_needed
    return f" (a budget of {needed:,} calls {tells})" if needed else ""


def too_few(found: Moved, limit: float) -> bool:
    """Whether the answers to these inputs changed, and too few were asked to say how much others
    would: as much as `limit`, or less."""
    return (
        found.inputs < MIN_CALLS and bool(found.changed) and found.ci_low < limit <= found.ci_high
    )


def distance_of(item: AnswerComparison | EditEffect) -> str:
    """How much of an answer changed, with an interval unless the figure is exact."""
    exact = item.ci_high - item.ci_low < 0.005
    interval = "" if exact else f" [{per_cent(item.ci_low, item.ci_high)}]"
    return f"{100 * item.distance:.0f} %{interval} of an answer"


def changed_fields(fields: Sequence[FieldComparison]) -> str:
    """In how many answers each field changed, and by how much of it if its values are compared by
    more than whether they are the same: "$.urgent changed in 5 of 5 answers"."""
    told = []
    for k, one in enumerate(fields):
        said = f"{short(one.path, LONGEST_NAME)}{' changed' * (not k)} in {one.changed} of"
        said += f" {one.inputs} answers"
        if abs(one.distance - one.changed / one.inputs) >= 0.005:
            said += f" by {100 * one.distance:.0f} %"
        if one.ci_high - one.ci_low >= 0.005:
            said += f" [{per_cent(one.ci_low, one.ci_high)}]"
        told.append(said + " beyond the model's own noise" * (one.noise > ANOTHER_ANSWER))
    return listed_few(told)


MOST_BLAMED = 12
"""Parts that are named for wrong answers."""


def sentences_on_wrong(found: WrongAnswers) -> list[str]:
    """What stands behind wrong answers, the most frequent first, and what is not known of them."""
    of, explained = f"of {found.name} since {found.since[:10]}", f"{found.explained:,} of them"
    are = "is" if found.explained == 1 else "are"
    head = f"{found.wrong:,} of {found.wrong + found.others:,} answers {of} are wrong; {explained}"
    head += f" {are} explained."
    if found.drawn_from:
        head = (
            f"Of {found.drawn_from:,} calls {of}, {found.wrong:,} wrong ones ({explained} "
            f"explained) and {found.others:,} others were examined."
        )
    remarks = (
        (max(len(found.parts) - MOST_BLAMED, 0), "{:,} more parts are in --json."),
        (found.nothing_found, "For {:,}, nothing in the prompt was found to blame."),
        (
            found.by_chance,
            "{:,} came by chance: when the request is sent again, the answer is right.",
        ),
        (found.untold, "For {:,}, the right answer is not known (expected_response)."),
        (found.wrong - found.explained - found.untold, "{:,} more are not explained (--budget)."),
    )
    return [
        head,
        *(_blamed(part, found) for part in found.parts[:MOST_BLAMED]),
        *(said.format(count) for count, said in remarks if count),
    ]


_NOT_QUOTED = {"tool_result": "the result of {}", "tool": "the definition of the tool {}"}


def _blamed(part: BlamedPart, found: WrongAnswers) -> str:
    name = _NOT_QUOTED.get(part.kind, "“{}”").format(short(part.name, LONGEST_NAME))
    name, count = name[0].upper() + name[1:], part.behind.count
    share = percent(part.behind).partition(" % ")[2]
    behind = f" is behind {count or 'none'} of {part.behind.of:,} wrong answers {share}"
    said = name + (behind if part.behind.of else "")
    others = "all" if part.in_others == found.others else f"{part.in_others:,} of"
    it = "; it" if part.behind.of else ""
    said += f"{it} is in {others} {found.others:,} other calls" if found.others else ""
    if part.more_often:
        q = probability(part.q_value)
        often = f"more often than by chance (q {q if q[0] == '<' else f'= {q}'})"
        said += f" and {part.in_wrong:,} of {found.wrong:,} wrong ones, {often}"
    return f"{said}."
