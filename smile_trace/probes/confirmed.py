"""What people have said of probes and their variants so far."""

from collections import defaultdict
from collections.abc import Mapping

from smile_trace.probes.confirmation import confirmations, is_confirmed
from smile_trace.records.judgement import Confirmation, Judgement
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


def confirmations_of(store: Store) -> Mapping[str, Confirmation]:
    """Of every probe that people have judged a variant of, whether its profile is kept or not."""
    judged = store.judgements.read()
    items = list({item.id: item for item, _ in judged}.values())
    return confirmations(items, [judgement for _, judgement in judged])


def confirmed_ids(store: Store) -> list[str]:
    """The ids of the variants that people confirmed to be failures."""
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
        return confirmations_of(store)
    finally:
        store.close()
