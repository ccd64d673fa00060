"""Pages of ours in a browser, full of texts that attack them."""

import html
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from smile_trace.comparison import compare
from smile_trace.records import Explanation
from smile_trace.records.comparison import Comparison, Example
from smile_trace.render import to_html
from smile_trace.store import Store
from tests.support.browser import WatchedPage
from tests.support.explained import explanation
from tests.support.hostile import storable_texts, texts
from tests.support.page_layout import (
    WIDTHS,
    check_column,
    check_width,
    leaking_texts,
    painted_over,
)
from tests.support.planted_prompts import plant, settings_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HEATMAP_BOXES = ".text, td, .role, .summary, .verdict, h1, .facts, summary"
LONGEST = 2000
"""Characters of a text: a page of longer ones takes minutes to draw and shows nothing else."""
PAINTERS = ("covers", "style", "marks", "emoji", "Tibetan", "vertical", "override", "surrogates")
"""Words in the names of texts that might paint over what stands beside them."""
COMPARISON_BOXES = ".text, td, th, .answer, li, h1, h2, h3, p, summary"


def shortened() -> dict[str, str]:
    """Every text, of at most `LONGEST` characters."""
    return {name: text[:LONGEST] for name, text in texts().items()}


def witnesses_of(items: Locator) -> list[Locator]:
    """Those of the items, one after each text, that stand after a text that might paint."""
    near = [n for n, name in enumerate(texts()) if any(word in name for word in PAINTERS)]
    return [items.filter(has_text=f"witness {n} stays here").first for n in near]


def explained(hostile: Sequence[str]) -> Explanation:
    """Every text as a message, also as a role, each followed by a message that is a witness."""
    messages: list[tuple[str, str]] = []
    for number, text in enumerate(hostile):
        messages += [(text if number % 2 else "user", f"{text} key")]
        messages += [("user", f"witness {number} stays here")]
    made = explanation(
        messages,
        {"key": 0.6, "alert": 0.3, "<": 0.2, "|": -0.2},
        answer="\n".join(hostile),
        summary=" ".join(text[:200] for text in hostile[:50]),
        status="inconclusive",
    )
    settings = made.settings.model_copy(update={"model": " ".join(hostile)})
    fidelity = made.fidelity.model_copy(update={"reason": " ".join(t[:50] for t in hostile)})
    return made.model_copy(update={"settings": settings, "fidelity": fidelity})


def compared(folder: Path) -> Comparison:
    """Two versions of a template with every text in it, and in names, answers and variables."""
    hostile = storable_texts()
    parts = [text[:300].replace("{", "{ ") for text in hostile.values()]
    template = "".join(f"Part {n}: {t}.\nWitness {n} stays.\n" for n, t in enumerate(parts))
    template += "Be brief.\nQuestion: {question}\nAnswer:"
    name = hostile["image"] + hostile["towers of marks"] + hostile["long word"]
    questions = [
        {"question": f"{n} {text[:200]}"} for n, text in enumerate(list(hostile.values())[:12])
    ]
    with Store.open(settings_in(folder)) as store:
        effects = {"{question}": 0.6, "Be brief.": 0.4, "Witness 3 stays.": 0.3}
        first, second = hostile["script"] + "W" * 300, hostile["title of a terminal"]
        plant(store, name, first, template, questions, effects=effects)
        plant(store, name, second, template.replace("brief", "long"), questions, effects=effects)
    comparison = compare(name, budget=0, settings=settings_in(folder))
    examples = []
    for number, text in enumerate(shortened().values()):
        variables = {"question": text, f"name {text[:30]}": "x"}
        examples += [Example(variables=variables, before=text, after=text, distance=0.9)]
        witness = f"witness {number} stays here"
        examples += [Example(variables={}, before=witness, after=witness, distance=0.1)]
    change = comparison.changes[0].model_copy(update={"examples": tuple(examples)})
    return comparison.model_copy(update={"changes": (change,)})


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_of_an_explanation(width: int, watched_page: WatchedPage, tmp_path: Path) -> None:
    page, file, hostile = watched_page.page, tmp_path / "page.html", list(shortened().values())
    file.write_text(to_html(explained(hostile), title=hostile[0] * 50), encoding="utf-8")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(file.as_uri())
    messages = page.locator("section.message")
    assert check_column(messages, width) == 2 * len(hostile) + 1
    check_width(page)
    assert leaking_texts(page, HEATMAP_BOXES) == []
    witnesses = witnesses_of(messages)
    assert painted_over(page, witnesses, "section.message:nth-of-type(2n+1)") == []
    page.locator("details.scores").evaluate("details => details.open = true")
    check_width(page)
    watched_page.check()
    assert watched_page.asked == [file.as_uri()]
    assert page.locator("script, img, iframe, object, link, meta[http-equiv=refresh]").count() == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_of_a_comparison(width: int, watched_page: WatchedPage, tmp_path: Path) -> None:
    page, file = watched_page.page, tmp_path / "page.html"
    file.write_text(compared(tmp_path).to_html(), encoding="utf-8")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(file.as_uri())
    page.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
    check_width(page)
    assert check_column(page.locator("article.panel"), width) == 2
    assert check_column(page.locator("details.example"), width) == 2 * len(texts())
    assert leaking_texts(page, COMPARISON_BOXES) == []
    witnesses = witnesses_of(page.locator(".answer"))
    assert painted_over(page, witnesses, "details:nth-of-type(2n+1) .answer") == []
    watched_page.check()
    assert watched_page.asked == [file.as_uri()]


@pytest.mark.parametrize("sandboxed", [False, True])
def test_in_a_notebook(sandboxed: bool, watched_page: WatchedPage, tmp_path: Path) -> None:
    """Between two cells, as Jupyter shows trusted outputs, and in a frame as others do."""
    outputs = [
        explained(list(shortened().values()))._repr_html_(),
        compared(tmp_path)._repr_html_(),
    ]
    if sandboxed:
        frame = '<iframe sandbox="allow-scripts" style="width:100%;height:40rem;border:0" srcdoc="'
        outputs = [f'{frame}{html.escape(output)}"></iframe>' for output in outputs]
    cells = [f'<div class="cell"><pre>In [{n}]</pre>{o}</div>' for n, o in enumerate(outputs)]
    file = tmp_path / "notebook.html"
    around = '<div class="cell"><pre>In [9]: everything is here</pre></div>'
    file.write_text(
        "<!doctype html><meta charset=utf-8><body style='margin:1rem'>"
        f"{around}{around.join(cells)}{around}",
        encoding="utf-8",
    )
    page = watched_page.page
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(file.as_uri())
        check_width(page)
        assert check_column(page.locator(".cell"), width) == 5
        around_them = page.locator(".cell", has_text="everything is here").all()
        assert painted_over(page, around_them, ".smile-trace, .smile-comparison") == []
        for inside in page.frames[1:]:
            assert inside.evaluate("document.body.scrollWidth - document.body.clientWidth") <= 0
        watched_page.check()
