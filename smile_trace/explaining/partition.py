"""The segments of a prompt: by the unit that was asked for, or where it has none by its parts."""

import re

from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.units import UnitMissing
from smile_trace.errors import ReasonCode
from smile_trace.explaining.options import ExplainOptions
from smile_trace.records import Note, Prompted
from smile_trace.records.formats.requests import with_offered_tools


def as_explained(prompted: Prompted, options: ExplainOptions) -> Prompted:
    """The prompt as it is cut: by the unit `tool`, the tools offered are a message of it."""
    return with_offered_tools(prompted) if options.unit == "tool" else prompted


def partition(prompted: Prompted, options: ExplainOptions) -> tuple[Segmentation, Note | None]:
    """The segmentation, and the note that it is not by the unit of the options.

    Raises:
        CannotExplain: nothing can be removed from this prompt, or own spans are not in it.
    """
    unit = options.unit
    try:
        return Segmentation(prompted, unit, options.protect), None
    except UnitMissing:
        if not isinstance(unit, str | re.Pattern):
            raise
    missing = f"unit {unit!r}" if isinstance(unit, str) else f"match of /{unit.pattern}/"
    note = Note(
        code=ReasonCode.UNIT_MISSING,
        text=f"The prompt has no {missing}, so its structure was taken (unit 'auto').",
    )
    return Segmentation(prompted, "auto", options.protect), note
