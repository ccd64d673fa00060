"""The pictures of docs/phoenix.md: `python -m tools.pictures.phoenix [ADDRESS]`.

Of a planted answer from documents, in a Phoenix that is started for it, or at the address given.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from smile_trace.demo.trackers import Phoenix
from smile_trace_phoenix import PhoenixTracker
from tests.support.browser import chromium_or_exit, launched
from tests.support.phoenix_pages import enlarge, open_explanation, prefer
from tools.pictures.images import COLOURS, store_picture
from tools.pictures.planted import deliver, explained

WIDTH, HEIGHT = 1400, 1110


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
        address = sys.argv[1] if server is None else server.url
        tracker = PhoenixTracker.from_settings({"url": address, "project": "support-bot"})
        url = deliver(tracker, explained("documents"))
        with launched(program) as browser:
            for dark in (False, True):
                _take(browser, url, dark=dark)
    finally:
        if server is not None:
            server.stop()


def _take(browser: Browser, url: str, *, dark: bool) -> None:
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    prefer(context, dark=dark)
    page = context.new_page()
    enlarge(page, open_explanation(page, url))
    page.mouse.move(0, 0)  # a button covers the picture below the pointer
    page.wait_for_timeout(2000)  # the rings beside the labels are drawn late
    store_picture(page, "heatmap-in-phoenix", dark=dark, colours=COLOURS)
    context.close()


if __name__ == "__main__":
    main()
