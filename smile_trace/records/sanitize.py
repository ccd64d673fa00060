"""Values of any origin made fit for other programs: JSON and UTF-8 that every server takes."""

import math
import re

from smile_trace.records.base import JSON

_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(value: JSON) -> JSON:
    """`value` without what JSON or UTF-8 cannot hold.

    Numbers that are not finite become their names ("nan", "inf"), lone surrogates U+FFFD: see
    RFC 8259, sections 6 and 8.2.
    """
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {str(plain(str(key))): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    return value
