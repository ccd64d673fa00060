"""Runs the migrations on the connection, and inside the transaction, of `Database.migrate`."""

from alembic import context

from smile_trace.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite has it, and we say BEGIN ourselves
)
context.run_migrations()
