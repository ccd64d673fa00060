"""The fixed set of a prompt: failures that people confirmed, then its newest explained calls."""

from collections.abc import Iterator

from smile_trace.probes.confirmed import confirmed_ids
from smile_trace.records.message import identity_of
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
            found.setdefault(identity_of(case.messages), case)
    return list(found.values())


def _confirmed(store: Store, name: str) -> Iterator[NewCase]:
    confirmed = set(confirmed_ids(store))
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
