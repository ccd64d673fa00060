"""The pages of the fake server: a list of experiments, and one page for each."""

import json
from collections.abc import Sequence
from html import escape

from tests.support.fake_comet.state import Experiment
from tests.support.fake_pages import page


def index_page(experiments: Sequence[Experiment], url: str) -> bytes:
    """Every trace and experiment, with a link to each."""
    rows = "".join(
        f"<tr><td>{escape(e.project)}</td><td><a href='/{escape(e.workspace, quote=True)}/"
        f"{escape(e.project, quote=True)}/{escape(e.key, quote=True)}'>"
        f"{escape(str(e.others.get('Name') or e.key))}</a></td>"
        f"<td>{escape(', '.join(sorted(e.tags)))}</td></tr>"
        for e in experiments
    )
    return page(
        "Fake Comet server",
        f"<h1>Fake Comet server</h1><p>{escape(url)} keeps what it gets in memory "
        "only, and shows it plainly. The real Comet looks different.</p>"
        f"<table><tr><th>project</th><th>trace or experiment</th><th>tags</th></tr>{rows}</table>",
    )


def experiment_page(experiment: Experiment) -> bytes:
    """One experiment: its HTML tab in a frame without rights, and the rest as text."""
    rest = {
        "parameters": experiment.parameters,
        "metrics": {name: values[-1] for name, values in experiment.metrics.items()},
        "others": experiment.others,
        "assets": [asset.name for asset in experiment.assets],
    }
    title = str(experiment.others.get("Name") or experiment.key)
    tab = f'<iframe sandbox srcdoc="{escape(experiment.html, quote=True)}"></iframe>'
    return page(
        title,
        f"<h1>{escape(title)}</h1>{tab if experiment.html else ''}"
        f"<pre>{escape(json.dumps(rest, indent=2, ensure_ascii=False))}</pre>",
    )
