"""Pictures of hostile texts: well-formed, with no markup in them but the templates' own."""

import io
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console

from smile_trace import render
from smile_trace.records import Explanation, SegmentAttribution
from smile_trace.render import brief_svg, print_terminal, to_html, to_markdown, to_svg
from smile_trace_contracts.samples import (
    HOSTILE,
    sample_comparison,
    sample_explanation,
    sample_trace,
)
from tests.support.readers.base import ForeignReader, any_text

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_VOID = {"meta", "br", "hr", "col"}


class _Page(HTMLParser):
    """The tags with their attributes' names, and whether each is closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.strange: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.strange.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        self.strange.append(f"<!--{data}")

    def handle_pi(self, data: str) -> None:
        self.strange.append(f"<?{data}")

    def unknown_decl(self, data: str) -> None:
        self.strange.append(f"<![{data}")


def explained(texts: list[str]) -> Explanation:
    """An explanation with these texts wherever a text of others can stand."""
    at = [texts[number % len(texts)] for number in range(6)]
    call = sample_trace(at[0]).calls[0]
    messages = tuple(
        message.model_copy(update={"role": at[1] if number else message.role})
        for number, message in enumerate(call.messages)
    )
    made = sample_explanation(call.model_copy(update={"messages": messages, "answer": at[2]}))
    segments = tuple(_keyed(segment, at[3]) for segment in made.segments)
    fidelity = made.fidelity.model_copy(update={"reason": at[4]})
    settings = made.settings.model_copy(update={"model": at[5]})
    update = {"segments": segments, "fidelity": fidelity, "settings": settings, "summary": at[3]}
    return made.model_copy(update=update)


def _keyed(segment: SegmentAttribution, key: str) -> SegmentAttribution:
    return segment.model_copy(update={"key": f"{segment.key}{key}"})


@cache
def _of_the_templates() -> tuple[set[str], set[str]]:
    """The tags of the templates, and the names of their attributes."""
    texts = [
        file.read_text()
        for folder in ("templates", "comparison/templates")
        for file in (Path(render.__file__).parent / folder).glob("*.j2")
    ]
    tags = {tag for text in texts for tag in re.findall(r"<([a-zA-Z][a-zA-Z0-9]*)", text)}
    return tags, {name for text in texts for name in re.findall(r"[\s{}]([a-z-]+)=", text)}


def _html(texts: list[str]) -> list[str]:
    made = explained(texts)
    return [
        to_html(made, title=texts[0]),
        to_html(made, fragment=True),
        render.comparison_to_html(sample_comparison(texts[0])),
    ]


def _read(data: bytes) -> None:
    texts = any_text(data).split("\x1e")[:6]
    tags, attributes = _of_the_templates()
    for html in _html(texts):
        page = _Page(html)
        assert not page.strange, page.strange[:3]
        assert not page.open, page.open[-3:]
        assert page.tags <= tags, page.tags - tags
        assert page.attributes <= attributes, page.attributes - attributes
        assert not _CONTROLS.search(html.replace("\r", ""))
    made = explained(texts)
    for svg in (to_svg(made), brief_svg(made)):
        drawn = ElementTree.fromstring(svg)
        assert {each.tag.rpartition("}")[2] for each in drawn.iter()} <= tags
        names = {name for each in drawn.iter() for name in each.attrib}
        assert not {name for name in names if name.startswith("on") or "href" in name}
    markdown = to_markdown(made)
    assert "<" not in markdown
    assert not _CONTROLS.search(markdown)
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True, color_system="truecolor")
    print_terminal(made, console)
    render.print_comparison(sample_comparison(texts[0]), console)
    assert not _CONTROLS.search(_COLOURS.sub("", out.getvalue()))


def _seeds() -> list[bytes]:
    texts = [
        HOSTILE,
        f"one two\x1euser\x1e{HOSTILE}\x1ekey\x1ereason\x1emodel",
        "</style><script>x</script>\x1e\"onmouseover='x'\x1e<!-- --> ]]> &lt; &#0;",
        "https://x.example www.x.example a@b.example javascript:x\x1e| a |\n|---|\n> q\n# h",
        "\x1b[2J\x1b]0;x\x07 \x9b \u202e\u2066 \x00\x1e[bold red]x[/] [link=http://x]y[/link]",
    ]
    return [text.encode("utf-8", "surrogatepass") for text in texts]


PAGES = ForeignReader("pages", _read, _seeds)
