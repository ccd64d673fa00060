"""Lists and numbers in a sentence: "one, two and three", "the second"."""

from collections.abc import Sequence

_NAMES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
"""The numbers that are written as words."""


def listed(items: Sequence[str], conjunction: str = "and") -> str:
    """The items with commas, and the conjunction before the last; nothing for none."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"


def listed_few(items: Sequence[str], most: int = 3, conjunction: str = "and") -> str:
    """The first items by name, the others by number; nothing for none."""
    more = len(items) - most
    few = [*items[:most], f"{in_words(more)} more"] if more > 0 else items
    return listed(few, conjunction)


def in_words(count: int) -> str:
    """A count as a word, from eleven on in digits."""
    return NUMBERS[count] if count < len(NUMBERS) else f"{count:,}"


def ordinal(index: int) -> str:
    """The ordinal of a 0-based index."""
    if index < len(_NAMES):
        return _NAMES[index]
    number = index + 1
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def per_cent(low: float, high: float) -> str:
    """An interval of a share, as `12 to 61 %`."""
    return f"{100 * low:.0f} to {100 * high:.0f} %"
