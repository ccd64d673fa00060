"""The pictures of a prompt's week: `python -m tools.pictures.week`.

A worker explains two weeks of a planted shop's calls into a real MLflow, and Chromium photographs
the run of its prompt and the prompt's page in the registry, light and dark.
"""

import tempfile
import time
from pathlib import Path

import mlflow
from playwright.sync_api import Browser, Page

from smile_trace.settings import Settings
from smile_trace.worker.run import run
from smile_trace_mlflow import MLflowTracker
from tests.support.browser import PATIENCE, chromium_or_exit, launched
from tests.support.mlflow_pages import prefer
from tests.support.mlflow_server import OwnMLflowServer
from tests.support.planted import serving
from tests.support.spooled import write_spool
from tests.support.worker_settings import settings_tables
from tools.pictures.images import COLOURS, store_picture
from tools.pictures.weekly_calls import BEFORE, NOW, answer, two_weeks

WIDTH, HEIGHT, PROMPT_HEIGHT = 1700, 760, 620
TITLE = "What matters in support"


def main() -> None:
    """Explain, and take the pictures.

    Raises:
        SystemExit: there is no Chromium.
    """
    program = chromium_or_exit()
    with tempfile.TemporaryDirectory(prefix="week-") as folder:
        server = OwnMLflowServer(Path(folder))
        server.start()
        try:
            experiment = _explain(Path(folder) / "home", server)
            with launched(program) as browser:
                for dark in (False, True):
                    _take(browser, f"{server.uri}/#/experiments/{experiment}", dark=dark)
        finally:
            server.stop()


def _explain(home: Path, server: OwnMLflowServer) -> str:
    """The id of the experiment into which the worker delivered."""
    mlflow.set_tracking_uri(server.uri)
    for template in (BEFORE, NOW):
        mlflow.genai.register_prompt("support", template.replace("{", "{{").replace("}", "}}"))
    tracker = MLflowTracker.from_settings({"tracking_uri": server.uri, "experiment": "shop"})
    assert tracker is not None
    with serving(answer) as model:
        tables = settings_tables(model.base_url, {"budget": {"calls_per_explanation": 30}})
        settings = Settings(home=home, **tables)
        write_spool(settings.spool, two_weeks(time.time()))
        run(settings, once=True, trackers=[tracker])
    found = mlflow.get_experiment_by_name("shop")
    assert found is not None
    return str(found.experiment_id)


def _take(browser: Browser, experiment: str, *, dark: bool) -> None:
    context = browser.new_context(viewport={"width": WIDTH, "height": PROMPT_HEIGHT})
    prefer(context, dark=dark)
    page = context.new_page()
    page.goto(f"{experiment}/prompts/support")
    link = page.get_by_text(TITLE).first
    link.wait_for(timeout=PATIENCE)
    store_picture(page, "mlflow-prompt", dark=dark, colours=COLOURS)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    link.click()
    _expand(page)
    store_picture(page, "mlflow-week", dark=dark, colours=COLOURS)
    context.close()


def _expand(page: Page) -> None:
    """Show all of the run's description, its prompts being listed."""
    page.get_by_text("Show more").first.click(timeout=PATIENCE)
    page.get_by_text("support (v2)").first.wait_for(timeout=PATIENCE)


if __name__ == "__main__":
    main()
