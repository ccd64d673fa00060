"""A logged call that is asked again with changes; what the store holds is not asked for."""

import uuid
from collections.abc import Sequence

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.comparison.answers import text_distance
from smile_trace.comparison.replayed import REPEATS, Replay, with_verdict
from smile_trace.comparison.request_edits import RequestEdits
from smile_trace.explaining.driver import wait_for
from smile_trace.explaining.options import AnyModel
from smile_trace.explaining.preparation import open_any
from smile_trace.models import ModelUnavailable, Request
from smile_trace.models.base import limit_of
from smile_trace.models.metered import MeteredModel
from smile_trace.models.registry import NoModel
from smile_trace.records import Call, Explanation, Perturbation, Prompted, Response
from smile_trace.records.call import answer_limit
from smile_trace.records.formats.requests import is_offered
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.stored import look

_Known = Sequence[Response | None]
"""Stored answers to a request by replicate."""


class CallAgain:
    """Answers to changed requests of a call, beside those to the unchanged one. Stored are those of
    its explanations and of earlier replays.

    Args:
        calls: the most calls, retries included.
        who: who is asked; by default the call's own model.
        beside: who is asked for answers to the unchanged request; by default its own, or, where
            that cannot be asked, the same.
        app: the module of the application, for a model of kind "rerun".
        prompted: its request where it is not as it was logged.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        call: Call,
        calls: int,
        *,
        who: AnyModel | None = None,
        beside: AnyModel | None = None,
        app: str | None = None,
        prompted: Prompted | None = None,
    ) -> None:
        self.call, self.calls = call, calls
        self._store, self._settings = store, settings
        own = call.model or "*"
        self._who, self._beside = own if who is None else who, own if beside is None else beside
        self._app = app
        self._scope = f"replay/{uuid.uuid4().hex}"
        known = look(store, call.id, {})
        stored = [one.result for one in (known.found or known.other, *known.beside) if one]
        self._explanations = [one for one in stored if isinstance(one, Explanation)]
        self._logged = Prompted.of(call)
        self.edits = RequestEdits(prompted or self._logged, next(iter(self._explanations), None))
        self._distance = text_distance(settings.explain.distance)

    @property
    def left(self) -> int:
        """How many calls may still be made."""
        return max(0, self.calls - self._store.ledger.spent("explanation", self._scope).calls)

    def replay(self, edited: Prompted, changed: Sequence[str], count: int) -> Replay:
        """Ask for `count` answers to an edited request and, if they are several, for as many to the
        unchanged one; one each if the models repeat themselves. `changed` says what was edited; if
        nothing was, no stored answer is taken. Raises SmileTraceError if the model cannot be
        asked."""
        return wait_for(self._both(edited, changed, count, asking=True))[0]

    def stored(self, edited: Prompted, changed: Sequence[str]) -> tuple[Replay, int, int]:
        """What is stored of an edited request, and how many calls one answer, and REPEATS to it and
        to the unchanged request, would take."""
        made, answers, originals = wait_for(self._both(edited, changed, REPEATS, asking=False))
        return made, int(answers[0] is None), [*answers, *originals].count(None)

    async def _both(
        self, edited: Prompted, changed: Sequence[str], count: int, *, asking: bool
    ) -> tuple[Replay, _Known, _Known]:
        model = self._model(self._who)
        try:
            own: MeteredModel | None = self._model(self._beside)
        except (NoModel, ModelUnavailable):
            own = None if edited == self._logged else model
        if model.name != self.call.model:
            changed = (f"model {model.name}", *changed)
        exact = model.deterministic(edited.parameters) and (
            own is None or own.deterministic(self._logged.parameters)
        )
        times = 1 if exact and changed else count
        originals: _Known = ()
        with suppress_instrumentation():
            if asking and not changed:
                model = self._model(self._who, fresh=True)
                answers: _Known = await model.generate(self._requests(edited, times))
            else:
                answers = await self._answers(model, edited, times, asking)
            if changed and count > 1 and own is not None:
                originals = await self._answers(own, self._logged, times, asking)
        told = [one for one in (*answers, *originals) if one is not None]
        made = Replay(
            call=self.call,
            messages=edited.messages,
            model=model.name,
            parameters=edited.parameters,
            changed=tuple(changed),
            answers=tuple(one.text or "" for one in answers if one and one.ok),
            originals=tuple(one.text or "" for one in originals if one and one.ok),
            failures=tuple(str(one.failure) for one in told if not one.ok),
        )
        return with_verdict(made, self._distance, exact=exact), answers, originals

    def _model(self, who: AnyModel, *, fresh: bool = False) -> MeteredModel:
        return MeteredModel(
            open_any(who, self._settings, self.call, self._app),
            ledger=self._store.ledger.with_budget(self.calls),
            cache=self._store.responses.used_by(self.call.trace_id),
            explanation=self._scope,
            fresh=fresh,
            paid_as=who if isinstance(who, str) else None,
        )

    async def _answers(
        self, model: MeteredModel, prompted: Prompted, count: int, asking: bool
    ) -> _Known:
        """The answers by replicate, those that are stored among them."""
        told, requests = self._told(model, prompted), self._requests(prompted, count)
        known = [told.get(k) or r for k, r in enumerate(await model.known(requests))]
        missing = [request for request, r in zip(requests, known, strict=True) if r is None]
        asked = iter(await model.generate(missing) if asking else [None] * len(missing))
        return [next(asked) if r is None else r for r in known]

    def _told(self, model: MeteredModel, prompted: Prompted) -> dict[int, Response]:
        """The answers that stand in explanations, by replicate. These limit answers by the logged
        one's length: those that may have been cut are left out."""
        sent = Perturbation(kind="chosen", mask=(), messages=prompted.messages).text_hash
        limit = None if limit_of(self._requests(prompted, 1)[0]) else self._logged.answer_limit
        return {
            row.replicate: Response(text=row.response, cached=True)
            for one in self._explanations
            if one.settings.model == model.name and one.parameters == prompted.parameters
            if one.signal == "text" and not one.of_reasoning and not is_offered(one.messages)
            for row in one.perturbations
            if row.text_hash == sent and row.asked == "target" and row.response is not None
            if limit is None or answer_limit(row.response) <= limit
        }

    def _requests(self, prompted: Prompted, count: int) -> list[Request]:
        sent = {"messages": prompted.messages, "parameters": prompted.parameters}
        of = Request.of(self._logged).model_copy(update=sent | {"answer_limit": None})
        return [of.model_copy(update={"replicate": k}) for k in range(count)]
