"""The pictures of the documentation, taken from what the demo has left: `make pictures`.

    SMILE_TRACE_HOME=HOME python -m tools.pictures

MLflow serves the demo's traces in HOME again, and Chromium photographs its pages, light and dark;
the comparison of the demo's two prompt versions is photographed as its own page, on a telephone,
too.
"""

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
LIST_WIDTH, LIST_HEIGHT = 2300, 640
"""So wide that the columns of the assessments are in the picture."""
LIST: FloatRect = {"x": 200, "y": 20, "width": 2090, "height": 560}
"""The list itself, without MLflow's menu."""
RUN_WIDTH = 1780
"""The same of a run's traces."""
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
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    prefer(context, dark=dark)
    page = context.new_page()
    shown = _opening_hours(explained)
    address = _address(shown, server)
    page.set_viewport_size({"width": LIST_WIDTH, "height": LIST_HEIGHT})
    open_list(page, address)
    store_picture(page, "mlflow-list", dark=dark, clip=LIST, colours=COLOURS)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    open_explanation(page, address)
    store_picture(page, "heatmap-in-mlflow", dark=dark)
    page.set_viewport_size({"width": RUN_WIDTH, "height": HEIGHT})
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


def _opening_hours(explained: Sequence[Explained]) -> Explained:
    """The newest answer to "When does the shop in Oslo open?" of the prompt's first version: right,
    and from one of three documents."""
    return [
        one
        for one in explained
        if "When does the shop in Oslo open?" in one.call.messages[-1].content
        and [use.version for use in one.call.prompts] == ["1"]
    ][-1]


def _address(one: Explained, server: str) -> str:
    """Where MLflow shows it, on the server that runs now."""
    return f"{server}/#{one.urls['mlflow'].partition('/#')[2]}"


if __name__ == "__main__":
    main()
