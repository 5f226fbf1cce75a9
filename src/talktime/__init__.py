"""Talktime: open communication credits for cloud telephony.

One prepaid balance of money per organisation pays for calls; this package decides what a call costs,
who pays for it, and explains every answer. The floors of the package are drawn in docs/architecture.md.
"""

__version__ = "0.1.0"
