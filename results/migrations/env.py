"""Run by alembic; the connection is the store's own, already inside its transaction."""

from alembic import context

from results.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
