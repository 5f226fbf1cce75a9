"""Diameter without a network: messages, AVPs and the link to one peer, from nothing but bytes and a time.

Nothing here opens a socket, reads a clock or knows an event loop; only the standard library is imported. So
the same bytes always lead to the same answers, in a test, a fuzzer or a server (RFC 6733, 3539, 8506).
"""
