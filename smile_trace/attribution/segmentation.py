"""A prompt cut into segments, the pieces that can be left out.

Keys name a segment by its place in the template, so that they are the same in every call of
it: `NAME:VERSION:UNIT:OFFSET` for the template's own text (offset in characters of the
template), `NAME:VERSION:var:VARIABLE` for a variable's value, with `:UNIT:ORDINAL` for the
pieces of that value, and `MESSAGE:UNIT:ORDINAL` outside templates.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from smile_trace.attribution import breaks
from smile_trace.attribution.breaks import Range
from smile_trace.errors import SmileTraceError
from smile_trace.records import Message, Prompted, PromptUse, Segment, Unit

Freeze = Sequence[str | re.Pattern[str]]
Span = tuple[int, int, int]
"""Characters `[start, end)` of a message: (message, start, end)."""

_ROLES = frozenset(("system", "developer", "user", "assistant", "tool", "function"))


class CannotExplain(SmileTraceError):
    """The prompt has nothing that could be left out; the message says why."""


class Segmentation:
    """The segments of one prompt, coarse or fine.

    Raises:
        CannotExplain: the prompt is empty, everything in it is frozen, or the unit is
            `variable` and no template was rendered into it.
    """

    def __init__(self, prompted: Prompted, unit: Unit, freeze: Freeze = ()) -> None:
        self._messages = prompted.messages
        self._uses = prompted.prompts
        self._frozen = _frozen_ranges(prompted.messages, freeze)
        if not any(message.content.strip() for message in prompted.messages):
            raise CannotExplain("The prompt is empty, so there is nothing to leave out.")
        if unit == "variable" and not prompted.prompts:
            raise CannotExplain(
                "No Prompt was rendered into this call, so it has no template variables: "
                "explain it by the unit 'word'."
            )
        self.unit = unit
        self.segments = self._cut(unit)
        if all(segment.frozen for segment in self.segments):
            raise CannotExplain("Everything in the prompt is frozen: freeze less of it.")

    def coarse(self, limit: int) -> tuple[Segment, ...]:
        """The finest partition of the prompt with at most `limit` free segments."""
        return self.segments if _free(self.segments) <= limit else self._fit(None, limit)

    def refine(self, coarse: Sequence[Segment], limit: int) -> tuple[Segment, ...]:
        """The finest partition of these segments with at most `limit` free segments."""
        inside = [(s.message, s.start, s.end) for s in coarse]
        segments = self._cut(self.unit, inside)
        return segments if _free(segments) <= limit else self._fit(inside, limit)

    def size(self, segments: Sequence[Segment]) -> int:
        """How many free segments of the finest kind these hold."""
        return _free(self._cut(self.unit, [(s.message, s.start, s.end) for s in segments]))

    def _fit(self, inside: Sequence[Span] | None, limit: int) -> tuple[Segment, ...]:
        """Sentences, the long ones cut; joined with their neighbours where they are too many."""
        if self.unit != "word":
            return self._merge(self._cut(self.unit, inside), limit)
        sentences = self._cut("sentence", inside)
        words = [self._cut("word", [(s.message, s.start, s.end)]) for s in sentences]
        longest = 2 * -(-sum(map(len, words)) // limit)
        spans: list[tuple[Span, bool]] = []
        whole = True
        for sentence, pieces in zip(sentences, words, strict=True):
            if sentence.frozen or len(pieces) <= longest:
                spans.append(((sentence.message, sentence.start, sentence.end), sentence.frozen))
                continue
            whole = False
            for group in _groups(pieces, -(-len(pieces) // longest)):
                spans.append(((sentence.message, group[0].start, group[-1].end), False))
        segments = self._named(spans, "sentence" if whole else "span")
        return segments if _free(segments) <= limit else self._merge(segments, limit)

    def _cut(self, unit: Unit, inside: Sequence[Span] | None = None) -> tuple[Segment, ...]:
        if inside is None:
            inside = [(i, 0, len(m.content)) for i, m in enumerate(self._messages)]
        spans: list[tuple[Span, bool]] = []
        for message, start, end in inside:
            for a, b in self._ranges(unit, message, start, end):
                spans.extend(((message, c, d), f) for c, d, f in self._around(message, a, b, unit))
        return self._named(spans, unit)

    def _ranges(self, unit: Unit, message: int, start: int, end: int) -> list[Range]:
        text = self._messages[message].content
        if unit == "variable":
            return self._variables(message, start, end)
        if unit == "message":
            whole = breaks.strip(text, start, end)
            return [] if whole is None else [whole]
        if unit == "word":
            return [(start + a, start + b) for a, b in breaks.words(text[start:end])]
        edges = [edge for u in self._uses if u.message == message for edge in (u.start, u.end)]
        inside = sorted({start, end, *(edge for edge in edges if start < edge < end)})
        return [(a + c, a + d) for a, b in pairwise(inside) for c, d in breaks.sentences(text[a:b])]

    def _variables(self, message: int, start: int, end: int) -> list[Range]:
        """Variables' values and the stretches between; marks alone go with what precedes."""
        text = self._messages[message].content
        edges = {start, end}
        for use in self._uses:
            if use.message == message:
                edges |= {use.start, use.end}
                edges |= {edge for v in use.variable_spans for edge in (v.start, v.end)}
        inside = sorted(edge for edge in edges if start <= edge <= end)
        found: list[Range] = []
        for a, b in pairwise(inside):
            piece = breaks.strip(text, a, b)
            if piece is None:
                continue
            if found and not any(c.isalnum() for c in text[piece[0] : piece[1]]):
                found[-1] = (found[-1][0], piece[1])
            else:
                found.append(piece)
        return found

    def _around(
        self, message: int, start: int, end: int, unit: Unit
    ) -> list[tuple[int, int, bool]]:
        """A range split around what is frozen in it; a word is frozen whole."""
        text = self._messages[message].content
        hits = [(a, b) for a, b in self._frozen[message] if a < end and b > start]
        if not hits or unit == "word":
            return [(start, end, bool(hits))]
        pieces: list[tuple[int, int, bool]] = []
        at = start
        for a, b in [*hits, (end, end)]:
            b = _with_marks(text, min(b, end), end)
            if (free := breaks.strip(text, at, max(at, a))) is not None:
                pieces.append((*free, False))
            if (kept := breaks.strip(text, max(at, a), b)) is not None:
                pieces.append((*kept, True))
            at = max(at, b)
        return pieces

    def _merge(self, segments: Sequence[Segment], limit: int) -> tuple[Segment, ...]:
        """Neighbours of one message joined until at most `limit` free segments are left."""
        free = _free(segments)
        runs: list[list[Segment]] = []
        for segment in segments:
            joins = runs and not segment.frozen and not runs[-1][-1].frozen
            if joins and runs[-1][-1].message == segment.message:
                runs[-1].append(segment)
            else:
                runs.append([segment])
        budget = max(limit - sum(not run[0].frozen for run in runs), 0)
        spans: list[tuple[Span, bool]] = []
        for run in runs:
            parts = 1 if run[0].frozen else 1 + int(budget * len(run) / free)
            for group in _groups(run, parts):
                head, tail = group[0], group[-1]
                spans.append(((head.message, head.start, tail.end), head.frozen))
        return self._named(spans, "span")

    def _named(self, spans: Sequence[tuple[Span, bool]], unit: Unit) -> tuple[Segment, ...]:
        keys: Counter[str] = Counter()
        segments: list[Segment] = []
        for (message, start, end), frozen in spans:
            content = self._messages[message].content
            place, counted = self._place(message, start, unit)
            keys[place] += 1
            ordinal = keys[place] - 1
            key = f"{place}:{ordinal}" if counted or ordinal else place
            segments.append(
                Segment(
                    text=content[start:end],
                    message=message,
                    role=self._messages[message].role,
                    start=start,
                    end=end,
                    unit=unit,
                    key=key,
                    frozen=frozen,
                )
            )
        return tuple(segments)

    def _place(self, message: int, start: int, unit: Unit) -> tuple[str, bool]:
        """The stem of a key, and whether an ordinal has to follow it."""
        for use in self._uses:
            if use.message != message or not use.start <= start < use.end:
                continue
            stem = f"{use.name}:{use.version}"
            for span in use.variable_spans:
                if span.start <= start < span.end:
                    stem = f"{stem}:var:{span.name}"
                    return (stem, False) if unit == "variable" else (f"{stem}:{unit}", True)
            return f"{stem}:{unit}:{_template_offset(use, start)}", False
        return f"{message}:{unit}", True


def _template_offset(use: PromptUse, position: int) -> int:
    """Where in the template the character at `position` of the message stands."""
    spans = sorted(use.variable_spans, key=lambda span: span.start)
    before = spans[: bisect_right([span.end for span in spans], position)]
    grown = sum((span.end - span.start) - len(f"{{{span.name}}}") for span in before)
    return position - use.start - grown


def _with_marks(text: str, position: int, end: int) -> int:
    """The end of the marks that follow a frozen text directly: they stay with it."""
    while position < end and not (text[position].isalnum() or text[position].isspace()):
        position += 1
    return position


def _free(segments: Sequence[Segment]) -> int:
    return sum(not segment.frozen for segment in segments)


def _groups(run: Sequence[Segment], parts: int) -> list[list[Segment]]:
    """A run cut into at most `parts` groups of about equal length in characters."""
    length = run[-1].end - run[0].start
    groups: dict[int, list[Segment]] = {}
    for segment in run:
        middle = (segment.start + segment.end) / 2 - run[0].start
        groups.setdefault(min(int(parts * middle / length), parts - 1), []).append(segment)
    return list(groups.values())


def _frozen_ranges(messages: Sequence[Message], freeze: Freeze) -> list[list[Range]]:
    """Per message the ranges that are never left out, in order and without overlap."""
    roles = _ROLES | {message.role for message in messages}
    frozen_roles = {item for item in freeze if isinstance(item, str) and item in roles}
    patterns = [
        _exactly(item) if isinstance(item, str) else item
        for item in freeze
        if item not in frozen_roles and item != ""
    ]
    ranges: list[list[Range]] = []
    for message in messages:
        if message.role in frozen_roles:
            ranges.append([(0, len(message.content))])
            continue
        hits = sorted(
            match.span()
            for pattern in patterns
            for match in pattern.finditer(message.content)
            if match.end() > match.start()
        )
        merged: list[Range] = []
        for a, b in hits:
            if merged and a <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        ranges.append(merged)
    return ranges


def _exactly(text: str) -> re.Pattern[str]:
    """The text where it stands as words of its own ("of", but not in "office")."""
    text = text.strip()
    before = r"(?<!\w)" if re.match(r"\w", text) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", text) else ""
    return re.compile(before + re.escape(text) + after)
