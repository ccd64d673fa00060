"""A prompt's logged calls profiled now, on the store's ledger, caps and cache."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace._text.prompts import VARIABLE
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.driver import ExplanationFailed, wait_for
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.preparation import Prepared, prepare_call
from smile_trace.models.metered import MeteredModel
from smile_trace.models.registry import open_embeddings
from smile_trace.probes import Probe, profile_metered
from smile_trace.probes.api import OnAnswers
from smile_trace.records import Call, Document, Message
from smile_trace.records.message import identity_of
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.job_results import StoredProfile
from smile_trace.store.queries.calls import newest_calls
from smile_trace.store.tables import Group

WORKING_COPY = "working copy"
"""The version of a template that no call was made with."""
MOST_READ = 1000
"""The number of newest calls among which those to ask are looked for."""


@dataclass(frozen=True)
class PreparedCall:
    """A logged call, and how it is asked again."""

    call: Call
    version: str
    prepared: Prepared


def prepare_calls(
    store: Store,
    settings: Settings,
    name: str,
    number: int,
    *,
    budget: int,
    seed: int = 0,
    app: str | None = None,
    template: str | None = None,
    given: Sequence[Call] = (),
    model: str | None = None,
) -> list[PreparedCall]:
    """Return the newest calls of a prompt (or function) that can be asked again, each request once.
    Asks nothing.

    Args:
        number: the most calls.
        budget: the most calls to the model for each.
        app: the application's module, for models of kind "rerun".
        template: rendered in place of the calls' own prompt; its answers are asked first.
        given: calls in place of the logged ones, with a template.
        model: who is asked; by default each call's own model.

    Raises:
        SmileTraceError: there is none, or its model cannot be asked.
    """
    found: dict[str, Call] = {}
    for call in given or newest_calls(store.database, name, MOST_READ):
        if (call.answer is None and not given) or call.not_repeatable or call.truncated:
            continue
        rendered = call if template is None else rendered_with(call, name, template)
        if rendered is not None:
            found.setdefault(identity_of(rendered.messages), rendered)
    if not found:
        raise SmileTraceError(
            f"no call of a prompt or function named {name!r} is in the store that can be asked "
            f"again{'' if template is None else ' with that template'}: if calls were "
            "captured just now, run smile-trace worker --once first"
        )
    options = ExplainOptions(budget=budget, seed=seed)
    return [
        PreparedCall(
            call,
            WORKING_COPY if template is not None else Group.of(call).version,
            prepare_call(call, settings, options, model=model, app=app),
        )
        for call in list(found.values())[:number]
    ]


def rendered_with(call: Call, name: str, template: str) -> Call | None:
    """Return the call with another template, without its answer; None if a variable is missing."""
    use = next((use for use in call.prompts if use.name == name), None)
    if use is None or not set(VARIABLE.findall(template)) <= use.variables.keys():
        return None
    messages = call.messages_with(use, template)
    return call.model_copy(
        update={
            "messages": messages,
            "answer": None,
            "prompts": (),
            "documents": tuple(_moved(one, call, messages) for one in call.documents),
        }
    )


def _moved(document: Document, call: Call, messages: Sequence[Message]) -> Document:
    if document.place is None:
        return document
    message, start, end = document.place
    text = call.messages[message].content[start:end]
    at = messages[message].content.find(text)
    place = None if at < 0 else (message, at, at + len(text))
    return document.model_copy(update={"place": place})


def profiles_now(
    name: str,
    calls: Iterable[PreparedCall],
    probes: Sequence[Probe],
    store: Store,
    settings: Settings,
    *,
    on_answers: OnAnswers | None = None,
    on_failure: Callable[[str, SmileTraceError], None],
) -> Iterator[StoredProfile]:
    """Yield the calls' profiles as the store would hold them, without keeping them. Every answer is
    cached, so that after a cap or an interruption they go on for free. `probes`: the two controls,
    and others; `on_failure`: called with the id of a call that could not be profiled. Raises
    BudgetExceeded if a daily cap is reached; ModelUnavailable if nothing can be asked at all."""
    embed = open_embeddings(settings)
    for number, one in enumerate(calls):
        paid = metered(one.call, one.prepared, store, settings)
        asking = profile_metered(one.prepared, paid, probes, embed=embed, on_answers=on_answers)
        try:
            with suppress_instrumentation():
                profile = wait_for(asking)
        except ExplanationFailed as error:
            on_failure(one.call.id, error)
            continue
        yield StoredProfile(
            id=number,
            call_id=one.call.id,
            trace_id=one.call.trace_id,
            prompt=name,
            version=one.version,
            period="",
            created_at=0.0,
            profile=profile,
        )


def metered(
    call: Call, prepared: Prepared, store: Store, settings: Settings, *, fresh: bool = False
) -> MeteredModel:
    """Return the model of a logged call, paid for by the store's ledger; `prepared`'s budget is a
    cap. `fresh`: ask again what was asked before."""
    return MeteredModel(
        prepared.model,
        ledger=store.ledger.with_budget(prepared.options.calls),
        cache=store.responses,
        explanation=f"{call.id}/test/{uuid.uuid4().hex}",
        fresh=fresh,
        paid_as=call.model,
    )
