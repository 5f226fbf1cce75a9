"""The Diameter door: voice networks ask for credit by Ro (RFC 6733, RFC 8506, TS 32.299).

`wire` is the protocol without a network: bytes and time go in, events and bytes come out. Everything else
here reads a credit-control request, asks the live engine what every other door asks it, and answers.
"""
