"""The pages of the fake server: a list of experiments, and one page for each."""

import json
from collections.abc import Sequence
from html import escape

from tests.support.fake_comet.state import Experiment

_FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>:root{{color-scheme:light dark}}body{{font:15px/1.5 system-ui,sans-serif;max-width:60rem;
margin:2rem auto;padding:0 1rem}}td,th{{text-align:left;padding:.2rem 1rem .2rem 0;
vertical-align:top}}pre{{white-space:pre-wrap}}iframe{{width:100%;height:34rem;border:1px solid
#8886;border-radius:6px}}</style></head><body>{body}</body></html>"""


def index_page(experiments: Sequence[Experiment], url: str) -> str:
    """Every trace and experiment, with a link to each."""
    rows = "".join(
        f"<tr><td>{escape(e.project)}</td><td><a href='/{escape(e.workspace, quote=True)}/"
        f"{escape(e.project, quote=True)}/{escape(e.key, quote=True)}'>"
        f"{escape(str(e.others.get('Name') or e.key))}</a></td>"
        f"<td>{escape(', '.join(sorted(e.tags)))}</td></tr>"
        for e in experiments
    )
    return _FRAME.format(
        title="Fake Comet server",
        body=f"<h1>Fake Comet server</h1><p>{escape(url)} keeps what it gets in memory "
        "only, and shows it plainly. The real Comet looks different.</p>"
        f"<table><tr><th>project</th><th>trace or experiment</th><th>tags</th></tr>{rows}</table>",
    )


def experiment_page(experiment: Experiment) -> str:
    """One experiment: its HTML tab in a frame without rights, and the rest as text."""
    rest = {
        "parameters": experiment.parameters,
        "metrics": {name: values[-1] for name, values in experiment.metrics.items()},
        "others": experiment.others,
        "assets": [asset.name for asset in experiment.assets],
    }
    title = str(experiment.others.get("Name") or experiment.key)
    tab = f'<iframe sandbox srcdoc="{escape(experiment.html, quote=True)}"></iframe>'
    return _FRAME.format(
        title=escape(title),
        body=f"<h1>{escape(title)}</h1>{tab if experiment.html else ''}"
        f"<pre>{escape(json.dumps(rest, indent=2, ensure_ascii=False))}</pre>",
    )
