"""`replay()`: one logged call asked again, exactly as it was sent or with changes."""

from collections.abc import Mapping, Sequence

from smile_trace.comparison.call_again import CallAgain
from smile_trace.comparison.evidence import NothingToCompare, template_of
from smile_trace.comparison.replayed import Replay
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.api import explain_prepared
from smile_trace.explaining.inputs import read_trace, repeatable_call
from smile_trace.explaining.options import AnyModel, Question
from smile_trace.explaining.preparation import prepare
from smile_trace.records import JSON, Call, Explanation, Message, Prompted
from smile_trace.records.call import trace_id_of
from smile_trace.settings import Settings
from smile_trace.sources.protocol import may_hold, owner
from smile_trace.store import Store


def replay(
    trace_id: str,
    *,
    model: AnyModel | None = None,
    prompt_version: str | None = None,
    parameters: Mapping[str, JSON] | None = None,
    without: Sequence[str] = (),
    replace: Mapping[str, str] | None = None,
    count: int = 1,
    explained: bool = False,
    app: str | None = None,
    settings: Settings | None = None,
) -> Replay:
    """Ask a logged call again; works in a running event loop too. Unchanged it bypasses the cache;
    of a changed request, stored answers are taken, and repeats of the unchanged one stand beside.

    Args:
        trace_id: the trace's id (its final answer), or `trace_id:span_id`, of the store or of a
            backend.
        model: another model: a name, a Model or a function; by default the call's own.
        prompt_version: another version of the call's Prompt, which was called before.
        parameters: changes to the call's own, e.g. `{"temperature": 0}`; None removes.
        without: parts to remove, by the names that explanations give them: a document's, a tool's,
            a quoted sentence, a key.
        replace: other texts for parts, by their names.
        count: how often; the model's own noise is known from two on.
        explained: explain both the logged and the first new answer.
        app: the module of the application, for a model of kind "rerun".
        settings: by default those of the environment and the nearest `smile_trace.toml`.

    Raises:
        SmileTraceError: no such call, version or part, or the model cannot be asked.
        ValueError: count is below one.
    """
    if count < 1:
        raise ValueError("count must be at least 1")
    settings = settings or Settings()
    with open_for(trace_id, settings) as store:
        call = logged_call(trace_id, store, settings)
        prompted, changed = Prompted.of(call), list[str]()
        if prompt_version is not None:
            prompted, said = _with_version(prompted, store, call, prompt_version)
            changed.append(said)
        calls = max(4, 10 * count)
        again = CallAgain(store, settings, call, calls, who=model, app=app, prompted=prompted)
        parts = [again.edits.part(name) for name in without]
        others = [(again.edits.part(name), text) for name, text in (replace or {}).items()]
        changed += [f"without {name!r}" for name in without]
        changed += [f"{text!r} for {name!r}" for name, text in (replace or {}).items()]
        changed += [f"{name} = {value!r}" for name, value in (parameters or {}).items()]
        edited = again.edits.edited(parts, others)
        merged = {**edited.parameters, **(parameters or {})}
        given = {name: value for name, value in merged.items() if value is not None}
        edited = edited.model_copy(update={"parameters": given})
        made = again.replay(edited, changed, count)
    if not explained or not made.answers:
        return made
    who = model if model is not None else call.model or "*"
    logged = call.answer_without_reasoning
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


def open_for(trace_id: str, settings: Settings) -> Store:
    """The store; it is created where the call may stand in a backend alone."""
    if not settings.home.exists() and (owner(trace_id, settings) or may_hold(trace_id, settings)):
        return Store.open(settings)
    return Store.look(settings)


def logged_call(trace_id: str, store: Store, settings: Settings) -> Call:
    """The call of that id, or the last with an answer of that trace id (or its prefix), in the
    store, else in a backend. Raises SmileTraceError if there is none that can be asked again."""
    ids = store.traces.find_calls(trace_id) if trace_id else []
    if not ids:
        trace, _, span = trace_id.partition(":")
        return repeatable_call(read_trace(trace, settings), span)
    if len({trace_id_of(call_id) for call_id in ids}) > 1:
        raise NothingToCompare(f"{trace_id!r} matches several traces: give more of the id")
    for call in map(store.traces.call, reversed(ids)):
        if call is not None and call.answer is not None and not call.truncated:
            if call.not_repeatable:
                raise NothingToCompare(f"the call cannot be asked again: {call.not_repeatable}")
            return call
    raise NothingToCompare(f"no call of {trace_id!r} holds an answer that could be compared")


def _with_version(
    prompted: Prompted, store: Store, call: Call, version: str
) -> tuple[Prompted, str]:
    if not call.prompts:
        raise SmileTraceError(f"the call {call.id} used no Prompt, so it has no other version")
    use = call.prompts[0]
    messages = call.messages_with(use, template_of(store, use.name, version))
    changed = prompted.model_copy(update={"messages": messages, "prompts": (), "documents": ()})
    return changed, f"version {version} of {use.name} in place of {use.version}"
