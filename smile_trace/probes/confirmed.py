"""What people, and a judge that counts, have said of probes and their variants so far."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from smile_trace.probes.confirmation import Judge, agreement, confirmations, is_confirmed
from smile_trace.probes.judge import judge_id
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
    chosen = None if conf.review.judge is None else judge_id(conf.review.judge, conf)
    found = () if chosen is None else judges(store, only=chosen)
    judge = next((one for one in found if one.agreement.counts), None)
    if judge is not None:
        items |= _judged(store.judge_judgements.read())[0]
    return confirmations(list(items.values()), people, judge)


def judges(store: Store, *, only: str | None = None) -> list[Judge]:
    """Every model that was asked to judge, or one of them, and how far it agrees with people."""
    items, people = _judged(store.judgements.read())
    others, said = _judged(store.judge_judgements.read())
    by_judge = defaultdict[str, list[Judgement]](list)
    for one in said:
        if only in (None, one.reviewer):
            by_judge[one.reviewer].append(one)
    variants = list({**items, **others}.values())
    return [Judge(them, agreement(who, variants, people, them)) for who, them in by_judge.items()]


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


def _judged(
    judged: Sequence[tuple[ReviewItem, Judgement]],
) -> tuple[dict[str, ReviewItem], list[Judgement]]:
    return {item.id: item for item, _ in judged}, [judgement for _, judgement in judged]
