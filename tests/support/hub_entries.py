"""Entries of the hub, of planted models: with every response that they were computed from."""

from functools import cache
from typing import Any

import smile_trace
from smile_trace.records import Explanation
from smile_trace.records.entry import Entry
from tests.support.planted import copying

PROMPT = "The shop in Lyon opens at nine. It closes at six. When does it open?"


@cache
def explained(prompt: str = PROMPT, word: str = "nine.", seed: int = 0) -> Explanation:
    """Why a model that copies this word of the prompt says what it says."""
    return smile_trace.explain(prompt, model=copying(word), budget=20, signal="text", seed=seed)


def entry(prompt: str = PROMPT, **about: Any) -> Entry:
    """It, as a line of a file."""
    return Entry.of(explained(prompt), **about)
