"""Tables of Markdown that are read as plain text, too."""

from smile_trace.render.markdown import align_tables, escape


def test_columns_have_one_width() -> None:
    table = "one\n\n| |part|value|\n|-|-|-:|\n|▲|France?|+0.7|\n|·|a|−0.02|\n\ntwo"
    assert align_tables(table) == (
        "one\n\n| |part   |value|\n|-|-------|----:|\n|▲|France?|+0.7 |\n|·|a      |−0.02|\n\ntwo"
    )


def test_escaped_marks_stay_in_their_cells() -> None:
    cells = [escape(text) for text in ("|", "\\", "a\\|b", "\\\\|")]
    table = "\n".join(["|part|", "|-|", *(f"|{cell}|" for cell in cells)])
    aligned = align_tables(table).split("\n")
    assert {len(line) for line in aligned} == {max(map(len, cells)) + 2}
    assert [line[1:-1].rstrip() for line in aligned[2:]] == cells
