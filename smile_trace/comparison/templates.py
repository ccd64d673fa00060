"""Templates of a prompt: where they come from, and their segments. Each variable is one segment.
Segment keys are those of an Explanation (`NAME:VERSION:UNIT:OFFSET`, `NAME:VERSION:var:VARIABLE`),
so that the rows of all calls of a template can be pooled."""

import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, cast

from smile_trace._text.prompts import VARIABLE
from smile_trace.attribution.segmentation import boundaries
from smile_trace.errors import SmileTraceError
from smile_trace.records import PromptUse, Segment, Unit
from smile_trace.records.comparison import TemplateSegment

MIN_SENTENCES = 4
"""Number of sentences and lines below which a template is segmented into words."""


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
    """What an explanation's key says of a part: the variable whose value it is (or is in), or its
    unit and where in the template it begins."""

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
    if kind == "var":
        return TemplateKey(where, "variable")
    return TemplateKey(None, cast(Unit, kind), int(where)) if where.isdecimal() else None


def segments_of_keys(
    name: str, version: str, template: str, keys: Sequence[str]
) -> tuple[TemplateSegment, ...]:
    """The segments as explanations by structure cut it: a word as it stands, any other from where
    its key says to the next; a variable that no key names is part of the segment around it."""
    stem = f"{name}:{version}:"
    named: set[str] = set()
    starts: dict[int, tuple[str, Unit, str | None]] = {}
    for key in keys:
        part = read_key(stem, key)
        if part is None:
            continue
        if part.variable is not None:
            named.add(part.variable)
        elif part.offset < len(template):
            starts[part.offset] = key, part.unit, None
    words = segment_template(name, version, template, "word")
    ends = {word.start: word.end for word in words if word.key in keys}
    for variable, start, end in _variables(template):
        if variable in named:
            starts.setdefault(start, (f"{stem}var:{variable}", "variable", variable))
            ends[start] = end
    found = []
    for start, following in pairwise([*sorted(starts), len(template)]):
        key, unit, slot = starts[start]
        text = template[start : ends.get(start, following)].rstrip()
        end = start + len(text)
        found.append(
            TemplateSegment(key=key, text=text, start=start, end=end, unit=unit, variable=slot)
        )
    return tuple(found)


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
    name = f"{ref}:./{file.name}"
    try:
        shown = subprocess.run(
            ["git", "-C", str(file.absolute().parent), "show", "--end-of-options", name],
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoTemplate(f"git could not be run for {file}: {error}") from None
    if shown.returncode:
        said = shown.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else "git says nothing more"
        raise NoTemplate(f"{file} has no revision {ref!r}: {why}")
    try:
        return shown.stdout.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise NoTemplate(f"{file} was no UTF-8 text in {ref!r}") from None
