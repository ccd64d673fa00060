"""MLflow's pages, as a person clicks through them.

`url` is a receipt's address, `…/#/experiments/ID/traces/…`; every page opens from it. The colour
scheme is the browser context's (`color_scheme`), or with `prefer` MLflow's own switch.
"""

import contextlib

from playwright.sync_api import BrowserContext, Locator, Page
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from smile_trace.trackers.presentation import EXPLANATION_NAME
from tests.support.browser import PATIENCE

CLICKS = 8
"""How often MLflow's interface is clicked meanwhile."""


def prefer(context: BrowserContext, *, dark: bool) -> None:
    """Set MLflow's own switch, which overrides the system's; its hints are marked as seen."""
    values = {
        "_mlflow_dark_mode_toggle_enabled": str(dark).lower(),
        "databricks-dark-mode-pref": "dark" if dark else "light",
        "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
        "mlflow.assistant.panelOpen_v1": "false",
        "mlflow.detectIssues.guidanceShown_v1": "true",
    }
    for key, value in values.items():
        context.add_init_script(f"localStorage.setItem({key!r}, {value!r})")


def open_list(page: Page, url: str, column: str = "smile.driver") -> Locator:
    """Open the experiment's list of traces, and scroll to the last of our columns; gives the one
    of that name once drawn."""
    page.goto(f"{_experiment(url)}/traces")
    found = page.get_by_text(column).first
    found.wait_for(timeout=PATIENCE)
    _settle(page)
    page.get_by_text("smile.verdict").or_(found).last.scroll_into_view_if_needed()
    return found


def open_explanation(page: Page, url: str) -> Locator:
    """Open a receipt's trace and select the explanation; gives its picture once drawn."""
    return open_picture(page, url, EXPLANATION_NAME)


def open_picture(page: Page, url: str, name: str) -> Locator:
    """Open a receipt's trace and select the span whose name begins so; gives its only picture once
    drawn."""
    page.goto(url)
    span = page.get_by_text(name).first
    span.wait_for(timeout=PATIENCE)
    picture = page.locator('img[src*="get-artifact"]')
    for _ in range(CLICKS):  # one that comes while the tree is being drawn goes to nobody
        span.dispatch_event("click")
        with contextlib.suppress(PlaywrightTimeout):
            picture.wait_for(timeout=PATIENCE / CLICKS)
            break
    page.wait_for_function(
        "[...document.querySelectorAll('img[src*=get-artifact]')]"
        ".every(image => image.complete && image.naturalWidth)",
        timeout=PATIENCE,
    )
    _settle(page)
    return picture


def open_runs(page: Page, url: str, name: str) -> None:
    """Open the experiment's evaluation runs and select the one of that name: its traces."""
    page.goto(f"{_experiment(url)}/evaluation-runs")
    page.get_by_text(name, exact=True).first.click(timeout=PATIENCE)
    page.get_by_text("smile.driver").first.wait_for(timeout=PATIENCE)
    _settle(page)


def open_artifact(page: Page, url: str, run_id: str, path: str) -> None:
    """Open an artifact of a run."""
    page.goto(f"{_experiment(url)}/runs/{run_id}/artifacts/{path}")
    page.reload()  # from another artifact, MLflow stays where it is
    page.get_by_text(path.rpartition("/")[2]).first.wait_for(timeout=PATIENCE)
    _settle(page)


def open_review(page: Page, experiment_url: str, queue: str) -> None:
    """Open a review queue, and its first item that nobody has judged."""
    page.goto(f"{experiment_url}/review-queue")
    page.get_by_text(queue, exact=True).first.click(timeout=PATIENCE)
    page.get_by_role("button", name="Start review").click(timeout=PATIENCE)
    page.get_by_role("button", name="Submit").wait_for(timeout=PATIENCE)
    _settle(page)


def reply_in_review(page: Page, **replies: str) -> None:
    """Choose a reply to each question of the item that is open, and submit."""
    for question, reply in replies.items():
        page.get_by_role("combobox", name=f"smile.{question}").click(timeout=PATIENCE)
        page.get_by_role("option", name=reply, exact=True).click(timeout=PATIENCE)
    with page.expect_response(lambda answer: "review-queue" in answer.url) as waiting:
        page.get_by_role("button", name="Submit").click(timeout=PATIENCE)
    assert waiting.value.ok
    _settle(page)


def _experiment(url: str) -> str:
    head, _, tail = url.partition("/experiments/")
    return f"{head}/experiments/{tail.partition('/')[0]}"


def _settle(page: Page) -> None:
    """Wait until nothing is being loaded: no skeletons, no requests."""
    with contextlib.suppress(PlaywrightError):  # telemetry of MLflow's may stay open
        page.wait_for_load_state("networkidle", timeout=5_000)
