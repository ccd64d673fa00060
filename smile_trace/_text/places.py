"""The last place of a text in another one."""


def last_place(text: str, part: str) -> int:
    """The place that `text.rfind(part)` gives, in linear time.

    `rfind` takes as many steps as both lengths multiplied where somebody means it to; `find` does
    not.
    """
    if text.endswith(part):
        return len(text) - len(part)
    if part not in text:
        return -1
    return len(text) - len(part) - text[::-1].find(part[::-1])
