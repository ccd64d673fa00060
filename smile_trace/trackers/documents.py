"""Documents of ours that a tracker or a folder kept: whoever has it may have changed them."""

from typing import TypeVar

from smile_trace._guards import foreign
from smile_trace.records import Record

R = TypeVar("R", bound=Record)


def read_document(kind: type[R], content: bytes) -> R | None:
    """The document; None where it cannot be read any more, or is beyond the bounds."""
    try:
        foreign.decode(content)
        return kind.model_validate_json(content)
    except ValueError:
        return None
