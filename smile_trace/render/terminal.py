"""The heatmap in a terminal, through rich (in colour, or with signs if there is none)."""

from rich.console import Console
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from smile_trace.records import Explanation
from smile_trace.records.verdicts import NO_DIFFERENCE, NOT_MEASURED, STANDS_IN
from smile_trace.render.citations import HEAD, citation_rows
from smile_trace.render.heatmap_layout import Heatmap, heatmap
from smile_trace.render.pieces import CLOSES, OPENS, THE_ANSWER, Block, Fold, Piece
from smile_trace.render.scores import rows
from smile_trace.render.text import is_whole, kind_and_title, noun, signed, visible

_CULPRIT = "bold red"
_BLUE, _ORANGE, _DARK = (64, 140, 240), (240, 140, 50), (40, 40, 40)
_STATUS = {
    "reliable": "bold green",
    "partial": "bold yellow",
    "no_effect": "bold",
    "inconclusive": "bold yellow",
}
_MAX_ROWS = 8
_SIGNS = {"supports": "⁺", "opposes": "⁻", "open": "ˀ", "paired": "⁼"}
_LEGEND = {
    "supports": "⁺ supports the answer",
    "opposes": "⁻ works against it",
    "open": f"ˀ open, {NOT_MEASURED}",
    "paired": f"⁼ {STANDS_IN}",
    "excluded": f"dim: without effect, {NO_DIFFERENCE}",
}


def print_terminal(explanation: Explanation, console: Console | None = None) -> None:
    """Print summary, heatmap, answer and the strongest segments. ⁺ marks what supports the answer,
    ⁻ what works against it, ˀ what is open and ⁼ what another part stands in for, at the end of a
    word or sentence, or of what ▸ ◂ enclose; ✗▸ ◂ enclose what a wrong answer would be right
    without; dim text made no measurable difference. A passage has
    its colour, and the pieces that matter in it are underlined."""
    console = console or Console()
    picture = heatmap(explanation)
    _print_headline(picture, console)
    chat = len(picture.blocks) > 1
    for block in picture.blocks:
        if chat:
            console.print(Text(block.role, style="bold dim"))
        console.print(Padding(_block(block), (0, 2)))
    console.print(Padding(_answer(picture), (0, 2)))
    _print_scores(explanation, console)
    _print_citations(explanation, console)
    console.print(_legend(picture))


def print_headline(explanation: Explanation) -> None:
    """Print the target, the status with the summary, and the reason of a partial one, as
    `print_terminal`."""
    _print_headline(heatmap(explanation), Console())


def _print_headline(picture: Heatmap, console: Console) -> None:
    if picture.target:
        console.print(Text(picture.target, style="bold"))
    console.print(
        Text.assemble((f"{picture.status_words}  ", _STATUS[picture.status]), picture.summary)
    )
    if picture.status == "partial":
        console.print(Text(picture.verdict, style="dim"))


def _answer(picture: Heatmap) -> Text:
    text = Text.assemble(("→ ", "dim"))
    for piece in picture.answer or [Piece("(empty answer)", "plain")]:
        text.append(piece.text, style="underline" if piece.kind in ("explained", "moved") else "")
    return text


def _block(block: Block) -> Text:
    text = Text()
    drawn = [part for part in block.parts if isinstance(part, Piece)]
    around = zip([None, *drawn], [*drawn[1:], None], strict=False)
    for part in block.parts:
        if isinstance(part, Fold):
            text.append(f"\n⋯ {part.label} ⋯\n", style="dim italic")
            continue
        before, after = next(around)
        sign, style = _SIGNS.get(part.kind, ""), "bold" if part.strength else "dim"
        enclosed = bool(sign) and _is_long(part)
        if part.kind == "culprit":
            text.append(part.text.strip() + OPENS, style=_CULPRIT)
            continue
        if enclosed and part.segment is not (before and before.segment):
            text.append(OPENS + _tag(part), style=style)
        text.append(part.text, style=_style(part))
        text.append(sign, style=style)
        if enclosed and part.segment is not (after and after.segment):
            text.append(CLOSES, style=style)
        if part.culprit is not None and part.culprit is not (after and after.culprit):
            text.append(CLOSES, style=_CULPRIT)
    return text


def _tag(piece: Piece) -> str:
    """The kind and value of a whole inside of a passage, as those of the passage are marked."""
    if piece.segment is None or not (piece.value and is_whole(piece.segment)):
        return ""
    return f"{kind_and_title(piece.segment)} {piece.value} "


def _is_long(piece: Piece) -> bool:
    """Whether a sign at its end could be read as that of its last sentence alone."""
    unit = "" if piece.segment is None else piece.segment.unit
    return unit not in ("word", "sentence") and len(piece.text.split()) > 1


def _style(piece: Piece) -> Style:
    if piece.kind == "edge":
        return Style(bold=True)
    if not piece.ground_strength:
        inside = piece.outlined
        return Style(
            dim=not inside and piece.kind not in ("open", "paired"),
            bold=inside,
            underline=inside,
            italic=piece.kind == "protected",
        )
    colour = _BLUE if piece.ground == "supports" else _ORANGE
    share = piece.ground_strength
    mixed = [round(d + (c - d) * share) for d, c in zip(_DARK, colour, strict=True)]
    return Style(
        bold=piece.strength > 0,
        underline=piece.outlined,
        color="white",
        bgcolor=f"rgb({mixed[0]},{mixed[1]},{mixed[2]})",
    )


def _print_scores(explanation: Explanation, console: Console) -> None:
    strongest = [row for row in rows(explanation) if row.segment.significant]
    if not strongest:
        return
    table = Table(box=None, padding=(0, 1), header_style="dim")
    finer = bool(explanation.coarser)
    longest = max(12, min(44, console.width - (47 if finer else 34)))
    table.add_column("part", max_width=longest, overflow="ellipsis", no_wrap=True)
    table.add_column("attribution", justify="right", no_wrap=True)
    table.add_column("interval", no_wrap=True)
    if finer:
        table.add_column("is a", no_wrap=True)
    for row in strongest[:_MAX_ROWS]:
        segment = row.segment
        interval = f"{signed(segment.ci_low)} … {signed(segment.ci_high)}"
        told = row.called(" ".join(visible(segment.text).split()))
        text = Text("  " * row.depth + told)
        text.append(f" ({row.which})" if row.which else "", style="dim")
        what = [Text(noun(segment), style="dim")] if finer else []
        table.add_row(text, signed(segment.attribution), Text(interval, style="dim"), *what)
    console.print(Padding(table, (1, 1, 0, 1)))
    if len(strongest) > _MAX_ROWS:
        console.print(Text(f"  and {len(strongest) - _MAX_ROWS} more", style="dim"))


def _print_citations(explanation: Explanation, console: Console) -> None:
    found = citation_rows(explanation)
    if not found:
        return
    table = Table(box=None, padding=(0, 1), header_style="dim")
    longest = max(12, (console.width - 40) // 2)
    for name, width in zip(HEAD, (longest, longest, None, None), strict=True):
        table.add_column(name, max_width=width, overflow="ellipsis", no_wrap=True)
    for row in found[:_MAX_ROWS]:
        table.add_row(*map(Text, (*row[:2], row.effect.partition(" ")[0], row.found)))
    console.print(Padding(table, (0, 1, 1, 1)))
    if len(found) > _MAX_ROWS:
        console.print(Text(f"  and {len(found) - _MAX_ROWS} more", style="dim"))


def _legend(picture: Heatmap) -> Text:
    signs = [said for kind, said in _LEGEND.items() if kind in picture.kinds]
    signs = [said.replace(THE_ANSWER, picture.subject) for said in signs]
    blamed = [said.removesuffix(".") for said in picture.corrections]
    return Text(" · ".join([*blamed, *signs, *picture.facts]), style="dim")
