"""The script that Alembic runs: the steps, on the connection and in the transaction of `database.upgrade`."""

from alembic import context
from sqlalchemy import Connection

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
