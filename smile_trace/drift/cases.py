"""The fixed set of a prompt: failures that people confirmed, then its newest explained calls."""

from collections import defaultdict
from collections.abc import Iterator

from smile_trace.probes.confirmation import is_confirmed
from smile_trace.records.judgement import Judgement
from smile_trace.store import Store
from smile_trace.store.drift import NewCase


def choose_cases(store: Store, name: str, number: int) -> list[NewCase]:
    """Distinct requests, without answers.

    Args:
        store: where calls, profiles and judgements are.
        name: of a prompt, or a function without one.
        number: how many at most.
    """
    found: dict[str, NewCase] = {}
    for case in (*_confirmed(store, name), *_newest(store, name, number)):
        if len(found) < number:
            found.setdefault(repr([message.identity for message in case.messages]), case)
    return list(found.values())


def _confirmed(store: Store, name: str) -> Iterator[NewCase]:
    given = defaultdict[str, list[Judgement]](list)
    for item, judgement in store.judgements.read():
        given[item.id].append(judgement)
    confirmed = {key for key, judgements in given.items() if is_confirmed(judgements)}
    if not confirmed:
        return
    for stored in store.profiles.read(name=name):
        for result in stored.profile.results.values():
            for variant in result.variants:
                if variant.id in confirmed:
                    yield NewCase(call_id=stored.call_id, messages=variant.messages, confirmed=True)


def _newest(store: Store, name: str, number: int) -> Iterator[NewCase]:
    for call in store.jobs.explained_calls(name, 2 * number):  # some may ask the same
        if call.messages:
            yield NewCase(call_id=call.id, messages=call.messages)
