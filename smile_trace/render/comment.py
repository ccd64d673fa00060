"""Texts of others in a comment on GitHub: shown as they are, and nothing else happens."""

import re

from smile_trace._guards.presentable import presentable
from smile_trace.render.markdown import escape
from smile_trace.render.text import short

LONGEST = 60_000
"""Characters of a comment; GitHub refuses more than 65,536."""
_REFERENCES = re.compile(
    r"@(?=[\w-])|\#(?=\d)|\bGH-(?=\d)|\b[0-9a-f]{6}(?=[0-9a-f]{1,58}\b)|:(?=//)|\bwww\\?\.",
    re.IGNORECASE,
)
"""What GitHub would make a person, an issue, a commit or a link of, whatever is escaped."""


def told(text: str, longest: int = 400) -> str:
    """Return a text on one line, truncated, that is no markup, mention, reference or link."""
    line = escape(short(presentable(text, longest=longest), longest))
    return _REFERENCES.sub("\\g<0>\u2060", line)


def fitting(sections: list[str], more: str) -> str:
    """Return the sections that fit into a comment, and `more` with the number of the others."""
    found, left = list[str](), LONGEST - 200
    for place, section in enumerate(sections):
        left -= len(section) + 2
        if left < 0:
            found.append(more.format(len(sections) - place))
            break
        found.append(section)
    return "\n\n".join(found) + "\n"
