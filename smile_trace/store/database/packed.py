"""Long texts as they are stored: compressed by Zstandard, in a column beside an empty text.

The table's `packed` has a byte that names the dictionary, and a frame. What was stored before, or
while an older worker runs, is in the text's own column. Whoever selects that column gets the text,
either way; compare it in SQL with nothing.
"""

import threading
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Label, LargeBinary, Table, Text, func, null, type_coerce
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from smile_trace._guards.zstandard import zstd
from smile_trace.store.database.sql import storable

NEWEST = 1
"""The dictionary for what is written: frequent words and typical documents, which small ones
repeat. `packed_1.txt` and its successors never change: what was packed with one needs it."""
LEVEL = 1
"""Of 10 KB of prose a higher one saves a hundredth, in half as much time again."""

MOST_BYTES = 2**30
"""More than any text has; a damaged one may claim any length."""


def pack(text: str) -> bytes:
    """The text, compressed."""
    data = text.encode("utf-8", "surrogatepass")
    return bytes((NEWEST,)) + _of_thread.compressor.compress(data, zstd.ZstdCompressor.FLUSH_FRAME)


def unpack(packed: bytes) -> str:
    """The text; what cannot be decompressed is said instead, in place of a document's JSON, so that
    no other row is lost for it."""
    try:
        reader = zstd.ZstdDecompressor(_dictionary(packed[0]))
        unpacked = reader.decompress(packed[1:], MOST_BYTES)
        if not reader.eof:
            return f"cannot be decompressed: it is cut off, or longer than {MOST_BYTES:,} bytes"
        return unpacked.decode("utf-8", "surrogatepass")
    except (zstd.ZstdError, OSError, UnicodeDecodeError) as error:
        return f"cannot be decompressed: {error}"


class _OfThread(threading.local):
    """What compresses, for which no two threads should wait."""

    def __init__(self) -> None:
        digested = _dictionary(NEWEST).as_digested_dict
        self.compressor = zstd.ZstdCompressor(LEVEL, zstd_dict=digested)


@cache
def _dictionary(number: int) -> zstd.ZstdDict:
    file = Path(__file__).with_name(f"packed_{number}.txt")
    return zstd.ZstdDict(file.read_bytes(), is_raw=True)


_of_thread = _OfThread()


class _Packed(TypeDecorator[str]):
    impl = Text
    cache_ok = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Select what is packed, else the text."""
        return func.coalesce(_packed(column), column, type_=self)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Replace NUL, as in every text."""
        return storable(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Unpack bytes, which SQLite gives of what is packed alone, and PostgreSQL always."""
        if value is None or isinstance(value, str):
            return value
        return unpack(value) if value[:1] in _NUMBERS else bytes(value).decode()


class _PackedBytes(TypeDecorator[bytes]):
    impl = LargeBinary
    cache_ok = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Nothing: whoever selects a whole table has them in its text."""
        return null()


class _PackedInPostgreSQL(_Packed):
    cache_ok = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """See `_Packed.column_expression`; both are bytes there."""
        return func.coalesce(_packed(column), func.convert_to(column, "UTF8"), type_=self)


def _packed(column: Any) -> ColumnElement[Any]:
    of = column.element if isinstance(column, Label) else column
    packed: ColumnElement[Any] = of.table.c.packed
    return packed


_NUMBERS = frozenset(bytes((number,)) for number in range(1, NEWEST + 1))
PACKED = _Packed().with_variant(_PackedInPostgreSQL(collation="C"), "postgresql")
"""A text of a table that has a column `packed`."""
PACKED_BYTES = _PackedBytes()
"""That column."""


def as_stored(table: Table) -> list[ColumnElement[Any]]:
    """The columns of a table with what is in them, packed or not."""
    plain: dict[Any, TypeEngine[Any]] = {_Packed: Text(), _PackedBytes: LargeBinary()}
    return [
        type_coerce(column, plain[type(column.type)]).label(column.name)
        if type(column.type) in plain
        else column
        for column in table.columns
    ]
