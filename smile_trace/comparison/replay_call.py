"""`replay()`: one logged call asked again, exactly as it was sent or with changes."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.comparison.answers import Distance, text_distance
from smile_trace.comparison.evidence import NothingToCompare, template_of
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.api import explain_prepared
from smile_trace.explaining.driver import wait_for
from smile_trace.explaining.options import AnyModel, Question
from smile_trace.explaining.preparation import open_any, prepare
from smile_trace.models import Request
from smile_trace.models.base import is_prefilled
from smile_trace.models.metered import MeteredModel
from smile_trace.records import JSON, Call, Explanation, Message, Record
from smile_trace.records.call import trace_id_of
from smile_trace.settings import Settings
from smile_trace.store import Store


class Replay(Record):
    """A logged answer beside new answers to the same call.

    `messages`, `model` and `parameters` are those of the new request, `changed` names what differs
    from the logged one. `distances` holds each new answer's distance from the logged one, in [0,
    1]; `noise` is the mean distance between two new answers, None with fewer than two. `p_value` is
    the rank of the logged answer among all, None without noise; `verdict` is a sentence. `before`
    and `after` are the explanations of the logged and of the first new answer, if requested.
    """

    call: Call
    messages: tuple[Message, ...]
    model: str
    parameters: dict[str, JSON]
    changed: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    distances: tuple[float, ...] = ()
    noise: float | None = None
    p_value: float | None = None
    verdict: str = ""
    before: Explanation | None = None
    after: Explanation | None = None


MAX_REPRODUCED = 0.02
"""Largest distance at which an answer counts as the same."""
RARE = 0.1
"""How often an answer may be as far from the others by chance that counts as another one."""
ENOUGH_ANSWERS = 9
"""New answers with which a logged answer can be that rare: one of 1 / `RARE`."""


def replay(
    trace_id: str,
    *,
    model: AnyModel | None = None,
    prompt_version: str | None = None,
    parameters: Mapping[str, JSON] | None = None,
    count: int = 1,
    explained: bool = False,
    settings: Settings | None = None,
) -> Replay:
    """Ask a logged call again, bypassing the cache; works in a running event loop too.

    Args:
        trace_id: the trace's id (its last call with an answer), or `trace_id:span_id`.
        model: another model: a name, a Model or a function; by default the call's own.
        prompt_version: another version of the call's Prompt, which was called before.
        parameters: changes to the call's own, e.g. `{"temperature": 0}`; None removes.
        count: how often; the model's own noise is known from two on.
        explained: explain both the logged and the first new answer.
        settings: by default those of the environment and the nearest `smile_trace.toml`.

    Raises:
        SmileTraceError: no such call or version, or the model cannot be asked.
        ValueError: count is below one.
    """
    if count < 1:
        raise ValueError("count is at least 1")
    settings = settings or Settings()
    with Store.look(settings) as store:
        call = _logged(store, trace_id)
        if call.not_repeatable:
            raise NothingToCompare(f"the call cannot be asked again: {call.not_repeatable}")
        planned = _plan(store, call, prompt_version, parameters or {})
        who = model if model is not None else call.model or "*"
        made = wait_for(_ask(store, settings, call, planned, who, count))
    logged = call.answer_without_reasoning
    if not explained or not made.answers:
        return made
    before = _explain(call.messages, logged, call.parameters, call.model or who, settings)
    after = _explain(made.messages, made.answers[0], made.parameters, who, settings)
    return made.model_copy(update={"before": before, "after": after})


def _explain(
    messages: Sequence[Message],
    answer: str,
    parameters: Mapping[str, JSON],
    who: AnyModel,
    settings: Settings,
) -> Explanation:
    question = Question(messages, model=who, answer=answer, parameters=parameters)
    return explain_prepared(prepare(question, settings), settings)


def _logged(store: Store, trace_id: str) -> Call:
    """The call of that id, or the last with an answer of that trace id (or its prefix)."""
    ids = store.traces.find_calls(trace_id) if trace_id else []
    if not ids:
        raise NothingToCompare(
            f"there is no call {trace_id!r} in the store: take its id from `smile-trace calls` "
            "or the tracker, and run `smile-trace worker --once` where it was captured just now"
        )
    if len({trace_id_of(call_id) for call_id in ids}) > 1:
        raise NothingToCompare(f"{trace_id!r} matches several traces: give more of the id")
    for call in map(store.traces.call, reversed(ids)):
        if call is not None and call.answer is not None and not call.truncated:
            return call
    raise NothingToCompare(f"no call of {trace_id!r} holds an answer that could be compared")


@dataclass(frozen=True)
class _Plan:
    messages: tuple[Message, ...]
    parameters: dict[str, JSON]
    changed: tuple[str, ...]


def _plan(store: Store, call: Call, version: str | None, parameters: Mapping[str, JSON]) -> _Plan:
    messages, changed = call.messages, []
    if version is not None:
        if not call.prompts:
            raise SmileTraceError(f"the call {call.id} used no Prompt, so it has no other version")
        use = call.prompts[0]
        template = template_of(store, use.name, version)
        messages = call.messages_with(use, template)
        changed.append(f"version {version} of {use.name} in place of {use.version}")
    changed += [f"{name} = {value!r}" for name, value in parameters.items()]
    merged = {**call.parameters, **parameters}
    given = {name: value for name, value in merged.items() if value is not None}
    return _Plan(messages, given, tuple(changed))


async def _ask(
    store: Store, settings: Settings, call: Call, plan: _Plan, who: AnyModel, count: int
) -> Replay:
    with suppress_instrumentation():
        model = MeteredModel(
            open_any(who, settings),
            ledger=store.ledger.with_budget(max(4, 5 * count)),
            cache=store.responses,
            explanation=f"replay/{uuid.uuid4().hex}",
            fresh=True,
        )
        responses = await model.generate(
            [
                Request(
                    messages=plan.messages,
                    form=call.form,
                    parameters=plan.parameters,
                    replicate=replicate,
                    prefilled=is_prefilled(plan.messages),
                )
                for replicate in range(count)
            ]
        )
    answers = tuple(response.text or "" for response in responses if response.ok)
    changed = plan.changed if model.name == call.model else (f"model {model.name}", *plan.changed)
    made = Replay(
        call=call,
        messages=plan.messages,
        model=model.name,
        parameters=plan.parameters,
        changed=changed,
        answers=answers,
        failures=tuple(str(response.failure) for response in responses if not response.ok),
    )
    return _with_change(made, text_distance(settings.explain.distance))


def _with_change(made: Replay, distance: Distance) -> Replay:
    if not made.answers:
        return made.model_copy(update={"verdict": "The model gave no answer."})
    logged = made.call.answer_without_reasoning
    distances = [distance(logged, answer) for answer in made.answers]
    own = [distance(one, other) for one, other in combinations(made.answers, 2)]
    noise = float(np.mean(own)) if own else None
    p_value = _outlying(distance, [logged, *made.answers]) if own else None
    if all(d <= MAX_REPRODUCED for d in distances):
        p_value, verdict = None, "The logged answer is reproduced."
    else:
        verdict = _verdict(distances, noise, p_value)
    return made.model_copy(
        update={
            "distances": tuple(distances),
            "noise": noise,
            "p_value": p_value,
            "verdict": verdict,
        }
    )


def _verdict(distances: list[float], noise: float | None, p_value: float | None) -> str:
    if noise is None or p_value is None:
        return (
            f"The answer differs by {distances[0]:.2f}: repeat it (-n {ENOUGH_ANSWERS}) to see the "
            "model's own noise."
        )
    mean = float(np.mean(distances))
    lies = (
        f"The logged answer lies {mean:.2f} from the new ones, which differ by {noise:.2f} among "
        "themselves: "
    )
    if p_value <= RARE and mean > 2 * noise:
        return f"{lies}more than the model's own noise."
    if len(distances) < ENOUGH_ANSWERS and p_value <= 1 / (len(distances) + 1):
        # The farthest of few, as each of them is by chance once in n + 1 times.
        return f"{lies}too few to tell it from the model's own noise (-n {ENOUGH_ANSWERS})."
    return f"{lies}within the model's own noise."


def _outlying(distance: Distance, answers: list[str]) -> float:
    """The rank p-value of the first answer: the share at least as far from the rest as it is."""
    means = [
        float(np.mean([distance(one, other) for k, other in enumerate(answers) if k != i]))
        for i, one in enumerate(answers)
    ]
    return sum(mean >= means[0] - 1e-12 for mean in means) / len(means)
