"""Redaction of any text: the planted key is gone, and offsets stay inside of the text."""

from smile_trace._guards.redaction import find_secrets, move, redact
from tests.support.readers.base import ForeignReader, any_text

KEY = "sk-abcdEFGH1234ijklMNOP5678"


def _read(data: bytes) -> None:
    text = any_text(data)
    for foreign in (text, f"{text} {KEY} {text}"):
        for start, end, mark in find_secrets(foreign):
            assert 0 <= start < end <= len(foreign)
            assert mark
        written, steps = redact(foreign)
        for offset in (0, len(text), len(foreign) // 2, len(foreign)):
            assert 0 <= move(offset, steps, end=False) <= len(written)
            assert 0 <= move(offset, steps, end=True) <= len(written)
        assert KEY not in written
        assert find_secrets(written) is not None


def _seeds() -> list[bytes]:
    texts = [
        f"my key is {KEY}, use it",
        "https://user:pa55word@host/x AKIAABCDEFGHIJKLMNOP",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        'Authorization: "Basic dXNlcjpwYXNzd29yZA==" eyJhbGciOiJI.eyJzdWIiOiI.SflKxwRJ',
        "s\u200bk-abcd\u2060EFGH1234ijkl\ufeffMNOP5678",
        "AccountKey=" + "Ab1+" * 20 + "== sig=" + "a%2B" * 10,
    ]
    return [text.encode() for text in texts]


REDACTED_TEXTS = ForeignReader("redacted texts", _read, _seeds)
