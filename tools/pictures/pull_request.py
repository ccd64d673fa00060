"""The comment on a pull request, as GitHub shows it: `python -m tools.pictures.pull_request FILE`.

FILE is the summary that `smile-trace check --summary FILE` wrote.
"""

import sys
from pathlib import Path

from markdown_it import MarkdownIt

from tests.support.browser import chromium_or_exit, launched
from tools.pictures.images import COLOURS, store_picture

WIDTH = 920
PAGE = """\
<!doctype html>
<meta charset="utf-8">
<style>
:root {{ color-scheme: light dark; --line: light-dark(#d1d9e0, #3d444d) }}
body {{
  margin: 16px; width: {width}px; font: 14px/1.5 sans-serif;
  background: light-dark(#fff, #0d1117); color: light-dark(#1f2328, #f0f6fc);
}}
article {{ border: 1px solid var(--line); border-radius: 6px }}
header {{
  padding: 8px 16px; border-bottom: 1px solid var(--line); border-radius: 6px 6px 0 0;
  background: light-dark(#f6f8fa, #151b23);
}}
main {{ padding: 0 16px }}
table {{ border-collapse: collapse; width: 100%; margin: 16px 0 }}
th, td {{ border: 1px solid var(--line); padding: 6px 13px; text-align: left }}
h3 {{ font-size: 1.25em }}
h4 {{ font-size: 1em }}
</style>
<article><header><b>github-actions</b> bot commented</header><main>{comment}</main></article>
"""


def main() -> None:
    """Store the picture of a summary, light and dark."""
    comment = MarkdownIt("commonmark").enable("table").render(Path(sys.argv[1]).read_text("utf-8"))
    with launched(chromium_or_exit()) as browser:
        for dark in (False, True):
            page = browser.new_page(
                viewport={"width": WIDTH + 32, "height": 1},
                color_scheme="dark" if dark else "light",
            )
            page.set_content(PAGE.format(width=WIDTH, comment=comment))
            height = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": WIDTH + 32, "height": height})
            store_picture(page, "pull-request", dark=dark, colours=COLOURS)


if __name__ == "__main__":
    main()
