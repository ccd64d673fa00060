"""Which calls of a group are compared: those that gave an answer, not the steps towards it."""

from collections.abc import Mapping

from smile_trace.dialects.answers import answers_of
from smile_trace.records.call import trace_id_of
from smile_trace.store import Store
from smile_trace.store.tables import Group

_AT_ONCE = 200
"""Traces in memory at once."""

GroupName = tuple[str, str]
"""The kind and the name of a prompt or a function."""


def final_answers(store: Store, groups: Mapping[str, GroupName]) -> frozenset[str]:
    """Those of the calls (each with its group, by id) that gave an answer to whoever asked; of a
    group that gave none, all: its steps are named themselves."""
    several = store.sampling.of_several({trace_id_of(call_id) for call_id in groups})
    answers, read = set[str](), set[str]()
    answering = set[GroupName]()
    for start in range(0, len(several), _AT_ONCE):
        for trace in store.traces.get(several[start : start + _AT_ONCE]):
            own = answers_of(trace)
            answers |= own
            read |= {call.id for call in trace.calls}
            answering |= {Group.of(call)[:2] for call in trace.calls if call.id in own}
    alone = groups.keys() - read
    answering |= {groups[call_id] for call_id in alone}
    return frozenset(
        call_id
        for call_id, group in groups.items()
        if call_id in answers or call_id in alone or group not in answering
    )
