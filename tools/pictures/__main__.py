"""The pictures of the documentation, taken from what the demo has left: `make pictures`.

    SMILE_TRACE_HOME=HOME python -m tools.pictures

MLflow serves the demo's traces in HOME again, and Chromium photographs its pages, light and dark;
the comparison of the demo's two prompt versions is photographed as its own page, on a telephone,
too.
"""

import json
from collections.abc import Sequence

from playwright.sync_api import Browser, FloatRect

from smile_trace.comparison import compare
from smile_trace.demo.trackers import MLflow
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.calls import Explained, read_explained
from smile_trace_mlflow.runs import day_of
from tests.support.browser import chromium, launched
from tests.support.mlflow_pages import open_explanation, open_list, open_runs, prefer
from tools.pictures.images import COLOURS, store_picture

WIDTH, HEIGHT = 1600, 900
SCALE = 2
"""Pixels a point of the first two pictures: pages show them at half their size or less."""
TRACE_WIDTH, TRACE_HEIGHT = 1100, 860
TRACE: FloatRect = {"x": 110, "y": 0, "width": 990, "height": 846}
"""The trace, without the list behind it."""
LIST_WIDTH, LIST_HEIGHT = 1250, 800
LIST: FloatRect = {"x": 225, "y": 160, "width": 1000, "height": 394}
"""The list itself, without MLflow's menu."""
LIST_COLUMNS = {
    "columns.{}_v4": dict.fromkeys(("time", "duration", "state", "tokens", "tags"), False),
    "column-sizes.{}_v3": {"input": 250, "output": 270, "assessment:smile.driver": 300},
}
"""As a person chooses columns under Display, by experiment: what fits into a page's width."""
RUN_WIDTH = 1780
TELEPHONE = 420


def main() -> None:
    """Take every picture.

    Raises:
        SystemExit: there is no explained call in the home, or no Chromium.
    """
    settings = Settings()
    store = Store.open(settings)
    explained = read_explained(store.database, since=0)
    store.close()
    program = chromium()
    if not explained or program is None:
        raise SystemExit("Run `make demo EXIT=1` before; Chromium is needed, too.")
    comparison = compare("support", settings=settings).to_html()
    server = MLflow(settings.home / "mlflow")
    try:
        server.wait()
        with launched(program) as browser:
            for dark in (False, True):
                _take_mlflow(browser, explained, server.url, dark=dark)
                _take_comparison(browser, comparison, dark=dark)
    finally:
        server.stop()


def _take_mlflow(
    browser: Browser, explained: Sequence[Explained], server: str, *, dark: bool
) -> None:
    """The list of traces, one trace with its heatmap, and the run of the day."""
    shown = _price(explained)
    address = _address(shown, server)
    experiment = address.partition("/experiments/")[2].partition("/")[0]
    context = browser.new_context(device_scale_factor=SCALE)
    prefer(context, dark=dark)
    for name, value in LIST_COLUMNS.items():
        key = f"mlflow.traces-v4.{name.format(experiment)}"
        context.add_init_script(f"localStorage.setItem({key!r}, {json.dumps(json.dumps(value))})")
    page = context.new_page()
    page.set_viewport_size({"width": LIST_WIDTH, "height": LIST_HEIGHT})
    open_list(page, address)
    store_picture(page, "mlflow-list", dark=dark, clip=LIST, colours=COLOURS)
    page.set_viewport_size({"width": TRACE_WIDTH, "height": TRACE_HEIGHT})
    open_explanation(page, address)
    store_picture(page, "heatmap-in-mlflow", dark=dark, clip=TRACE, colours=2 * COLOURS)
    context.close()
    context = browser.new_context(viewport={"width": RUN_WIDTH, "height": HEIGHT})
    prefer(context, dark=dark)
    page = context.new_page()
    open_runs(page, address, f"smile-trace {day_of(shown.explanation)}")
    store_picture(page, "mlflow-run", dark=dark, colours=COLOURS)
    context.close()


def _take_comparison(browser: Browser, html: str, *, dark: bool) -> None:
    """The page of a comparison, wide and as a telephone shows it."""
    for name, width in (("comparison-of-the-demo", WIDTH), ("comparison-telephone", TELEPHONE)):
        page = browser.new_page(
            viewport={"width": width, "height": HEIGHT}, color_scheme="dark" if dark else "light"
        )
        page.set_content(html)
        store_picture(page, name, dark=dark)
        page.close()


def _price(explained: Sequence[Explained]) -> Explained:
    """The newest answer to "How much does the red lamp cost?": right, though its two documents
    disagree."""
    question = "How much does the red lamp cost?"
    return [one for one in explained if question in one.call.messages[-1].content][-1]


def _address(one: Explained, server: str) -> str:
    """Where MLflow shows it, on the server that runs now."""
    return f"{server}/#{one.urls['mlflow'].partition('/#')[2]}"


if __name__ == "__main__":
    main()
