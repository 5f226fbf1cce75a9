"""The management of an installation over HTTP: tenants, money, calls for people, decks, keys.

`app.management_app` puts the routes together; each module holds those of one subject.
"""
