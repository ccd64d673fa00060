"""The pictures of the documentation, taken from what the demo has left: `make pictures`.

    python -m tests.support.pictures HOME

MLflow serves the demo's traces in HOME again, and Chromium photographs its pages.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import FloatRect, Page, sync_playwright

from smile_trace.demo.servers import MLflow
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.explained import Explained, read_explained
from tests.support.browser import chromium
from tests.support.mlflow_pages import open_explanation, open_list, prefer
from tests.support.paths import ROOT

IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1500, 900
LIST_WIDTH, LIST_HEIGHT = 2300, 640
"""So wide that the columns of the assessments are in the picture."""
LIST: FloatRect = {"x": 200, "y": 20, "width": 2090, "height": 560}
"""The list itself, without MLflow's menu."""


def main(home: Path) -> None:
    """Take every picture.

    Raises:
        SystemExit: there is no explained call in `home`, or no Chromium.
    """
    store = Store.open(Settings(home=home))
    explained = read_explained(store.database, since=0)
    store.close()
    program = chromium()
    if not explained or program is None:
        raise SystemExit("Run `make demo EXIT=1` before; Chromium is needed, too.")
    server = MLflow(home / "mlflow")
    try:
        server.wait()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
            prefer(context, dark=False)
            _take(context.new_page(), explained, server.url)
            browser.close()
    finally:
        server.stop()


def _take(page: Page, explained: Sequence[Explained], server: str) -> None:
    address = _address(_wrong_answer(explained), server)
    page.set_viewport_size({"width": LIST_WIDTH, "height": LIST_HEIGHT})
    open_list(page, address)
    page.screenshot(path=IMAGES / "mlflow-list.png", clip=LIST)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    open_explanation(page, address)
    page.screenshot(path=IMAGES / "heatmap-in-mlflow.png")


def _wrong_answer(explained: Sequence[Explained]) -> Explained:
    """The newest answer to "Where are lamps repaired?" of the prompt's second version."""
    return [
        one
        for one in explained
        if "Where are lamps repaired?" in one.call.messages[-1].content
        and [use.version for use in one.call.prompts] == ["2"]
    ][-1]


def _address(one: Explained, server: str) -> str:
    """Where MLflow shows it, on the server that runs now."""
    return f"{server}/#{one.urls['mlflow'].partition('/#')[2]}"


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
