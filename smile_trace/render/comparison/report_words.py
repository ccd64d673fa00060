"""The wording of a Report in every picture (sentences, shares and names), and in Markdown."""

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from smile_trace._stats.intervals import wilson
from smile_trace._text.lists import listed as in_words
from smile_trace.records.report import Change, CitedShares, Report, ReportedPart, ReportGroup, Share
from smile_trace.render.markdown import escape
from smile_trace.render.text import short, signed

LONGEST_NAME = 60
_NAMED = 4
"""Parts that mattered equally often and are named in the headline."""
_MOST = 0.5
"""A part that mattered nowhere says something once less than this share of the calls may need it.
"""
_KINDS = {
    "instruction": "instruction",
    "variable": "variable",
    "document": "document",
    "tool_result": "result of the tool",
    "tool": "definition of the tool",
    "turn": "turn",
    "message": "instructions",
}

_ANY = 2.0
"""The width of an interval that leaves out nothing."""


def summarize(report: Report) -> str:
    """Return the headline: how often no retrieved document mattered, and what mattered most
    often."""
    if not report.explained:
        return "None of the calls of this period is explained yet."
    sentences = [f"This period has {_calls(report.explained)}."]
    if report.no_document is not None:
        sentences = [no_document(report.no_document)]
    if best := _most_often(report):
        sentences.append(_mattered_most(best, retrieved=report.no_document is not None))
    if report.citations is not None:
        sentences.append(unused_citations(report.citations))
    if (grown := _most_changed(report)) is not None:
        part, change = grown
        name, by = short(part.name, LONGEST_NAME), f"{points(change)} points"
        more = "more" if change.grown > 0 else "less"
        sentences.append(f"“{name}” mattered {more} often than in the period before ({by}).")
    if report.inconclusive:
        of = f"{report.inconclusive:,} of the {report.explained:,} explanations of this period"
        one = report.inconclusive == 1
        sentences.append(f"{of} {'is' if one else 'are'} inconclusive and not counted.")
    return " ".join(sentences)


def no_document(share: Share) -> str:
    """Return the headline of retrieval: in 41 % [35 to 47 %] of … no retrieved document
    mattered."""
    open_ones = f"; {share.open:,} more are not settled" if share.open else ""
    return (
        f"In {percent(share)} of the {_calls(share.of)} with retrieved documents, no retrieved "
        f"document mattered{open_ones}."
    )


def unused_citations(shares: CitedShares) -> str:
    """Return how often a citation's document is not used: 18 % [12 to 25 %] of the citations …"""
    unused = shares.unused
    still_open = f"; {unused.open:,} open" if unused.open else ""
    return (
        f"{percent(unused)} of the citations name a document that makes no measurable difference "
        f"to the sentence that cites it (of {_many(unused.of, 'citation')} in "
        f"{_many(shares.answers, 'answer')}{still_open})."
    )


def cited_rows(shares: CitedShares) -> list[tuple[str, str, str]]:
    """Return the table of citations: what, how many of how many, and their share."""
    rows = (("cited, not used", shares.unused), ("used, not cited", shares.uncited))
    return [(what, _count_of(share), percent(share)) for what, share in rows if share.of]


def percent(share: Share) -> str:
    """Return `41 % [35 to 47 %]`."""
    value, low, high = (round(100 * number) for number in (share.share, share.low, share.high))
    return f"{value} % [{low} to {high} %]"


def points(change: Change) -> str:
    """Return `+14 [+3 to +25]`, in percentage points."""
    grown, low, high = (round(100 * value) for value in (change.grown, change.low, change.high))
    return f"{grown:+} [{low:+} to {high:+}]".replace("-", "\N{MINUS SIGN}")


def title_of(report: Report) -> str:
    """Return what the report is about, on one line."""
    about = "all prompts and functions" if report.name is None else short(report.name, LONGEST_NAME)
    days = f", {report.since[:10]} to {report.until[:10]}" if report.since else ""
    return f"What mattered in {about}{days}"


def group_title(group: ReportGroup) -> str:
    """Return the kind and the name of a group."""
    return f"{group.kind} {short(group.name, LONGEST_NAME)}"


def group_facts(group: ReportGroup) -> str:
    """Return the numbers of all, explained and inconclusive calls."""
    facts = [] if group.calls is None else [f"{group.calls:,} call{'s' * (group.calls != 1)}"]
    facts.append(f"{group.explained:,} explained")
    if group.inconclusive:
        facts.append(f"{group.inconclusive:,} inconclusive")
    return " · ".join(facts)


def part_name(part: ReportedPart) -> str:
    """Return the name of a part, with what it is."""
    return f"{short(part.name, LONGEST_NAME)} ({kind_of(part)})"


def kind_of(part: ReportedPart) -> str:
    """Return what a part is, in words."""
    return _KINDS[part.kind].removesuffix(" of the tool")


def mattered_in(part: ReportedPart) -> str:
    """Return `63 of 80`, with what is open."""
    return _count_of(part.mattered)


def _count_of(share: Share) -> str:
    return f"{share.count:,} of {share.of:,}" + (f" (+{share.open:,} open)" if share.open else "")


def telling(group: ReportGroup) -> list[ReportedPart]:
    """Return the parts of which the calls say something: it mattered, or most do not need it."""
    return [part for part in group.parts if part.mattered.count or part.mattered.high < _MOST]


def listed(group: ReportGroup, most: int) -> list[ReportedPart]:
    """Return at most so many of the telling parts, in their order. Documents, which can be many,
    make room for the others."""
    found = telling(group)
    chosen = sorted(found, key=lambda part: part.kind == "document")[:most]
    return [part for part in found if part in chosen]


def rest(group: ReportGroup, shown: Sequence[ReportedPart]) -> str:
    """Return how many parts of which kind are not shown, and why; empty if all are."""
    hidden, told = [part for part in group.parts if part not in shown], telling(group)
    known = Counter(kind_of(part) for part in hidden if part in told)
    few = Counter(kind_of(part) for part in hidden if part not in told)
    known["part"] += group.more
    more = "more " * bool(shown)
    counts = [
        in_words(
            [f"{n:,} {more}{kind.removesuffix('s')}{'s' * (n != 1)}" for kind, n in kinds if n]
        )
        for kinds in (known.items(), few.items())
    ]
    counts[1] = f"open (too few calls to tell): {counts[1]}" if counts[1] else ""
    return "; ".join(filter(None, counts))


def drove(part: ReportedPart) -> str:
    """Return the share of the calls in which the answer depended on it most."""
    return percent(part.drove) if part.drove is not None else ""


def changed(part: ReportedPart) -> str:
    """Return the change since the period before; an arrow if it is certain."""
    if part.change is None:
        return ""
    arrow = ("▲ " if part.change.grown > 0 else "▼ ") if part.change.certain else ""
    return arrow + points(part.change)


def links(part: ReportedPart, report: Report) -> list[str]:
    """Return the addresses of calls in which it mattered most."""
    found = [report.links[call] for call in part.examples if call in report.links]
    return [address for address in found if urlsplit(address).scheme in ("http", "https")]


def mean_of(part: ReportedPart) -> str:
    """Return the mean attribution with its interval, unless that says nothing; empty if it was
    never removed alone."""
    if part.attribution is None:
        return ""
    low, high = part.ci_low or 0.0, part.ci_high or 0.0
    interval = f" [{signed(low)}, {signed(high)}]" if high - low < _ANY else ""
    return f"{signed(part.attribution)}{interval}"


def _most_often(report: Report) -> list[ReportedPart]:
    """The parts that certainly mattered in the largest share of the calls that hold them, open ones
    among these; of retrieval, documents."""
    found = [
        part
        for group in report.groups
        if group.kind in ("prompt", "function")
        for part in group.parts
        if part.mattered.count
    ]
    documents = [part for part in found if part.kind == "document"]
    chosen = (report.no_document is not None and documents) or found
    least = [wilson(p.mattered.count, _holding(p), report.level)[0] for p in chosen]
    return [part for part, low in zip(chosen, least, strict=True) if low == max(least)]


def _mattered_most(best: Sequence[ReportedPart], *, retrieved: bool) -> str:
    names = [f"“{short(part.name, LONGEST_NAME)}”" for part in best[:_NAMED]]
    names += [f"{len(best) - _NAMED:,} more"] if len(best) > _NAMED else []
    first, of = best[0], _holding(best[0])
    if first.kind == "document" and retrieved:
        what = f"Of the documents, {in_words(names)}"
    else:
        what = f"The {_KINDS[first.kind]} {names[0]}" if len(best) == 1 else in_words(names)
    each = "each " if len(best) > 1 else ""
    calls = f"{first.mattered.count:,} of the {_calls(of)} that contain"
    held = "the one explained call that contains" if of == 1 else calls
    unsettled = f" ({first.mattered.open:,} not settled)" if first.mattered.open else ""
    return f"{what} mattered most often, {each}in {held} it{unsettled}."


def _holding(part: ReportedPart) -> int:
    return part.mattered.of + part.mattered.open


def _most_changed(report: Report) -> tuple[ReportedPart, Change] | None:
    found = [
        (part, part.change)
        for group in report.groups
        if group.kind in ("prompt", "function")
        for part in group.parts
        if part.change is not None and part.change.certain
    ]
    return max(found, key=lambda one: abs(one[1].grown), default=None)


def _calls(count: int) -> str:
    return _many(count, "explained call")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


CITED_HEAD = ("citations", "how many", "share")
_SPACE = "&ensp;"
_HEAD = (
    "part",
    "is a",
    "mattered in",
    "share of calls",
    "strongest in",
    "change, points",
    "mean loss",
)


def report_to_markdown(report: Report, most: int = 12) -> str:
    """Return the summary and a table of each prompt and function, with links to calls and at most
    `most` parts; the page has all."""
    found = [escape(report.summary)]
    if most and report.citations is not None:
        rows = [CITED_HEAD, *cited_rows(report.citations)]
        lines = [_line([*row]) for row in rows]
        found.append("\n".join([lines[0], "| --- | --- | --- |", *lines[1:]]))
    for group in report.groups if most else ():
        if group.kind not in ("prompt", "function") or not group.parts:
            continue
        head = [*_HEAD, *(["calls"] if report.links else [])]
        found.append(escape(f"{group_title(group)}: {group_facts(group)}"))
        lines = [_line(head), f"|{' --- |' * len(head)}"]
        shown = listed(group, most)
        lines += [_line(_cells(part, report)) for part in shown]
        found += ["\n".join(lines)] if shown else []
        found += [more] if (more := rest(group, shown)) else []
    return "\n\n".join(found)


def _cells(part: ReportedPart, report: Report) -> list[str]:
    texts = (
        short(part.name, LONGEST_NAME),
        kind_of(part),
        mattered_in(part),
        percent(part.mattered) if part.mattered.of else "",
        drove(part),
        changed(part),
        mean_of(part),
    )
    cells = [escape(text) for text in texts]
    if part.mattered.count:
        cells[0] = f"**{cells[0]}**"
    if report.links:
        addresses = enumerate(links(part, report), start=1)
        cells.append(" ".join(f"[{n}](<{escape_address(one)}>)" for n, one in addresses))
    return cells


def escape_address(address: str) -> str:
    """Escape an address so that it may stand between `<` and `>`."""
    for character, code in (("<", "%3C"), (">", "%3E"), ("\\", "%5C"), ("|", "%7C"), (" ", "%20")):
        address = address.replace(character, code)
    return "".join(address.split())


def _line(cells: list[str]) -> str:
    # MLflow draws tables without any space between columns.
    return f"| {f'{_SPACE} | '.join(cells)} |"
