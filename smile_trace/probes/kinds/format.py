"""Format: the same words with other separators, marks and white space."""

import random
import re
from collections.abc import Callable, Iterator, Sequence

from smile_trace.probes.base import Answer, Variant, Words, says_another_thing
from smile_trace.probes.passages import (
    applied,
    distinct,
    instructions,
    mapped,
    mixtures,
    text_at,
)
from smile_trace.records import Prompted


def _replacing(old: str, new: str) -> Callable[[str], str]:
    return lambda text: re.sub(old, new, text, flags=re.MULTILINE)


def _labels(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: re.sub(
        r"^([^\W\d_][\w ]{0,30})(?=:)", lambda match: change(match[0]), text, flags=re.MULTILINE
    )


CHANGES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("a blank line between paragraphs dropped", _replacing(r"\n[ \t]*\n+", "\n")),
    ("every line break doubled", _replacing(r"(?<!\n)\n(?!\n)", "\n\n")),
    ("labels in capitals", _labels(str.upper)),
    ("labels in small letters", _labels(str.lower)),
    ("“ - ” behind labels", _replacing(r"^([^\W\d_][\w ]{0,30}): ?", r"\1 - ")),
    ("a line break behind labels", _replacing(r"^([^\W\d_][\w ]{0,30}): ?", r"\1:\n")),
    ("“*” for list marks", _replacing(r"^([ \t]*)[-•] ", r"\1* ")),
    ("“-” for list marks", _replacing(r"^([ \t]*)[*•] ", r"\1- ")),
    ("“1)” for “1.”", _replacing(r"^([ \t]*\d+)\. ", r"\1) ")),
    ("“1.” for “1)”", _replacing(r"^([ \t]*\d+)\) ", r"\1. ")),
    ("headings one level lower", _replacing(r"^(#+) ", r"#\1 ")),
    ("without bold", _replacing(r"\*\*([^*\n]+)\*\*", r"\1")),
    ("two spaces behind sentences", _replacing(r"(?<=[.!?]) (?=\S)", "  ")),
    ("lines indented", _replacing(r"^(?=\S)", "  ")),
    ("a line break before it", lambda text: f"\n{text}"),
    ("two line breaks after it", lambda text: f"{text}\n\n"),
    ("a space before the question mark", _replacing(r"(?<=\w)\?", " ?")),
    ("a line for each sentence", _replacing(r"(?<=[.!?]) (?=\S)", "\n")),
    ("without the last full stop", _replacing(r"\.\s*\Z", "")),
    ("straight quotes", lambda text: re.sub("[“”„]", '"', re.sub("[‘’]", "'", text))),
    ("typographic apostrophes", _replacing(r"(?<=\w)'(?=\w)", "’")),
)
"""What a format may differ in; the words stay, and their order."""


class Format:
    """Whether separators, list marks, the case of labels and white space change the answer."""

    words = Words(
        name="format",
        title="Another format",
        found="The answer depends on separators, marks and white space.",
        none="Separators, marks and white space do not matter.",
        needs="an instruction or a question",
        source="Sclar et al. 2023, FormatSpread (2310.11324)",
        cannot_say="which format is best: it looks for a difference, not for the right answer",
    )
    own_measure = False

    def variants(self, call: Prompted, seed: int) -> list[Variant]:
        """One to three changes in each, in a random order."""
        return distinct(call, self._reformatted(call, random.Random(seed)))

    def measure(self, answers: Sequence[Answer]) -> list[bool]:
        """Whether the answer says another thing."""
        return says_another_thing(answers)

    def _reformatted(self, call: Prompted, draw: random.Random) -> Iterator[Variant]:
        places = instructions(call)
        texts = [text_at(call, place) for place in places]
        usable = [c for c in CHANGES if any(c[1](text) != text for text in texts)]
        for chosen in mixtures(len(usable), draw):
            changes = [usable[k] for k in chosen]

            def reformat(
                text: str, changes: list[tuple[str, Callable[[str], str]]] = changes
            ) -> str:
                return applied(text, [change for _, change in changes])

            told = "; ".join(name for name, _ in changes)
            yield Variant(mapped(call, places, reformat), told)
