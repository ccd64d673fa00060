"""Whether a page's layout holds: nothing sideways, nothing out of its box, nothing painted over."""

from collections.abc import Sequence
from itertools import pairwise

from playwright.sync_api import Frame, Locator, Page

WIDTHS = (1100, 390)
"""A window on a desk, and a telephone; in pixels."""

_LEAKS = """
boxes => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode() && found.length < 10) {
    const node = walk.currentNode, parent = node.parentElement;
    const folded = parent.closest('details:not([open])');
    if (!node.data.trim() || parent.closest("style")) continue;
    if (/\\s{20}/.test(node.data)) continue;  // space that hangs at the end of a line
    if (folded && !parent.closest('summary')) continue;
    const box = parent.closest(boxes);
    if (!box) continue;
    const style = getComputedStyle(box), outer = box.getBoundingClientRect();
    if (style.overflowX === 'auto' && style.overflowY === 'hidden') continue;  // scrolls inside
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const r of range.getClientRects()) {
      if (r.width && (r.left < outer.left - 1 || r.right > outer.right + 1 ||
                      r.top < outer.top - 4 || r.bottom > outer.bottom + 4)) {
        found.push(node.data.slice(0, 60));
        break;
      }
    }
  }
  return found;
}
"""

_BOXES = """
items => items.map(item => {
  const r = item.getBoundingClientRect();
  return [r.left, r.top + scrollY, r.right, r.bottom + scrollY];
})
"""


def leaking_texts(page: "Page | Frame", boxes: str) -> list[str]:
    """The beginnings of texts that stand out of the box (a CSS selector) that they are in."""
    found: list[str] = page.evaluate(_LEAKS, boxes)
    return found


def check_width(page: Page) -> None:
    """See that the page cannot be scrolled sideways.

    Raises:
        AssertionError: it can.
    """
    wide, window = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= window, f"the page is {wide} pixels wide in a window of {window}"


def check_column(items: Locator, width: float) -> int:
    """See that the items stand below each other within the page, none upon another.

    Returns:
        How many there are.

    Raises:
        AssertionError: one is of no size, is outside or lies upon another.
    """
    boxes: list[list[float]] = items.evaluate_all(_BOXES)
    for left, top, right, bottom in boxes:
        assert right > left, "an item has no width"
        assert bottom > top, "an item has no height"
        assert left >= -1, "an item begins outside of the page"
        assert right <= width + 1, "an item ends outside of the page"
    for one, other in pairwise(boxes):
        beside = other[0] >= one[2] - 1
        assert beside or other[1] >= one[3] - 1, "an item lies upon another"
    return len(boxes)


def painted_over(page: Page, witnesses: Sequence[Locator], others: str) -> list[str]:
    """The witnesses that look otherwise once everything at the CSS selector `others` is hidden."""
    before = [witness.screenshot() for witness in witnesses]
    page.add_style_tag(content=f"{others} {{ visibility: hidden !important; }}")
    after = [witness.screenshot() for witness in witnesses]
    triples = zip(witnesses, before, after, strict=True)
    return [witness.inner_text() for witness, one, other in triples if one != other]
