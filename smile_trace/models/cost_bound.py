"""The most that one attempt at a captured prompt can use, without opening its model."""

from smile_trace.models import wire
from smile_trace.models.base import Request
from smile_trace.models.prices import price
from smile_trace.records import Prompted, Usage
from smile_trace.settings import EndpointSettings, LocalSettings, ModelSettings


def attempt_bound(
    name: str, how: ModelSettings, prompted: Prompted
) -> tuple[Usage | None, float | None]:
    """Tokens and US dollars of the dearest attempt at `prompted` or a part of it.

    Args:
        name: the captured model name.
        how: how that model is asked again.
        prompted: the call.

    Returns:
        Tokens, None where they cannot be known (a function); dollars, None where no price is
        known.
    """
    if not isinstance(how, EndpointSettings | LocalSettings):
        return None, None
    request = Request(
        messages=prompted.messages, form=prompted.form, parameters=prompted.parameters
    )
    form = how.form or request.form
    sent = wire.parameters(request, form=form, limit={"max_tokens": how.max_tokens})
    most = wire.most_tokens({**wire.question(request.messages, form=form), **sent})
    if isinstance(how, LocalSettings):  # it may be asked for the logged answer, token by token
        scored = len((prompted.answer or "").encode("utf-8", "surrogatepass"))
        return most.model_copy(update={"output_tokens": max(most.output_tokens or 0, scored)}), 0.0
    return most, price(most, how.model or name, how.base_url)
