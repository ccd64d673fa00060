"""Addresses and error texts of other programs, made fit to be logged, stored and shown: they may
hold passwords, keys that were sent, or sequences that a terminal obeys."""

import base64
import binascii
import functools
import os
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, unquote, urlsplit

from smile_trace._guards.redaction import redact

LONGEST = 500
"""Characters that are shown."""
LONGEST_LINE = 2000
"""Characters of a line of ours that may quote others."""
_READ, _SPARE = 100_000, 4096
"""Characters that are read; beyond them, the last ones read may be half a secret."""

_SEQUENCES = re.compile(
    r"(?:\x1b[\]P^_X]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)
_LINE_ENDS = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
_HIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff]"
)
_USER = re.compile(
    r"(?<=://)[^\s/\"'<>]*@"
)  # also of a password with ? or # in it, as people write them
_PARAMETER = re.compile(r"(?<=[?&])([\w.-]++)=[^\s&#\"'<>]+")
_PARAMETERS = re.compile(r"(?i)key|token|secret|passw|pwd|sig|auth|credential")
_PACKED = re.compile(r"(?<==)(?:[\w+/-]|%[0-9A-Fa-f]{2}){16,}={0,2}(?=&|#|$)", re.ASCII)
_NAMES = re.compile(r"(?i)(?:key|token|secret|passw\w*|pwd|credentials?)$")
_HARMLESS = re.compile(r"SMILE_TRACE_|(?:OLD)?PWD$")  # settings; the working directory
_SHORTEST = 8
"""The shortest secret: shorter ones would be found where they are not meant."""

_known: set[str] = set()


def hide(secret: str | None) -> None:
    """Never show this text again: a key that was read from a file or a variable."""
    if secret and len(secret) >= _SHORTEST:
        _known.update(_forms(secret))


def presentable(text: object, *, longest: int = LONGEST) -> str:
    """`str(text)` on one line without secrets, credentials in addresses, and control sequences.

    Secrets are those given to `hide`, the values of variables named like keys, tokens, secrets or
    passwords, and whatever has the shape of a credential. Beyond `longest`, an ellipsis stands.
    """
    return _presentable(str(text), longest, _secrets())


def _presentable(whole: str, longest: int, secrets: Sequence[str]) -> str:
    read = _SEQUENCES.sub("", whole[:_READ])
    line = _HIDDEN.sub("", _LINE_ENDS.sub(" ", read))
    for secret in secrets:
        line = line.replace(secret, "[redacted]")
    line = _PARAMETER.sub(_without_value, _USER.sub("[redacted]@", line))
    line = redact(line)[0]
    if len(whole) > _READ:
        line = line[:-_SPARE]
    line = " ".join(line.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def presentable_lines(text: object) -> str:
    """Several lines (a traceback, a log message), each made presentable; indents stay."""
    return "\n".join(
        line[: len(line) - len(line.lstrip(" "))] + presentable(line, longest=LONGEST_LINE)
        for line in str(text).split("\n")
    )


def link(address: str) -> str:
    """A tracker's address for people, without user and password, also in an address packed as a
    base64 parameter, as in Opik's links."""
    return links([address])[0]


def links(addresses: Iterable[str]) -> list[str]:
    """Many such addresses: what is secret is looked up once."""
    secrets = _secrets()

    @functools.lru_cache(8)  # of one server, all have the same parameter
    def packed(value: str) -> str:
        try:
            inner = base64.b64decode(unquote(value), altchars=None, validate=True).decode()
        except (binascii.Error, ValueError):
            return value
        shown = plain(inner) if "://" in inner else inner
        return value if shown == inner else base64.b64encode(shown.encode()).decode()

    def plain(address: str) -> str:
        shown = _presentable(address, LONGEST_LINE, secrets).replace("[redacted]@", "")
        return _PACKED.sub(lambda match: packed(match[0]), shown)

    return [plain(address) for address in addresses]


def check_address(address: str, setting: str, instead: str) -> None:
    """Check that an address holds no credentials. `setting`: where it was set; `instead`: the
    variable, or variables, that hold them. Raises ValueError if it does; the message does not
    repeat it."""
    if holds_credentials(address):
        raise ValueError(
            f"{setting} holds a password or a key, which would be shown with the address: take it "
            f"out of the address and set {instead}"
        )


def holds_credentials(address: str) -> bool:
    """Whether an address has a user, a password, or a parameter named like a key."""
    named = any(_PARAMETERS.search(found[1]) for found in _PARAMETER.finditer(address))
    return bool(_USER.search(address)) or named or "@" in urlsplit(address).netloc


def _without_value(parameter: re.Match[str]) -> str:
    return f"{parameter[1]}=[redacted]" if _PARAMETERS.search(parameter[1]) else parameter[0]


def _secrets() -> list[str]:
    """What is never shown, the longest first."""
    values = (os.environ.get(name, "") for name in os.environ if _names_secret(name))
    found = {form for value in values if len(value) >= _SHORTEST for form in _forms(value)}
    return sorted(_known | found, key=len, reverse=True)


@functools.lru_cache(1024)
def _names_secret(variable: str) -> bool:
    """Cached, because every text that is shown asks for every variable."""
    return bool(_NAMES.search(variable)) and not _HARMLESS.match(variable)


def _forms(secret: str) -> set[str]:
    """The secret as it may be repeated: in an address, in JSON, in base64."""
    plain = secret.strip()
    packed = base64.b64encode(plain.encode("utf-8", "surrogatepass")).decode()
    return {plain, quote(plain, safe=""), plain.replace("\\", "\\\\").replace('"', '\\"'), packed}


_LONGEST_NAME = 2000
"""Characters of a text that is still looked at one by one."""
_ENDS = frozenset(",;:!?…。、，；：！？")
_PAIRS = dict(zip("([{\"'“‘«„「『（【", ")]}\"'”’»“」』）】", strict=True))
"""Brackets and quotation marks with their partners."""
_MEMBER = re.compile(r'"([^"\\\s][^"\\]{0,99})"\s*:\s*(\S.*)', re.DOTALL)


def unpunctuated(text: str) -> str:
    """The text without white space and punctuation around it: `Rome` for `Rome.` and `"Rome",`.

    The dots of `e.g.`, the brackets of `f(x)`, a sign and a unit stay, as does a text of only
    punctuation or of more than 2,000 characters. A member of a JSON object is `arrives: Friday`.
    """
    bare = whole = text.strip()
    if (member := _MEMBER.fullmatch(whole)) and len(whole) <= _LONGEST_NAME:
        return f"{member[1]}: {unpunctuated(member[2])}"
    while len(bare) > 1 and len(whole) <= _LONGEST_NAME:
        first, last = bare[0], bare[-1]
        dot = last == "." and "." not in bare.split()[-1][:-1]
        alone = last in _PAIRS.values() and not any(
            o in bare[:-1] for o, closes in _PAIRS.items() if closes == last
        )
        if last in _ENDS or dot or alone:
            bare = bare[:-1].rstrip()
        elif first in _PAIRS and _PAIRS[first] not in bare[1:]:
            bare = bare[1:].lstrip()
        elif first in '"“‘«„「『' and _PAIRS[first] == last and bare.count(last) <= 2:
            bare = bare[1:-1].strip()
        else:
            break
    return bare if any(character.isalnum() for character in bare) else whole
