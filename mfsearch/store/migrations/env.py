"""What Alembic runs: the scripts that are missing, on the connection that opens the database."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
