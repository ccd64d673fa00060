"""The pictures of docs/phoenix.md: `python -m tools.pictures.phoenix [ADDRESS]`.

Of an explanation with chosen scores, in a Phoenix that is started for it, or at the address given.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from smile_trace.demo.trackers import Phoenix
from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt
from smile_trace_phoenix import PhoenixTracker
from tests.support.browser import chromium_or_exit, launched
from tests.support.explained import captured, explanation
from tests.support.phoenix_pages import enlarge, open_explanation, prefer
from tools.pictures.images import COLOURS, IMAGES

WIDTH, HEIGHT = 1400, 900


def main() -> None:
    """Take them, light and dark.

    Raises:
        SystemExit: there is no Chromium.
    """
    program = chromium_or_exit()
    server = None if sys.argv[1:] else Phoenix(Path(tempfile.mkdtemp()))
    try:
        if server is not None:
            server.wait()
        url = deliver(sys.argv[1] if server is None else server.url)
        with launched(program) as browser:
            for dark in (False, True):
                _take(browser, url, dark=dark)
    finally:
        if server is not None:
            server.stop()


def deliver(address: str) -> str:
    """Where the explanation is seen."""
    tracker = PhoenixTracker.from_settings({"url": address, "project": "support-bot"})
    assert tracker is not None
    found = explanation()
    trace, call = captured(found)
    [received] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    assert isinstance(received, Receipt)
    item = ExplainedCall(trace=trace, call=call, explanation=found, traced_as=received.external_id)
    [shown] = tracker.deliver_explanations([item])
    assert isinstance(shown, Receipt)
    tracker.close()
    return str(shown.url)


def _take(browser: Browser, url: str, *, dark: bool) -> None:
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    prefer(context, dark=dark)
    page = context.new_page()
    enlarge(page, open_explanation(page, url))
    page.wait_for_timeout(2000)  # the rings beside the labels are drawn late
    path = IMAGES / f"heatmap-in-phoenix{'-dark' if dark else ''}.png"
    page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)
    context.close()


if __name__ == "__main__":
    main()
