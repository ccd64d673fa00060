"""JSON that every server takes: strict JSON (RFC 8259) in valid UTF-8."""

import math
import re

from smile_trace.records import JSON

_SURROGATE = re.compile("[\ud800-\udfff]")


def strict_json(value: JSON) -> JSON:
    """The value without what strict JSON or UTF-8 cannot hold.

    Numbers that are not finite become their names ("nan", "inf"), lone surrogates U+FFFD
    (sections 6 and 8.2).
    """
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {str(strict_json(str(key))): strict_json(item) for key, item in value.items()}
        case list() | tuple():
            return [strict_json(item) for item in value]
    return value
