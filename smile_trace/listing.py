"""Several things in a sentence: "one, two and three"."""

from collections.abc import Sequence


def listed(items: Sequence[str], conjunction: str = "and") -> str:
    """The items with commas, and the conjunction before the last; nothing for none."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"
