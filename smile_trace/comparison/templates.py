"""Templates of a prompt: where they come from, and their segments. Each variable is one segment.
Segment keys are those of an Explanation (`NAME:VERSION:UNIT:OFFSET`, `NAME:VERSION:var:VARIABLE`),
so that the rows of all calls of a template can be pooled."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast

from smile_trace._text.prompts import VARIABLE
from smile_trace.attribution.segmentation import boundaries
from smile_trace.comparison.git import GitFailed, git
from smile_trace.errors import SmileTraceError
from smile_trace.records import PromptUse, Segment, Unit
from smile_trace.records.comparison import TemplateSegment

MIN_SENTENCES = 4
"""Number of sentences and lines below which a template is segmented into words."""
_KNOWN: tuple[Unit, Unit] = ("word", "sentence")
"""Units whose ends in a template are known."""


class NoTemplate(SmileTraceError):
    """A template cannot be read; the message says what to do."""


# -- segments -------------------------------------------------------------------------------------


def template_segments(name: str, version: str, template: str) -> tuple[TemplateSegment, ...]:
    """Segment a template into sentences and lines, or words if it has few of them. Punctuation
    between variables belongs to no segment and is always retained."""
    sentences = segment_template(name, version, template, "sentence")
    if sum(segment.variable is None for segment in sentences) >= MIN_SENTENCES:
        return sentences
    return segment_template(name, version, template, "word")


def segment_template(
    name: str, version: str, template: str, unit: Unit
) -> tuple[TemplateSegment, ...]:
    """Segment a template into sentences (and lines) or words, each variable as one segment."""
    split = boundaries.words if unit == "word" else boundaries.rules
    segments: list[TemplateSegment] = []
    seen: dict[str, int] = {}
    at = 0
    for variable, start, end in [*_variables(template), (None, len(template), len(template))]:
        for a, b in split(template[at:start]):
            a, b = at + a, at + b
            text = template[a:b]
            if any(c.isalnum() for c in text):
                key = f"{name}:{version}:{unit}:{a}"
                segments.append(TemplateSegment(key=key, text=text, start=a, end=b, unit=unit))
        if variable is not None:
            key = f"{name}:{version}:var:{variable}"
            again = seen[key] = seen.get(key, -1) + 1
            segments.append(
                TemplateSegment(
                    key=f"{key}:{again}" if again else key,
                    text=template[start:end],
                    start=start,
                    end=end,
                    unit="variable",
                    variable=variable,
                )
            )
        at = end
    return tuple(segments)


class TemplateKey(NamedTuple):
    """What an explanation's key says of a part: its unit and where in the template it begins; or
    the variable whose value it is (or is in), and in which of that variable's slots."""

    variable: str | None
    unit: Unit
    offset: int = 0


def read_key(stem: str, key: str) -> TemplateKey | None:
    """Read a key of a template, all of whose keys begin with `stem` (`NAME:VERSION:`). None if it
    is of other text, or of the rest of a prompt, which was never removed and so is no part."""
    kind, _, more = key.removeprefix(stem).partition(":")
    where, _, inside = more.partition(":")
    if not key.startswith(stem) or kind == "rest" or inside.startswith("rest:"):
        return None
    if kind != "var":
        return TemplateKey(None, cast(Unit, kind), int(where)) if where.isdecimal() else None
    if not inside or inside.isdecimal():
        return TemplateKey(where, "variable", int(inside or 0))
    return TemplateKey(where, cast(Unit, inside.partition(":")[0]))


def segments_of_levels(
    name: str, version: str, template: str, levels: Sequence[Sequence[str]]
) -> list[list[TemplateSegment | None]]:
    """What each unit of an explanation's levels, which its keys name coarse to fine, is of the
    template; None for other text. A word or sentence stands as it is, any other unit goes from
    where its key says to the next of its own or a coarser level, over variables that no key names.
    A piece of a variable's value is that variable, where no coarser level has the value."""
    stem, ends, slots = f"{name}:{version}:", *_ends_and_slots(template)
    starts, valued = {len(template)}, set[str]()

    def segment(key: str) -> TemplateSegment | None:
        part = read_key(stem, key)
        if part is None:
            return None
        if part.variable is not None:
            if part.unit != "variable" and part.variable in valued:
                return None
            own = slots.get(part.variable, ())[part.offset : part.offset + 1]
            start, end = own[0] if own else (0, 0)
        else:
            start, until = part.offset, min((at for at in starts if at > part.offset), default=0)
            end = ends.get((part.unit, start), until)
        text = template[start:end].rstrip()
        if not text:
            return None
        return TemplateSegment(
            key=f"{stem}var:{part.variable}" if part.variable and part.unit != "variable" else key,
            text=text,
            start=start,
            end=start + len(text),
            unit=part.unit if part.variable is None else "variable",
            variable=part.variable,
        )

    found = []
    for keys in levels:
        parts = (read_key(stem, key.replace(":rest:", ":span:")) for key in keys)
        for part in filter(None, parts):
            places = slots.get(part.variable, ()) if part.variable else ((part.offset, 0),)
            starts.update(start for start, _ in places)
        found.append([segment(key) for key in keys])
        valued |= {one.variable for one in found[-1] if one is not None and one.variable}
    return found


@lru_cache(maxsize=256)
def _ends_and_slots(
    template: str,
) -> tuple[dict[tuple[Unit, int], int], dict[str, list[tuple[int, int]]]]:
    """The ends of a template's words and sentences by unit and start, and the slots of each
    variable."""
    whole = [s for unit in _KNOWN for s in segment_template("", "", template, unit)]
    slots: dict[str, list[tuple[int, int]]] = {}
    for variable, start, end in _variables(template):
        slots.setdefault(variable, []).append((start, end))
    return {(s.unit, s.start): s.end for s in whole}, slots


def segments_in_call(
    segments: Sequence[TemplateSegment], use: PromptUse, content: str, role: str
) -> tuple[Segment, ...]:
    """A template's segments as segments of the message into which `use` rendered it."""
    spans: dict[int, tuple[int, int]] = {}  # by the variable's offset in the template
    moves: list[tuple[int, int]] = []  # (offset in the template, how much longer it is by then)
    for (_, start, end), span in zip(_variables(use.template), use.variable_spans, strict=True):
        spans[start] = span.start, span.end
        moves.append((end, span.end - use.start - end))
    found = []
    for segment in segments:
        if segment.variable is None:
            moved = max(((at, by) for at, by in moves if at <= segment.start), default=(0, 0))[1]
            start, end = use.start + segment.start + moved, use.start + segment.end + moved
        else:
            start, end = spans[segment.start]
        if content[start:end].strip():
            found.append(
                Segment(
                    text=content[start:end],
                    message=use.message,
                    role=role,
                    start=start,
                    end=end,
                    unit=segment.unit,
                    key=segment.key,
                )
            )
    return tuple(found)


def _variables(template: str) -> list[tuple[str, int, int]]:
    """The variables of a template, in order: name, start, end."""
    return [(m.group(1), *m.span()) for m in VARIABLE.finditer(template)]


# -- files ----------------------------------------------------------------------------------------


def read_file(file: Path) -> str:
    """The template in a file, without its final line break. Raises NoTemplate if it cannot be read,
    or is not UTF-8 text."""
    try:
        return file.read_text(encoding="utf-8").removesuffix("\n")
    except OSError as error:
        raise NoTemplate(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NoTemplate(f"{file} is not UTF-8 text: convert it first") from None


def read_revision(file: Path, ref: str) -> str:
    """The template in a file as of a git revision of the repository that holds it. Raises
    NoTemplate if there is no git, no such revision, or no such file in it."""
    if ref.startswith("-"):
        raise NoTemplate(f"{ref!r} is not a git revision: use one such as HEAD~1, or a tag")
    try:
        shown = git(file.absolute().parent, "show", "--end-of-options", f"{ref}:./{file.name}")
    except GitFailed as error:
        raise NoTemplate(f"{file} has no revision {ref!r}: {error}") from None
    try:
        return shown.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise NoTemplate(f"{file} was not UTF-8 text in {ref!r}") from None
