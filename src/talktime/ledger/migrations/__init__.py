"""How the schema came to be what it is: a file a step under `versions`, run by `database.upgrade`."""
