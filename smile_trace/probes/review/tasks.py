"""The stored profiles' variants as people are asked about them, and confirmed failures as test
cases: the changed request, and the answer that it should get."""

import hashlib
from collections.abc import Iterator

from smile_trace.probes.confirmation import choose
from smile_trace.probes.judgements import AS_IT_SHOULD_BE, confirmed_ids
from smile_trace.records import JSON, Record
from smile_trace.records.judgement import ReviewItem, ReviewTask
from smile_trace.records.profile import Profile
from smile_trace.store import Store


def tasks_of(profile: Profile, trace_id: str = "") -> Iterator[ReviewTask]:
    """Yield every answered variant of a profile."""
    prompt = hashlib.sha256(repr([m.identity for m in profile.messages]).encode()).hexdigest()
    for result in profile.results.values():
        if result.name in AS_IT_SHOULD_BE:
            continue
        for variant in result.variants:
            item = ReviewItem(
                id=variant.id,
                probe=result.name,
                prompt=prompt[:16],
                change=variant.change,
                counts=variant.counts,
                trace_id=trace_id,
            )
            yield ReviewTask(
                item=item,
                title=result.title,
                what=variant.what,
                messages=profile.messages,
                answer=profile.answer,
                changed_messages=variant.messages,
                changed_answer=variant.answer,
            )


def stored_tasks(
    store: Store, *, name: str | None = None, since: float = 0.0
) -> dict[str, ReviewTask]:
    """Return every answered variant of the store's profiles made from `since` on (Unix seconds), by
    its id; `name` is a prompt or function, None for all."""
    return {
        task.item.id: task
        for stored in store.profiles.read(name=name, since=since)
        for task in tasks_of(stored.profile, stored.trace_id)
    }


def worth_a_minute(
    store: Store,
    number: int,
    *,
    reviewer: str | None = None,
    judge: str | None = None,
    name: str | None = None,
    since: float = 0.0,
    seed: int = 0,
) -> list[ReviewTask]:
    """Return the variants to ask about, in the order in which they are shown. Those answered word
    for word like the request are left out: there is nothing to say about them.

    Args:
        reviewer: who is asked, and is not asked again; None for anybody.
        judge: a judge that is asked instead of a person: variants judged by people come first.
        name, since: as for `stored_tasks`.
    """
    tasks = stored_tasks(store, name=name, since=since)
    people = [judgement for _, judgement in store.judgements.read()]
    if judge is None:
        done = {one.variant_id for one in people if reviewer in (None, one.reviewer)}
    else:
        said = [judgement for _, judgement in store.judge_judgements.read()]
        done = {one.variant_id for one in said if one.reviewer == judge}
    begun = {one.variant_id for one in people} - done
    waiting = [
        task.item
        for key, task in tasks.items()
        if key not in done and task.changed_answer != task.answer
    ]
    return [tasks[item.id] for item in choose(waiting, number, seed, begun)]


class Case(Record):
    """A confirmed failure, with the keys that MLflow's evaluation datasets take.
    `inputs["messages"]` is the changed request; `expectations["expected_response"]` the answer to
    the original one, which should have stayed. `tags` are the probe, how the requests differ, and
    the variant's id."""

    inputs: dict[str, JSON]
    expectations: dict[str, JSON]
    tags: dict[str, str]


def confirmed_cases(store: Store) -> Iterator[Case]:
    """Yield the failures that people confirmed, of profiles that the store still holds."""
    for task in confirmed_tasks(store):
        yield Case(
            inputs={"messages": [one.model_dump(mode="json") for one in task.changed_messages]},
            expectations={"expected_response": task.answer},
            tags={
                "smile_trace.probe": task.item.probe,
                "smile_trace.change": task.what,
                "smile_trace.variant": task.item.id,
                "smile_trace.failed_answer": task.changed_answer,
            },
        )


def confirmed_tasks(store: Store, *, name: str | None = None) -> Iterator[ReviewTask]:
    """Yield the same failures as people saw them; `name` is a prompt or function, None for all."""
    tasks = stored_tasks(store, name=name)
    for key in confirmed_ids(store):
        if key in tasks:
            yield tasks[key]
