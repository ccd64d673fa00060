"""The most that suggestions can cost, before anything is asked."""

from smile_trace.comparison.input_models import request_of
from smile_trace.explaining.cost_estimate import Estimate
from smile_trace.explaining.named_models import settings_of
from smile_trace.records import Prompted
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.suggesting.material import Material, asked_model, read_material


def estimate_suggestions(
    prompt: str,
    settings: Settings,
    *,
    version: str | None = None,
    model: str | None = None,
    budget: int,
    seed: int = 0,
) -> tuple[Estimate, Material]:
    """What `suggest` with the same arguments would ask at most, each call as large as the longest
    request; and what it would be made from. Asks nothing; errors are those of `suggest`."""
    store = Store.look(settings)
    try:
        material = read_material(store, settings, prompt, version, seed)
    finally:
        store.close()
    name = asked_model(material, model)
    assert isinstance(name, str)
    how = settings_of(name, settings)
    return Estimate.of_requests(name, how, _longest(material), budget, "sentence"), material


def _longest(material: Material) -> Prompted:
    cases = [*material.cases_searched, *material.cases_held_out]
    inputs = [*material.searched, *material.held_out, *(case.input for case in cases)]
    requests = [request_of(item, material.template) for item in inputs]
    longest = max(requests, key=lambda one: sum(len(m.content) for m in one.messages))
    return Prompted(
        messages=longest.messages, form=longest.form, parameters=longest.parameters, answer=None
    )
