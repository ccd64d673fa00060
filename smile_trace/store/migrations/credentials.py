"""Credentials in addresses, which 0.1 let through and kept in links, reasons and failures."""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from smile_trace.presentable import LONGEST_LINE, link, presentable

_SENTENCES = (
    *((name, "reason") for name in ("jobs", "deliveries", "trackers", "paused_models")),
    ("observations", "failure"),
    ("traces", "error"),
)


def remove_credentials() -> None:
    """Rewrite what would be shown otherwise; what holds none stays as it is."""
    _rewrite("deliveries", "url", link)
    for name, column in _SENTENCES:
        _rewrite(name, column, lambda said: presentable(said, longest=LONGEST_LINE))


def _rewrite(name: str, column: str, shown: Callable[[str], str]) -> None:
    connection = op.get_bind()
    keys = sa.inspect(connection).get_pk_constraint(name)["constrained_columns"]
    table = sa.table(name, *map(sa.column, (column, *keys)))
    rows = connection.execute(sa.select(table).where(table.c[column].is_not(None))).all()
    changed = [
        {"said": said, **{f"of_{key}": value for key, value in zip(keys, row[1:], strict=True)}}
        for row in rows
        if (said := shown(row[0])) != row[0]
    ]
    if changed:
        these = sa.and_(*(table.c[key] == sa.bindparam(f"of_{key}") for key in keys))
        statement = sa.update(table).where(these).values({column: sa.bindparam("said")})
        connection.execute(statement, changed)
