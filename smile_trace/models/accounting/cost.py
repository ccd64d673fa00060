"""Prices of tokens, and the bound on what an attempt at a captured prompt can cost."""

import genai_prices

from smile_trace.models.anthropic_api import wire as anthropic_wire
from smile_trace.models.base import Request
from smile_trace.models.openai_api import wire
from smile_trace.records import Prompted, Usage
from smile_trace.settings import (
    AnthropicSettings,
    LocalSettings,
    ModelSettings,
    RerunSettings,
    ServerSettings,
)


def price(usage: Usage, model: str, base_url: str) -> float | None:
    """US dollars for `usage` at the provider behind `base_url`; None where it is not known.

    The prices are those of the installed genai-prices; no network is used.
    """
    counted = genai_prices.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    try:
        priced = genai_prices.calc_price(counted, model, provider_api_url=base_url)
    except LookupError:
        return None
    return float(priced.total_price)


def most_attempts(how: ModelSettings) -> int:
    """How often one request is sent at most, with its retries."""
    return 1 + (how.retries if isinstance(how, ServerSettings) else 1)


def attempt_bound(
    name: str, how: ModelSettings, prompted: Prompted
) -> tuple[Usage | None, float | None]:
    """Upper bounds of the tokens and US dollars of one attempt at `prompted` or a perturbation.

    Args:
        name: the captured model name.
        how: its settings.
        prompted: the call.

    Returns:
        Tokens, None where they cannot be known (a function); dollars, None where no price is
        known.
    """
    if isinstance(how, RerunSettings):
        return None, None
    request = Request.of(prompted)
    if isinstance(how, AnthropicSettings):
        bound = anthropic_wire.token_bound(anthropic_wire.body(request, max_tokens=how.max_tokens))
        return bound, price(bound, how.model or name, how.base_url)
    form = how.form or request.form
    limit = "max_output_tokens" if form == "responses" else "max_tokens"
    sent = wire.parameters(request, form=form, limit={limit: how.max_tokens})
    bound = wire.token_bound({**wire.question(request.messages, form=form), **sent})
    if isinstance(how, LocalSettings):  # it may be asked for the logged answer, token by token
        scored = len((prompted.answer or "").encode("utf-8", "surrogatepass"))
        output = max(bound.output_tokens or 0, scored)
        return bound.model_copy(update={"output_tokens": output}), 0.0
    return bound, price(bound, how.model or name, how.base_url)
