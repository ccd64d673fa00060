"""A long prompt that was looked at coarse to fine: each passage shows with its pieces."""

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from html.parser import HTMLParser

from rich.console import Console

from smile_trace import render
from smile_trace.attribution.reporting.segments import join
from smile_trace.attribution.reporting.summary import summarize
from smile_trace.records import Explanation, SegmentAttribution
from smile_trace.render.heatmap_layout import heatmap
from smile_trace.render.markdown import scores_to_markdown
from smile_trace.render.pieces import CLOSES, OPENS, Fold, Piece, shown_strength
from smile_trace.render.scores import rows
from smile_trace.render.terminal import print_terminal
from tests.support.explained import HOSTILE, explanation

TEXT = "Nothing here. The spare key is under the piano. Nothing there, either."


PASSAGE = "The spare key is under the piano."


def levels(text: str = TEXT, passage: str = PASSAGE) -> Explanation:
    """Three passages; the one with the key is split into halves, and one of these into words."""
    whole = explanation([("user", text)], {"key": 0.5, "spare": 0.2})
    start = text.index(passage)
    middle = start + len(passage) // 2
    ends = [(0, start - 1), (start, start + len(passage)), (start + len(passage) + 1, len(text))]
    coarse = [
        _span(text, a, b, value) for (a, b), value in zip(ends, (0.05, 0.8, -0.1), strict=True)
    ]
    halves = [
        _span(text, start, middle, 0.6),
        _span(text, middle, start + len(passage), 0.3),
    ]
    words = [s for s in whole.segments if start <= s.start and s.end <= middle]
    segments, coarser = join([coarse, halves, words])
    return whole.model_copy(update={"segments": segments, "coarser": coarser})


def _span(text: str, start: int, end: int, value: float) -> SegmentAttribution:
    return SegmentAttribution(
        text=text[start:end], message=0, role="user", start=start, end=end, unit="span",
        key=f"0:span:{start}", attribution=value, ci_low=value - 0.1, ci_high=value + 0.1,
        significant=abs(value) > 0.1,
    )  # fmt: skip


def texts(explained: Explanation) -> list[str]:
    [block] = heatmap(explained).blocks
    return [
        p.text for part in block.parts for p in (part.pieces if isinstance(part, Fold) else [part])
    ]


def test_passages_are_enclosed_with_their_value_and_no_character_is_lost() -> None:
    shown = "".join(texts(levels()))
    assert f"Nothing here. {OPENS}part\xa0+0.80\xa0{OPENS}part\xa0+0.60\xa0The spare key" in shown
    assert f"under the piano.{CLOSES} Nothing" in shown
    assert shown.count(CLOSES) == 2
    parts = [p for p in heatmap(levels()).blocks[0].parts if isinstance(p, Piece)]
    assert [p.sign for p in parts if p.kind == "edge"] == ["supports"] * 4
    assert "".join(p.text for p in parts if p.kind != "edge") == TEXT
    assert OPENS in heatmap(levels()).key()
    assert OPENS not in heatmap(explanation()).key()


def test_the_legend_says_what_was_removed_together_and_what_an_average_is_over() -> None:
    """A finer level removes parts of several passages at a time."""
    key = heatmap(levels()).key()
    assert "smaller parts were removed, several at a time, inside it and elsewhere" in key
    assert "retained" not in key
    assert "On average" not in key
    known = explanation()
    alone = [s.model_copy(update={"leave_one_out": 0.2}) for s in known.segments]
    average = heatmap(known.model_copy(update={"segments": tuple(alone)})).key()
    assert average.endswith("can have little left to take.")


def test_a_passage_is_not_hidden_in_a_fold() -> None:
    long = "Nothing happens here. " * 80
    parts = heatmap(levels(long + TEXT + long)).blocks[0].parts
    hidden = [p.kind for part in parts if isinstance(part, Fold) for p in part.pieces]
    assert hidden
    assert "edge" not in hidden


def _grey(explained: Explanation) -> Explanation:
    """The same, with no piece of a passage that matters alone."""

    def grey(segments: Sequence[SegmentAttribution]) -> tuple[SegmentAttribution, ...]:
        return tuple(
            s
            if s.parent is None
            else s.model_copy(update={"significant": False, "verdict": "excluded"})
            for s in segments
        )

    return explained.model_copy(
        update={"segments": grey(explained.segments), "coarser": grey(explained.coarser)}
    )


def _inside(explained: Explanation) -> list[Piece]:
    parts = heatmap(explained).blocks[0].parts
    return [p for p in parts if isinstance(p, Piece) and p.passage is not None]


def test_what_matters_in_a_passage_has_its_own_colour_and_what_does_not_has_none() -> None:
    inside = _inside(levels())
    assert "".join(p.text for p in inside) == PASSAGE
    outlined = [p for p in inside if p.outlined]
    assert [p.text for p in outlined] == ["spare", "key", " under the piano."]
    assert all(p.ground_strength == p.strength > 0 for p in outlined)
    assert {p.ground_strength for p in inside if p.kind == "excluded"} == {0.0}
    style = render.to_html(levels()).split("span.outlined")[1].split("}")[0]
    assert "--paper" not in style


def test_an_open_part_has_the_colour_around_it_only_where_nothing_inside_is_known() -> None:
    unsure = {"significant": False, "verdict": "open"}
    found = levels()
    some = [s.model_copy(update=unsure) if s.text == "is" else s for s in found.segments]
    told_apart = found.model_copy(update={"segments": tuple(some)})
    assert {p.text: p.ground_strength for p in _inside(told_apart)}["is"] == 0
    none = [s if s.parent is None else s.model_copy(update=unsure) for s in found.segments]
    coarser = (found.coarser[0], found.coarser[1].model_copy(update=unsure))
    unknown = found.model_copy(update={"segments": tuple(none), "coarser": coarser})
    shown = {p.text: p.ground_strength for p in _inside(unknown)}
    assert shown["is"] == shown[" under the piano."] == shown_strength(coarser[0]) > 0
    weak = {"significant": True, "verdict": "supports", "attribution": 0.08}
    one = [s.model_copy(update=weak) if s.text == "key" else s for s in unknown.segments]
    pieces = {p.text: p for p in _inside(unknown.model_copy(update={"segments": tuple(one)}))}
    assert pieces["is"].ground_strength > pieces["key"].ground_strength > 0


def test_a_message_that_matters_though_no_part_of_it_does_is_not_folded() -> None:
    found = explanation([("user", PASSAGE * 10), ("system", "Be brief.")], {"brief": 0.5})
    parts = (s.model_copy(update={"parent": None if s.message else 0}) for s in found.segments)
    found = found.model_copy(update={"segments": tuple(parts)})
    whole = _span(PASSAGE * 10, 0, len(PASSAGE * 10), 0.6)
    grey = whole.model_copy(update={"significant": False, "verdict": "excluded"})
    for passage, folded in ((whole, False), (grey, True)):
        blocks = heatmap(found.model_copy(update={"coarser": (passage,)})).blocks
        assert [block.collapsed for block in blocks] == [folded, False]


def test_a_passage_whose_pieces_are_grey_shows_its_own_value_in_every_picture() -> None:
    explained = _grey(levels())
    assert {p.ground_strength for p in _inside(explained) if p.kind != "open"} == {0.0}
    assert not any(p.outlined for p in _inside(explained))
    assert f"{OPENS}part\xa0+0.80" in "".join(texts(explained))
    assert 'class="excluded inside on-excluded" title="word: +0' in render.to_html(explained)
    printed = io.StringIO()
    terminal = Console(file=printed, width=100, force_terminal=True, color_system="truecolor")
    print_terminal(explained, terminal)
    assert not re.search(r"\x1b\[[\d;]*48;[\d;]*mThe", printed.getvalue())
    assert f"{OPENS}part" in printed.getvalue()


def test_every_number_says_what_it_is_of() -> None:
    table = scores_to_markdown(levels())
    assert "|▲|key|word, in a larger part|+0.50|" in table
    assert f"|▲|{PASSAGE}|part|+0.80|" in table
    assert "of the" not in scores_to_markdown(explanation())
    assert _Table(render.to_html(levels())).rows[1][1][0] == f"part {PASSAGE}"
    assert 'title="word: +0.50' in render.to_html(levels())


class _Table(HTMLParser):
    """The cells of a page's table, and the indentation of each row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[tuple[float, list[str]]] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append((0.0, []))
        if tag == "td":
            indent = re.search(r"padding-left:([\d.]+)", dict(attrs).get("style") or "")
            if indent:
                self.rows[-1] = (float(indent[1]), self.rows[-1][1])
            self.rows[-1][1].append("")
        self._inside = tag == "td" or (self._inside and tag == "small")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][1][-1] += data


def test_portions_add_up_on_the_page() -> None:
    table = _Table(render.to_html(levels())).rows[1:]
    depths = sorted({indent for indent, _ in table})
    assert len(depths) == 3
    level = [depths.index(indent) for indent, _ in table]
    portion = [float(cells[-1].replace("\u2212", "-")) for _, cells in table]
    for k in range(len(table)):
        below = [j for j in range(k + 1, len(table)) if level[j] == level[k] + 1
                 and all(level[i] > level[k] for i in range(k + 1, j + 1))]  # fmt: skip
        if below:
            assert abs(sum(portion[j] for j in below) - portion[k]) <= 0.005 * len(below)
    assert [(row.depth, row.segment.text) for row in rows(levels())][:4] == [
        (0, PASSAGE),
        (1, "The spare key is"),
        (2, "key"),
        (2, "spare"),
    ]
    assert "portion" not in render.to_html(explanation())


DAY = "a city of, a day of rest."


def _day(text: str) -> Explanation:
    """Sentences; each DAY is split into halves, and these into words. Each "of" drives."""

    def pieces(pattern: str, inside: Sequence[SegmentAttribution]) -> list[SegmentAttribution]:
        found = [
            (s.start + match.start(), s.start + match.end())
            for s in inside
            for match in re.finditer(pattern, s.text)
        ]
        return [_span(text, a, b, 0.5 if "of" in text[a:b] else 0.0) for a, b in found]

    sentences = pieces(r"\w[^.]+\.", [_span(text, 0, len(text), 0.0)])
    halves = pieces(r"\w[^,.]+[,.]", [s for s in sentences if s.text == DAY])
    segments, coarser = join([sentences, halves, pieces(r"\w+", halves)])
    return explanation([("user", text)]).model_copy(
        update={"segments": segments, "coarser": coarser}
    )


def test_the_table_numbers_words_as_the_summary_does() -> None:
    """Segments inside a passage that drives the answer are counted within it, at every level."""
    explained = _day(f"Hear, hear. {DAY}")
    summary = summarize(explained.segments, explained.fidelity, coarser=explained.coarser)
    assert (
        "notably on the first “of” (50 % [40 to 60 %]) and the second “of” (50 % [40 to 60 %])"
        in summary
    )
    numbered = [(row.segment.text, row.which) for row in rows(explained) if row.which]
    assert sorted(numbered) == [
        ("a", "the first"),
        ("a", "the second"),
        ("of", "the first"),
        ("of", "the second"),
    ]


def test_markdown_names_the_passage_in_which_a_word_is_numbered() -> None:
    """Its rows are not grouped by passage."""
    table = scores_to_markdown(_day(f"{DAY} {DAY}"))
    labels = [line.split("|")[2] for line in table.splitlines() if line.startswith("|▲|of")]
    assert labels == [
        f"of ({number} in {passage} “{DAY}”)"
        for passage in ("the first", "the second")
        for number in ("the first", "the second")
    ]


def test_picture_and_terminal_show_passages() -> None:
    picture = ElementTree.fromstring(render.to_svg(levels()))
    shown = [e for e in picture.iter("{http://www.w3.org/2000/svg}text") if OPENS in (e.text or "")]
    assert [e.get("class") for e in shown] == ["supports-ink", "supports-ink", "small"]
    assert [e.text for e in shown[:2]] == [
        f"{OPENS}part\xa0{value}\xa0" for value in ("+0.80", "+0.60")
    ]
    printed = io.StringIO()
    print_terminal(levels(), Console(file=printed, width=100))
    assert f"{OPENS}part\xa0+0.80" in printed.getvalue()
    assert f"  {OPENS}Nothing here.ˀ{CLOSES} {OPENS}part" in printed.getvalue()
    assert f" is{CLOSES}{OPENS} under the piano.⁺{CLOSES}{CLOSES}" in printed.getvalue()
    scores = printed.getvalue().split("interval")[1]
    assert scores.index(PASSAGE) < scores.index("    key") < scores.index("    spare")


def test_hostile_text_in_a_passage() -> None:
    text = f"One. {HOSTILE} Two."
    page = render.to_html(levels(text, HOSTILE))
    assert "<script>" not in page
    ElementTree.fromstring(render.to_svg(levels(text, HOSTILE)))


def test_what_is_grey_bears_no_number() -> None:
    found = levels()
    grey = {"significant": False, "verdict": "open", "attribution": 0.65}
    coarser = (found.coarser[0].model_copy(update=grey), *found.coarser[1:])
    told = found.model_copy(update={"coarser": coarser})
    printed = io.StringIO()
    print_terminal(told, Console(file=printed, width=100))
    for shown in (render.to_svg(told), render.brief_svg(told), printed.getvalue()):
        assert f"{OPENS}part\xa0" in shown
        assert "+0.65" not in shown


def test_tables_fit_80_columns() -> None:
    printed = io.StringIO()
    print_terminal(levels(), Console(file=printed, width=80))
    table = printed.getvalue().split("interval")[1]
    for name in ("key", "spare"):
        [row] = [line for line in table.splitlines() if line.strip().startswith(f"{name} ")]
        assert row.rstrip().endswith("word"), "the whole row on one line"


def test_what_is_removed_is_called_a_part_everywhere() -> None:
    printed = io.StringIO()
    print_terminal(levels(), Console(file=printed, width=100))
    page = render.to_html(levels()).split("</style>")[-1]
    for shown in (page, render.to_svg(levels()), scores_to_markdown(levels()), printed.getvalue()):
        said = re.sub(r'class="[^"]*"', "", shown)
        assert not re.search(r"\b(passage|segment|piece)s?\b", said)
