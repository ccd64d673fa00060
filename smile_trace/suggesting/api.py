"""`suggest()`: possible changes of a prompt, tried before they are suggested, and their cost."""

import uuid
from datetime import UTC, datetime

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace._text.lists import listed
from smile_trace.attribution.one_thread import one_thread
from smile_trace.comparison.answers import VersionDistance
from smile_trace.comparison.evidence import NothingToCompare
from smile_trace.comparison.version_replay import InputModels
from smile_trace.comparison.version_report import base_url_of
from smile_trace.explaining.driver import wait_for
from smile_trace.explaining.options import AnyModel
from smile_trace.explaining.spending import Estimate
from smile_trace.models.registry import settings_of
from smile_trace.records.suggestion import NotProposed, Suggestion, Suggestions
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.unread import unread_files
from smile_trace.suggesting.material import Material, answerable, asked_model, read_material
from smile_trace.suggesting.proposals import find_and_try
from smile_trace.suggesting.trials import MIN_HELD_OUT, Replays, Trials


def summarize(found: Suggestions) -> str:
    """The suggestions in a sentence, with the number of calls they were tried on."""
    of, untested = f"{found.prompt} {found.version}", ""
    if found.not_tested:
        texts = listed([f"“{one.text}”" for one in found.not_tested])
        untested = f" Not tested by these calls, so not to be removed: {texts}."
    if not found.suggestions:
        why = "; ".join(f"{one.what}: {one.why}" for one in found.not_proposed)
        return f"Nothing is proposed for {of}. {why}.{untested}"
    what = ". ".join(one.what for one in found.suggestions)
    tried = f"{found.held_out} calls"
    if found.cases_held_out:
        tried += f" and {found.cases_held_out} confirmed failures"
    return f"For {of}, replayed on {tried} that were held out: {what}.{untested}"


def suggest(
    prompt: str,
    *,
    version: str | int | None = None,
    model: AnyModel | None = None,
    budget: int = 800,
    seed: int = 0,
    app: str | None = None,
    settings: Settings | None = None,
) -> Suggestions:
    """Suggest changes of a prompt: without instructions that make no difference, without an
    instruction or a document that makes confirmed failures wrong, with a sentence against
    instructions that stand in documents, an order or a format on which the answers depend less.

    Each was replayed on calls and confirmed failures that were held out, and harmed none of them.
    No tool is executed: a replay is a request, and only the text of its answer is used.

    Args:
        prompt: the name of the Prompt.
        version: by default the one called last.
        model: who answers (a name, a Model or a function `str -> str`); by default what the
            settings map the calls' own model to.
        budget: the most new calls to the model. The settings' daily caps hold as well.
        seed: decides which calls and cases are held out.
        app: the module of the application, for calls of a model of kind "rerun".
        settings: by default those of the environment and the nearest `smile_trace.toml`.

    Raises:
        NothingToCompare: no such prompt or version, or too few different calls of it; the message
            says what to do, and nothing was asked.
        SmileTraceError: the model cannot be asked.
        ValueError: budget is below 1.
    """
    if budget < 1:
        raise ValueError("budget is at least 1")
    settings = settings or Settings()
    label = None if version is None else str(version)
    with Store.look(settings) as store, one_thread():
        material = read_material(store, settings, prompt, label, seed)
        models = InputModels(
            asked_model(material, model),
            store,
            settings,
            app=app,
            budget=budget,
            scope=f"suggest/{prompt}/{uuid.uuid4().hex}",
        )
        material = _enough(answerable(material, models), prompt, store, settings)
        calls = [one.call for one in (*material.searched, *material.held_out)]
        exact = all(models.of(call).deterministic(call.parameters) for call in calls)
        replays = Replays(models, budget, exact=exact)
        distance = VersionDistance(settings.explain.distance)
        limit = settings.explain.smallest_effect
        trials = Trials(material, replays, distance, limit, seed)
        address = base_url_of(material.model, settings)
        with suppress_instrumentation():
            found, untested = wait_for(find_and_try(trials, address))
    done = Suggestions(
        prompt=prompt,
        version=material.report.version,
        model=models.of(material.traffic[0]).name,
        template=material.template,
        suggestions=tuple(one for one in found if isinstance(one, Suggestion)),
        not_proposed=tuple(one for one in found if isinstance(one, NotProposed)),
        not_tested=tuple(untested),
        searched=len(material.searched),
        held_out=len(material.held_out),
        cases_searched=len(material.cases_searched),
        cases_held_out=len(material.cases_held_out),
        calls=replays.calls,
        smallest_effect=limit,
        seed=seed,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return done.model_copy(update={"summary": summarize(done)})


def _enough(material: Material, prompt: str, store: Store, settings: Settings) -> Material:
    """The material, if a change could be proposed from it, however its calls answer."""
    searched, held_out = len(material.searched), len(material.held_out)
    if held_out >= MIN_HELD_OUT:
        return material
    what = f"Capture {2 * MIN_HELD_OUT} or more"
    if unread := len(unread_files(store, settings.spool)):
        what = f"Spool files not read yet: {unread}. Run `smile-trace worker --once`"
    raise NothingToCompare(
        f"{searched + held_out} different calls of {prompt!r} version {material.report.version!r} "
        f"are too few to suggest anything: half of them are held out to try it on, and "
        f"{MIN_HELD_OUT} are needed there. {what}; nothing was asked."
    )


def estimate_suggestions(
    prompt: str,
    settings: Settings,
    *,
    version: str | None = None,
    model: str | None = None,
    budget: int,
    seed: int = 0,
) -> tuple[Estimate, Material]:
    """The most that `suggest` with the same arguments would ask, each call as large as the longest
    request, and its material. Asks nothing; errors are those of `suggest`."""
    with Store.look(settings) as store:
        material = read_material(store, settings, prompt, version, seed)
        material = _enough(material, prompt, store, settings)
    name = asked_model(material, model)
    assert isinstance(name, str)
    how = settings_of(name, settings)
    cases = [*material.cases_searched, *material.cases_held_out]
    inputs = [*material.searched, *material.held_out, *(case.input for case in cases)]
    return Estimate.of_calls(name, how, (one.call for one in inputs), budget), material
