"""An answer that is a refusal, as a text: JSON of the form `{"refusal": "I cannot do that."}`.

It is what is stored, compared and shown as the answer where the server says that the model refused
(OpenAI's `refusal`), or kept the answer back (a content filter: the text is empty). A text that
merely reads like a refusal is an answer.
"""

import json

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError

_KEY = "refusal"


def refusal_text(said: str) -> str:
    """The text of a refusal in these words."""
    return json.dumps({_KEY: said}, ensure_ascii=False)


def read_refusal(answer: str) -> str | None:
    """The words of a refusal of exactly that form; None for any other answer."""
    if not answer.startswith(f'{{"{_KEY}": "'):
        return None
    try:
        whole = foreign.decode(answer, lenient=True)
    except ForeignDataError:
        return None
    said = whole.get(_KEY) if isinstance(whole, dict) and list(whole) == [_KEY] else None
    return said if isinstance(said, str) else None
