"""Pictures of planted answers, to be looked at by somebody else: `python -m tools.pictures.planted
FOLDER [pages|mlflow|phoenix|docs …]`; `docs` makes docs/images/heatmap-attached.svg anew.

A list of rules, retrieved documents, an agent's last step and the extraction of JSON are explained;
each is photographed as its page (1,600 and 420 pixels wide), as the picture that trackers show, and
in a real MLflow and Phoenix, light and dark. What each answer depends on is in `TRUTH`, which the
pictures do not show.
"""

import json
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page

import smile_trace
from smile_trace.demo.trackers import MLflow, Phoenix
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.records import Explanation
from smile_trace.render import brief_svg
from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt
from smile_trace.trackers.dashboard import Dashboard
from smile_trace_mlflow import MLflowTracker
from smile_trace_phoenix import PhoenixTracker
from tests.support import mlflow_pages, order_agent, phoenix_pages
from tests.support.browser import chromium_or_exit, launched
from tests.support.explained import captured
from tests.support.strict_openai import strict
from tools.pictures.images import IMAGES

WIDTHS = (1600, 420)
TRUTH = {
    "list": "the rule about refunds",
    "documents": "the second document, returns.md",
    "agent": "“Friday” in the result of get_order",
    "json": "“kettle”, “two” and “Friday”, a field each",
}
_Messages = list[dict[str, Any]]

_RULES = [
    f"Rule {number}: {rule}"
    for number, rule in enumerate(
        (
            "greet everybody as warmly as you would greet a friend.",
            "never talk about politics, religion or the weather.",
            "refunds are paid within nine days of the return.",
            "name the opening hours only if somebody asks for them.",
            "write in whole sentences, and keep them short.",
            "do not promise anything on behalf of the workshop.",
            "parcels are sent by Parcel Post, on working days only.",
            "if somebody is angry, stay calm and offer to call back.",
        ),
        1,
    )
]
_DOCUMENTS = {
    "hours.md": "The shop opens at nine and closes at six. On Sundays it is closed.",
    "returns.md": "Goods can be sent back for a hundred days. The label is in the parcel.",
    "repairs.md": "Lamps are repaired in the workshop in Leeds. It takes two weeks.",
}

CASES: Mapping[str, tuple[_Messages, Callable[[str], str]]] = {
    "list": (
        [
            {"role": "system", "content": "\n".join(_RULES)},
            {"role": "user", "content": "When do I get my money back?"},
        ],
        lambda said: (
            "You get it within nine days." if "refunds are paid" in said else "Soon, I hope."
        ),
    ),
    "documents": (
        [
            {"role": "system", "content": "Answer from the documents only."},
            {
                "role": "user",
                "content": "\n\n".join(f"## {n}\n{text}" for n, text in _DOCUMENTS.items())
                + "\n\nHow long can I send a lamp back?",
            },
        ],
        lambda said: "For a hundred days." if "hundred days" in said else "I cannot tell.",
    ),
    "agent": (
        order_agent.messages(),
        lambda said: "It arrives on Friday." if "Friday" in said else "I do not know when.",
    ),
    "json": (
        [
            {"role": "system", "content": "Extract item, count and day as JSON."},
            {
                "role": "user",
                "content": "Hello, please send me two of the kettle I saw, by Friday, thanks.",
            },
        ],
        lambda said: json.dumps(
            {
                "item": "kettle" if "kettle" in said else None,
                "count": 2 if re.search(r"\btwo\b", said) else None,
                "day": "Friday" if "Friday" in said else None,
            }
        ),
    ),
}


def main() -> None:
    """Take them.

    Raises:
        SystemExit: there is no Chromium.
    """
    program = chromium_or_exit()
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    kinds = sys.argv[2:] or ["pages", "mlflow", "phoenix"]
    found = {name: explained(name) for name in CASES}
    with launched(program) as browser:
        if "pages" in kinds:
            for name, explanation in found.items():
                _pages(browser, folder, name, explanation)
        if "docs" in kinds:
            picture = brief_svg(found["documents"])
            (IMAGES / "heatmap-attached.svg").write_text(picture, encoding="utf-8")
        if "mlflow" in kinds:
            server = MLflow(Path(tempfile.mkdtemp()))
            tracker = MLflowTracker.from_settings(
                {"tracking_uri": server.url, "experiment": "planted"}
            )
            _in_tracker(browser, folder, "mlflow", server, tracker, found)
        if "phoenix" in kinds:
            other = Phoenix(Path(tempfile.mkdtemp()))
            _in_tracker(
                browser,
                folder,
                "phoenix",
                other,
                PhoenixTracker.from_settings({"url": other.url, "project": "planted"}),
                found,
            )


def explained(name: str) -> Explanation:
    """Explain a planted answer, in 40 calls."""
    messages, answer = CASES[name]
    with strict(lambda body: answer(json.dumps(body["messages"], ensure_ascii=False))) as server:
        settings = EndpointSettings(
            base_url=server.base_url, temperature_zero_is_deterministic=True
        )
        tools = {"tools": order_agent.TOOLS} if name == "agent" else {}
        return smile_trace.explain(
            messages,
            model=Endpoint("planted", settings),
            parameters={"temperature": 0, **tools},
            budget=40,
        )


def _pages(browser: Browser, folder: Path, name: str, explanation: Explanation) -> None:
    picture = f"<body style='margin:12px'><img style='max-width:100%' src='{name}.svg'>"
    (folder / f"{name}.svg").write_text(brief_svg(explanation), encoding="utf-8")
    (folder / f"{name}-picture.html").write_text(picture, encoding="utf-8")
    (folder / f"{name}-page.html").write_text(explanation.to_html(), encoding="utf-8")
    for dark in (False, True):
        for width in WIDTHS:
            page = browser.new_page(
                viewport={"width": width, "height": 700}, color_scheme="dark" if dark else "light"
            )
            for what in ("picture", "page"):
                page.goto((folder / f"{name}-{what}.html").resolve().as_uri())
                if dark and what == "picture":
                    page.evaluate("document.body.style.background = '#11171c'")
                _take(page, folder, f"{name}-{what}", width, dark=dark)
            page.close()


def _in_tracker(
    browser: Browser,
    folder: Path,
    where: str,
    server: MLflow | Phoenix,
    tracker: Dashboard | None,
    found: Mapping[str, Explanation],
) -> None:
    pages: Any = mlflow_pages if where == "mlflow" else phoenix_pages
    open_it: Callable[[Page, str], Locator] = pages.open_explanation
    try:
        server.wait()
        urls = {name: deliver(tracker, explanation) for name, explanation in found.items()}
        for dark in (False, True):
            context = browser.new_context(viewport={"width": WIDTHS[0], "height": 1000})
            pages.prefer(context, dark=dark)
            for name, url in urls.items():
                page = context.new_page()
                open_it(page, url)
                page.wait_for_timeout(1000)
                _take(page, folder, f"{name}-{where}", WIDTHS[0], dark=dark)
                page.close()
            context.close()
    finally:
        server.stop()


def deliver(tracker: Dashboard | None, explanation: Explanation) -> str:
    """Where the tracker shows it."""
    assert tracker is not None
    trace, call = captured(explanation)
    [received] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    assert isinstance(received, Receipt)
    at = received.external_id
    item = ExplainedCall(trace=trace, call=call, explanation=explanation, traced_as=at)
    [shown] = tracker.deliver_explanations([item])
    assert isinstance(shown, Receipt)
    return str(shown.url)


def _take(page: Page, folder: Path, name: str, width: int, *, dark: bool) -> None:
    path = folder / f"{name}-{width}{'-dark' if dark else ''}.png"
    page.screenshot(path=path, full_page=True)


if __name__ == "__main__":
    main()
