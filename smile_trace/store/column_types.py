"""The types of columns, in the words of both databases."""

from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, String, Text
from sqlalchemy.types import TypeDecorator


def storable(value: Any) -> Any:
    """The value as both databases keep it: a text without NUL, which becomes U+FFFD."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


class _WithoutNul(TypeDecorator[str]):
    """A text of PostgreSQL, which takes no NUL character: it becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """The text as it is kept, and looked for."""
        return storable(value)


# Ids are compared with what lies between two of them, and keys are put in order: as bytes, as
# SQLite does it, whatever the language of the database.
_AS_BYTES = _WithoutNul(collation="C")

STRING = String().with_variant(_AS_BYTES, "postgresql")
TEXT = Text().with_variant(_AS_BYTES, "postgresql")
INTEGER = Integer().with_variant(BigInteger(), "postgresql")
"""An integer of 64 bits, which every one of SQLite is."""
