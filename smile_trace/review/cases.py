"""Confirmed failures as test cases: the changed request, and the answer that it should get."""

from collections.abc import Iterator

from smile_trace.probes.confirmed import confirmed_ids
from smile_trace.records import JSON, Record
from smile_trace.records.judgement import ReviewTask
from smile_trace.review.tasks import stored_tasks
from smile_trace.store import Store


class Case(Record):
    """A confirmed failure, with the keys that MLflow's evaluation datasets take.

    `inputs["messages"]` is the changed request; `expectations["expected_response"]` the answer to
    the original one, which should have stayed. `tags` say which probe found it, how the requests
    differ, and its variant's id.
    """

    inputs: dict[str, JSON]
    expectations: dict[str, JSON]
    tags: dict[str, str]


def confirmed_cases(store: Store) -> Iterator[Case]:
    """The failures that people confirmed, of profiles that the store still holds."""
    return map(_case, confirmed_tasks(store))


def confirmed_tasks(store: Store, *, name: str | None = None) -> Iterator[ReviewTask]:
    """The same as people saw them.

    Args:
        store: where profiles and judgements are.
        name: of a prompt or a function; None for all.
    """
    tasks = stored_tasks(store, name=name)
    for key in confirmed_ids(store):
        if key in tasks:
            yield tasks[key]


def _case(task: ReviewTask) -> Case:
    messages = [message.model_dump(mode="json") for message in task.changed_messages]
    return Case(
        inputs={"messages": messages},
        expectations={"expected_response": task.answer},
        tags={
            "smile_trace.probe": task.item.probe,
            "smile_trace.change": task.what,
            "smile_trace.variant": task.item.id,
            "smile_trace.failed_answer": task.changed_answer,
        },
    )
