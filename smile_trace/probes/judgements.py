"""Judgements of variants by people, and by a model as a judge: its question, and the outcome."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from smile_trace.explaining.scoring import FENCED, request_to_judge
from smile_trace.models import Request
from smile_trace.models.registry import settings_of
from smile_trace.probes.confirmation import Judge, confirmations, is_confirmed
from smile_trace.probes.reliability import agreement
from smile_trace.records.judgement import Confirmation, Judgement, Reply, ReviewItem, ReviewTask
from smile_trace.records.message import messages_text
from smile_trace.records.profile import Profile
from smile_trace.settings import ModelSettings, Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.store import has_store

_QUESTIONS = """
same_meaning: Do the two requests mean the same? yes, if someone who asks either of the two should \
get the same answer; else no.
worse: Is one of the answers worse, the first or the second? It is worse if it is wrong, misses \
something or would mislead, where the other one does not; neither, if no answer is worse.
reason: Is what differs between the requests the reason for what differs between the answers? yes, \
if it explains that; else no.
Each may also be answered with cannot_say.

Reply with one line of JSON of this form and with nothing else:
{"same_meaning": "yes|no|cannot_say", "worse": "first|second|neither|cannot_say", \
"reason": "yes|no|cannot_say"}"""

INSTRUCTIONS = (
    "You are shown two requests to a language model, and the answer that each of them got. You "
    f"compare them and answer three questions.\n\n{FENCED}{_QUESTIONS}"
)

_ASKED_BY = {"kind", "form", "base_url", "model", "path", "packaged"}
_REPLY = re.compile(
    r'\s*\{\s*"same_meaning"\s*:\s*"(yes|no|cannot_say)"\s*,'
    r'\s*"worse"\s*:\s*"(first|second|neither|cannot_say)"\s*,'
    r'\s*"reason"\s*:\s*"(yes|no|cannot_say)"\s*\}\s*'
)
_IN_A_FENCE = re.compile(r"\s*```(?:json)?\n(.*)\n```\s*", re.DOTALL)


def judge_id(name: str, settings: Settings) -> str:
    """Return the judge's id: a model, with a digest of where and what it is asked; if either
    changes, it is another judge. Raises NoModel if the settings have no such model."""
    who = settings_of(name, settings).model_dump(mode="json", include=_ASKED_BY)
    told = json.dumps([name, who, INSTRUCTIONS], sort_keys=True)
    return f"{name} ({hashlib.sha256(told.encode()).hexdigest()[:8]})"


def chosen_judge(settings: Settings) -> str | None:
    """Return the judge's id by `[review]`; None if nobody is named."""
    name = settings.review.judge
    return None if name is None else judge_id(name, settings)


def question_to_judge(task: ReviewTask, how: ModelSettings) -> Request:
    """Return the judge's question about a variant.

    Which of the two stands first is drawn by the variant's id, since a judge may prefer a place
    (Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena", 2306.05685,
    section 3.4: to assign places at random is enough if many are judged).
    """
    sides = [(task.messages, task.answer), (task.changed_messages, task.changed_answer)]
    if variant_first(task):
        sides.reverse()
    texts = {
        f"{place} {what}": text
        for place, (messages, answer) in zip(("first", "second"), sides, strict=True)
        for what, text in (("request", messages_text(messages)), ("answer", answer))
    }
    return request_to_judge(INSTRUCTIONS, texts, how)


def variant_first(task: ReviewTask) -> bool:
    """Whether the variant stands before the request that it changes."""
    return hashlib.sha256(task.item.id.encode()).digest()[0] % 2 == 1


def read_reply(task: ReviewTask, text: str, *, judge: str, at: str) -> Judgement | None:
    """Read a judge's whole reply as a person would have put it; None if it does not have exactly
    the requested form. A Markdown fence around all of it is removed. `at` is in ISO 8601."""
    fenced = _IN_A_FENCE.fullmatch(text)
    found = _REPLY.fullmatch(fenced[1] if fenced else text)
    if found is None:
        return None
    same, which, reason = found.groups()
    changed = "first" if variant_first(task) else "second"
    worse: Reply = "cannot_say"
    if which != "cannot_say":
        worse = "yes" if which == changed else "no"
    return Judgement.model_validate(
        {
            "variant_id": task.item.id,
            "reviewer": judge,
            "same_meaning": same,
            "worse": worse,
            "reason": reason,
            "judged_at": at,
        }
    )


AS_IT_SHOULD_BE = frozenset({"grounding"})
"""Probes whose changed answers are not failures: nobody's minute is worth asking about them."""


def with_confirmations(profile: Profile, conf: Settings) -> Profile:
    """Add each probe's confirmation to the profile, empty if nobody has judged it. If the store
    cannot be read, nothing is added: what was asked and paid for is shown all the same."""
    found: Mapping[str, Confirmation] = {}
    try:
        if has_store(conf):
            with Store.look(conf) as store:
                found = confirmations_of(store, conf)
    except StoreError:
        return profile
    results = {
        name: result
        if name in AS_IT_SHOULD_BE
        else result.model_copy(update={"confirmation": found.get(name, Confirmation(probe=name))})
        for name, result in profile.results.items()
    }
    return profile.model_copy(update={"results": results})


def confirmations_of(store: Store, conf: Settings) -> Mapping[str, Confirmation]:
    """Return what people, and the settings' judge if it agrees with them enough, made of every
    judged probe, whether its profile is kept or not."""
    items, people = _judged(store.judgements.read())
    chosen, judge = chosen_judge(conf), None
    if chosen is not None:
        others, said = _judged(store.judge_judgements.read())
        of_chosen = [one for one in said if one.reviewer == chosen]
        judge = next(iter(_measured(items | others, people, of_chosen)), None)
    if judge is None or not judge.agreement.counts:
        return confirmations(list(items.values()), people)
    return confirmations(list((items | others).values()), people, judge)


def judges(store: Store) -> list[Judge]:
    """Return every model that was asked to judge, with its agreement with people."""
    items, people = _judged(store.judgements.read())
    others, said = _judged(store.judge_judgements.read())
    return _measured(items | others, people, said)


def confirmed_ids(store: Store) -> list[str]:
    """Return the ids of variants that people confirmed to be failures; judges do not count."""
    given = defaultdict[str, list[Judgement]](list)
    for item, judgement in store.judgements.read():
        if item.counts:
            given[item.id].append(judgement)
    return [key for key, judgements in given.items() if is_confirmed(judgements)]


def _measured(
    items: Mapping[str, ReviewItem], people: Sequence[Judgement], said: Sequence[Judgement]
) -> list[Judge]:
    by_judge = defaultdict[str, list[Judgement]](list)
    for one in said:
        by_judge[one.reviewer].append(one)
    variants = list(items.values())
    return [Judge(them, agreement(who, variants, people, them)) for who, them in by_judge.items()]


def _judged(
    judged: Sequence[tuple[ReviewItem, Judgement]],
) -> tuple[dict[str, ReviewItem], list[Judgement]]:
    return {item.id: item for item, _ in judged}, [judgement for _, judgement in judged]
