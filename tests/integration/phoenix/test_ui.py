"""What a person sees in Phoenix: the picture is drawn, and hostile text stays text."""

import pytest
from playwright.sync_api import Browser

from smile_trace.records import Explanation
from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt
from smile_trace.trackers.fields import strict_json
from smile_trace_contracts.samples import HOSTILE
from smile_trace_phoenix import PhoenixTracker
from tests.support.browser import WatchedPage
from tests.support.explained import captured, explanation
from tests.support.phoenix_pages import enlarge, open_explanation, prefer
from tests.support.phoenix_server import PhoenixServer

pytestmark = [pytest.mark.phoenix, pytest.mark.browser]


def deliver(server: PhoenixServer, found: Explanation) -> str:
    """Where the explanation is seen."""
    tracker = PhoenixTracker.from_settings({"url": server.url, "project": server.new_project()})
    assert tracker is not None
    trace, call = captured(found)
    [received] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    assert isinstance(received, Receipt)
    item = ExplainedCall(trace=trace, call=call, explanation=found, traced_as=received.external_id)
    [shown] = tracker.deliver_explanations([item])
    assert isinstance(shown, Receipt)
    tracker.close()
    return str(shown.url)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_heatmap_is_drawn_and_grows(
    phoenix_server: PhoenixServer, browser: Browser, dark: bool
) -> None:
    url = deliver(phoenix_server, explanation())
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    prefer(context, dark=dark)
    page = context.new_page()
    picture = open_explanation(page, url)
    assert picture.evaluate("image => image.naturalWidth") == 600
    assert page.get_by_text("smile.driver").first.is_visible()
    assert page.get_by_text("drove this answer").first.is_visible()
    large = enlarge(page, picture)
    assert large.evaluate("image => image.width") > 500
    context.close()


def test_hostile_text_is_text(phoenix_server: PhoenixServer, watched_page: WatchedPage) -> None:
    hostile = str(strict_json(HOSTILE))
    found = explanation([("user", f"{hostile} key")], {"key": 0.6, "<": 0.2}, answer=hostile)
    open_explanation(watched_page.page, deliver(phoenix_server, found))
    watched_page.check()
