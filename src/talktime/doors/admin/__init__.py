"""The admin center: what an administrator does, in a browser.

Pages ask the management API in the same process, as the person who is signed in; rules, rights and SQL stay
behind it. `center` mounts them, `page` says what a page is, `kit` holds what pages are made of.
"""
