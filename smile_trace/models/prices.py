"""What tokens cost, by genai-prices' table (shipped with it; the network is never asked)."""

import genai_prices

from smile_trace.records import Usage


def price(usage: Usage, model: str, base_url: str) -> float | None:
    """US dollars for `usage` at the provider behind `base_url`; None where it is not known."""
    counted = genai_prices.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    try:
        priced = genai_prices.calc_price(counted, model, provider_api_url=base_url)
    except LookupError:
        return None
    return float(priced.total_price)
