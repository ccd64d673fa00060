"""What people, and a judge that counts, have said of probes and their variants so far."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from smile_trace.probes.confirmation import Judge, agreement, confirmations, is_confirmed
from smile_trace.probes.judge import chosen_judge
from smile_trace.records.judgement import Confirmation, Judgement, ReviewItem
from smile_trace.records.profile import Profile
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.store import has_store

AS_IT_SHOULD_BE = frozenset({"grounding"})
"""Probes whose changed answers are no failures: nobody's minute is worth asking about them."""


def with_confirmations(profile: Profile, conf: Settings) -> Profile:
    """The profile with each probe's confirmation, empty where nobody has judged it; without, where
    the store cannot be read: what was asked and paid for is shown all the same."""
    try:
        found = _known(conf)
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
    """Of every probe that a variant was judged of, whether its profile is kept or not: by people,
    and by the judge of the settings where that agrees with them enough."""
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
    """Every model that was asked to judge, and how far it agrees with people."""
    items, people = _judged(store.judgements.read())
    others, said = _judged(store.judge_judgements.read())
    return _measured(items | others, people, said)


def confirmed_ids(store: Store) -> list[str]:
    """The ids of the variants that people confirmed to be failures; no judge is asked."""
    given = defaultdict[str, list[Judgement]](list)
    for item, judgement in store.judgements.read():
        if item.counts:
            given[item.id].append(judgement)
    return [key for key, judgements in given.items() if is_confirmed(judgements)]


def _known(conf: Settings) -> Mapping[str, Confirmation]:
    if not has_store(conf):
        return {}
    store = Store.look(conf)
    try:
        return confirmations_of(store, conf)
    finally:
        store.close()


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
