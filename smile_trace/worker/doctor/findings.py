"""What doctor says."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from smile_trace._guards.presentable import LONGEST_LINE, presentable
from smile_trace.records import Record

Level = Literal["good", "note", "bad"]


class Finding(Record):
    """One thing that was looked at. `bad` keeps the worker from its work."""

    level: Level
    about: str
    said: Annotated[str, AfterValidator(lambda text: presentable(text, longest=LONGEST_LINE))]
