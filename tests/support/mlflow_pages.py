"""MLflow's pages, as a person clicks through them."""

from playwright.sync_api import Locator, Page

from smile_trace_mlflow.spans import EXPLANATION_NAME

PATIENCE = 60_000
"""Milliseconds for MLflow's interface on a busy machine."""


def open_explanation(page: Page, url: str) -> list[Locator]:
    """Open a receipt's address and select the explanation; gives its pictures once drawn."""
    page.goto(url)
    span = page.get_by_text(EXPLANATION_NAME).first
    span.wait_for(timeout=PATIENCE)
    span.dispatch_event("click")
    pictures = page.locator('img[alt^="Attachment"]')
    pictures.nth(1).wait_for(timeout=PATIENCE)
    page.wait_for_function(
        "[...document.querySelectorAll('img[alt^=Attachment]')].every(i => i.complete)",
        timeout=PATIENCE,
    )
    return pictures.all()
