# A Python panel for Comet: what smile-trace has delivered to a project, on its dashboard.
#
# Paste this file into a new Python panel (Panels, Add, New, Python) of a project that smile-trace
# delivers to: of its traces the path and the heatmaps, of its prompt versions the comparison and
# the heatmaps. It needs nothing of smile-trace, and runs in Comet, in Python 3.9 and newer.
#
# Source: Comet's own panels, which are Streamlit scripts, and comet_ml 3.58.8 (API.get_panel_…).
# Comments, and no texts between the statements, because Streamlit shows these.

from html import escape
from typing import Any

import streamlit as st  # type: ignore[import-not-found]
import streamlit.components.v1 as components  # type: ignore[import-not-found]
from comet_ml import API

WHOLE = {
    "comparison.html": "Prompt versions side by side",
    "path.html": "Where did this come from?",
}
HEIGHT = 900  # pixels; what is longer is scrolled
STYLE = f"width: 100%; height: {HEIGHT - 20}px; border: 0"


def pages(experiment: Any) -> dict[str, str]:
    """Return the asset ids of a trace's or prompt version's pages, by their titles."""
    found = {str(one["fileName"]): str(one["assetId"]) for one in experiment.get_asset_list()}
    whole = {title: found[name] for name, title in WHOLE.items() if name in found}
    heatmaps = sorted(
        name
        for name in found
        if name.endswith("/heatmap.html")
        or (name.startswith("heatmaps/") and name.endswith(".html"))
    )
    return {**whole, **{"Heatmap of " + call(name): found[name] for name in heatmaps}}


def call(name: str) -> str:
    """Return the call of a heatmap, from `SPAN/heatmap.html` or `heatmaps/CALL.html`."""
    folder, _, file = name.partition("/")
    return file[: -len(".html")] if folder == "heatmaps" else folder


def label(experiment: Any) -> str:
    """Return the name of a trace or prompt version in the list."""
    return str(experiment.name or experiment.id)


def show(page: str) -> None:
    """Show a page in a frame without rights: whoever may write assets could have changed it."""
    frame = f'<iframe sandbox srcdoc="{escape(page, quote=True)}" style="{STYLE}"></iframe>'
    if hasattr(st, "iframe"):  # which takes the place of the other one in newer versions
        st.iframe(frame, height=HEIGHT)
    else:
        components.html(frame, height=HEIGHT)


def main() -> None:
    """Let a person choose a page, and show it."""
    st.set_page_config(layout="wide")
    experiments = API().get_panel_experiments()  # type: ignore[no-untyped-call]
    left, right = st.columns(2)
    # By their places: Streamlit copies what it offers, and an experiment cannot be copied.
    chosen = left.selectbox(
        "Trace or prompt version",
        range(len(experiments)),
        format_func=lambda place: label(experiments[place]),
    )
    if chosen is None:
        st.info("Nothing has been delivered to this project yet.")
        return
    experiment = experiments[chosen]
    shown = pages(experiment)
    if not shown:
        st.info("This one is not explained yet.")
        return
    title = right.selectbox("Page", list(shown))
    show(experiment.get_asset(shown[title], return_type="binary").decode("utf-8"))


main()
