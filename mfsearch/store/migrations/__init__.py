"""How the database's tables came to be what they are: Alembic's scripts, run when an older database is opened."""
