"""Prompts of anybody, cut into segments: in order, inside of the text, in bounded time."""

import contextlib

from smile_trace.attribution import written
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.units import CannotExplain
from smile_trace.records import Message, Prompted
from tests.support.readers.base import ForeignReader, any_text

_UNITS = ("word", "sentence", "section", "message", "example", "document", "variable")


def _read(data: bytes) -> None:
    texts = any_text(data).replace("\ud800", "").split("\x1e")[:8]
    roles = ("system", "user", "assistant")
    messages = tuple(Message(role=roles[n % 3], content=t) for n, t in enumerate(texts))
    prompted = Prompted(messages=messages)
    for unit in _UNITS:
        try:
            partition = Segmentation(prompted, unit, ("system",) if len(texts) > 1 else ())
        except CannotExplain:
            continue
        coarse = partition.coarse(5)
        for segments in (partition.segments, coarse, partition.refine(coarse, 20)):
            for segment in segments:
                for message, start, end in segment.places:
                    assert 0 <= start <= end <= len(messages[message].content)
    with contextlib.suppress(CannotExplain):
        written(texts[0])


def _seeds() -> list[bytes]:
    texts = [
        "You are terse.\x1eWhat is the capital of France? Answer in one word.\x1eParis",
        "# Title\n\n- one\n- two\n\n```python\nx = 1\n```\n\n<doc id='1'>text</doc>\n<doc>b</doc>",
        "Q: 1+1?\nA: 2\n\nQ: 2+2?\nA: 4\n\nQ: 3+3?\nA:",
        "你好世界。今天天气很好。ภาษาไทยไม่มีเว้นวรรค 👩‍👩‍👧‍👦 e\u0301 \u202eoverride",
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n1. x\n2. y\n\n> quote\n\n---\n[1] source",
        "/(a+)+$/",
    ]
    return [text.encode() for text in texts]


PROMPTS = ForeignReader("prompts", _read, _seeds)
