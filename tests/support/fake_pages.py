"""The pages on which a fake server shows a person what it got."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

_FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>:root{{color-scheme:light dark}}body{{font:15px/1.5 system-ui,sans-serif;max-width:60rem;
margin:2rem auto;padding:0 1rem}}td,th{{text-align:left;padding:.2rem 1rem .2rem 0;
vertical-align:top}}pre{{white-space:pre-wrap}}img{{max-width:100%;background:#fff}}iframe{{width:100%;
height:34rem;border:1px solid #8886;border-radius:6px}}</style></head><body>{body}</body></html>"""


@dataclass(frozen=True)
class Shown:
    """An explanation as a fake got it: what is said of it by name, its text, its SVG."""

    trace_id: str
    title: str
    facts: Mapping[str, str]
    text: str = ""
    picture: bytes = field(default=b"", repr=False)


def page(title: str, body: str) -> bytes:
    """A page of its own. `body` is HTML."""
    return _FRAME.format(title=escape(title), body=body).encode()


def explanations_page(service: str, url: str, shown: Sequence[Shown]) -> bytes:
    """The explanations, one below the other."""
    return page(
        f"Fake {service} server",
        f"<h1>Fake {service} server</h1><p>{escape(url)} keeps what it gets in memory only, and "
        f"shows it plainly. The real {service} looks different.</p><p>{len(shown)} "
        f"explanation{'' if len(shown) == 1 else 's'}</p>{''.join(map(_section, shown))}",
    )


def _section(one: Shown) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in one.facts.items()
    )
    encoded = base64.b64encode(one.picture).decode()
    # As an image, so that nothing in it is run.
    drawn = f"<img alt='' src='data:image/svg+xml;base64,{encoded}'>" if one.picture else ""
    text = f"<pre>{escape(one.text)}</pre>" if one.text else ""
    return (
        f"<h2>{escape(one.title)}</h2><p>trace {escape(one.trace_id)}</p><table>{rows}</table>"
        f"{drawn}{text}"
    )
