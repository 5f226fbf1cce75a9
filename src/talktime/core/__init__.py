"""The rules: integers and frozen values in, the same out.

Nothing here reads a file, a clock or a network, and nothing here is a float. The numeric functions take
and return integers or tuples of integers and call only each other, so that numba can compile them as
they stand (rulings.md 37): the live path calls them, the bulk path compiles them, nobody copies them.
"""
