"""A profile of a planted model whose answer depends on which document stands first."""

from functools import cache

import smile_trace
from smile_trace.records.profile import Profile

QUESTION = """Answer from the documents.

[1] Returns are accepted within 30 days of delivery.

[2] Shipping is free above 50 euros.

[3] Batteries go to a collection point.

Question: How long may I return an item?"""

RETURNS, BATTERIES = "You may return it within 30 days.", "Batteries go to a collection point."


def first_document(prompt: str) -> str:
    """Answers from the document that stands first, and knows the answer without any."""
    begin = min(prompt.find(one) for one in ("Returns", "Shipping", "Batteries"))
    return RETURNS if begin < 0 or prompt[begin:].startswith("Returns") else BATTERIES


@cache
def sample_profile(answer: str = RETURNS) -> Profile:
    """`order` is found, nothing else; the documents' answers are as given."""

    def told(prompt: str) -> str:
        return answer if first_document(prompt) == RETURNS else BATTERIES

    return smile_trace.profile(QUESTION, model=told, answer=answer, budget=60)
