"""The group of a call in columns: kind, name and version, in place of one string that collided."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NAMES = ("group_kind", "group_name", "group_version")
_Group = tuple[str, str, str]
_CALLS = sa.table("calls", *map(sa.column, ("id", "group", "body", *_NAMES)))
_JOBS = sa.table("jobs", sa.column("call_id"), sa.column("state"))
_GROUPS = sa.table("groups", *map(sa.column, ("name", "chosen", *_NAMES)))
_AGREEMENTS = sa.table("agreements", *map(sa.column, ("id", "prompt", "item", *_NAMES)))


def upgrade() -> None:
    """Fill the columns from the calls' own JSON; only what has no call any more is split."""
    for table in ("calls", "agreements"):
        for name in _NAMES:
            column = sa.Column(name, sa.String(), nullable=False, server_default="")
            op.add_column(table, column)
    connection = op.get_bind()
    _fill_calls(connection)
    by_key = _groups_by_key(connection)
    _fill_agreements(connection, by_key)
    _replace_groups(connection, by_key)
    op.drop_index("ix_agreements_pair", "agreements")
    op.drop_column("agreements", "prompt")
    op.create_index("ix_agreements_pair", "agreements", ["target", "proxy", *_NAMES])
    op.drop_index("ix_calls_group", "calls")
    op.drop_column("calls", "group")
    op.create_index("ix_calls_group", "calls", list(_NAMES))


def _fill_calls(connection: sa.Connection) -> None:
    name = sa.func.json_extract(_CALLS.c.body, "$.prompts[0].name")
    version = sa.func.json_extract(_CALLS.c.body, "$.prompts[0].version")
    function = sa.func.json_extract(_CALLS.c.body, "$.name")
    connection.execute(
        sa.update(_CALLS).values(
            group_kind=sa.case((name.is_(None), "function"), else_="prompt"),
            group_name=sa.func.coalesce(name, function),
            group_version=sa.func.coalesce(version, ""),
        )
    )


def _groups_by_key(connection: sa.Connection) -> dict[str, set[_Group]]:
    columns = [_CALLS.c[name] for name in _NAMES]
    found: dict[str, set[_Group]] = defaultdict(set)
    for key, *group in connection.execute(sa.select(_CALLS.c.group, *columns).distinct()):
        found[key].add((group[0], group[1], group[2]))
    return found


def _fill_agreements(connection: sa.Connection, by_key: dict[str, set[_Group]]) -> None:
    query = sa.select(_AGREEMENTS.c.id, _AGREEMENTS.c.prompt, _AGREEMENTS.c.item)
    for row in connection.execute(query).all():
        call_id = row.item.partition("/")[0]
        columns = [_CALLS.c[name] for name in _NAMES]
        found = connection.execute(sa.select(*columns).where(_CALLS.c.id == call_id)).first()
        group = min(_found(row.prompt, by_key)) if found is None else found
        own = _AGREEMENTS.c.id == row.id
        connection.execute(sa.update(_AGREEMENTS).where(own).values(_values(group)))


def _replace_groups(connection: sa.Connection, by_key: dict[str, set[_Group]]) -> None:
    rows = connection.execute(sa.select(_GROUPS.c.name, _GROUPS.c.chosen)).all()
    op.drop_table("groups")
    op.create_table(
        "groups",
        *(sa.Column(name, sa.String(), nullable=False) for name in _NAMES),
        sa.Column("chosen", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(*_NAMES, name=op.f("pk_groups")),
    )
    for row in rows:
        groups = _found(row.name, by_key)
        for group in groups:
            # Two groups that shared a key also shared its count: each gets its own calls'.
            chosen = row.chosen if len(groups) == 1 else _sampled(connection, group)
            connection.execute(sa.insert(_GROUPS).values(**_values(group), chosen=chosen))


def _sampled(connection: sa.Connection, group: _Group) -> int:
    own = sa.and_(*(_CALLS.c[name] == value for name, value in _values(group).items()))
    query = (
        sa.select(sa.func.count(_JOBS.c.call_id.distinct()))
        .join(_CALLS, _CALLS.c.id == _JOBS.c.call_id)
        .where(own, _JOBS.c.state != "skipped")
    )
    return int(connection.execute(query).scalar_one())


def _found(key: str, by_key: dict[str, set[_Group]]) -> set[_Group]:
    if key in by_key:
        return by_key[key]
    if key.startswith("prompt "):
        name, _, version = key.removeprefix("prompt ").rpartition(" version ")
        return {("prompt", name, version)}
    return {("function", key.removeprefix("function "), "")}


def _values(group: Any) -> dict[str, str]:
    return dict(zip(_NAMES, group, strict=True))
