"""Text in any encoding that exports come in -> UTF-8 with LF or CRLF, in blocks.

UTF-8 with or without byte order mark passes as it is (wrong bytes too: whoever cuts it into rows repairs
those rows); UTF-16 and UTF-32 are turned into UTF-8, by their mark or by the zeros that ASCII leaves in them.
"""

import codecs
from typing import Final

from talktime.files.open import Readable, first_bytes

_BOMS: Final = {
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16: it begins with the same two bytes
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "utf-8",
}

REPLACEMENT: Final = "\ufffd"


class Utf8Stream:
    """A stream of UTF-8 out of a stream of text bytes; `repaired` once a byte had to be replaced.

    `first_sign` is the first character that is no blank; "" where there is none near the beginning.
    Files of old systems that end their lines by CR alone get LF.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        head = first_bytes(stream)
        encoding, bom_bytes = _encoding(head)
        self._head = head[bom_bytes:]
        self._decoder = (
            None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)(errors="replace")
        )
        self.repaired = False
        start = self._head.decode(encoding, errors="replace")
        self.first_sign = start.lstrip()[:1]
        self._only_cr = "\r" in start[:-1] and "\n" not in start

    def read(self, size: int, /) -> bytes:
        """The next bytes, about as many as asked for; b"" at the end."""
        while True:
            if self._head:
                block, self._head = self._head, b""
            else:
                block = self._stream.read(size)
            at_end = not block
            if self._decoder is not None:
                text = self._decoder.decode(block, final=at_end)
                self.repaired = self.repaired or REPLACEMENT in text
                block = text.encode("utf-8", errors="replace")
            if self._only_cr:
                block = block.replace(b"\r", b"\n")
            if block or at_end:
                return block


def _encoding(head: bytes) -> tuple[str, int]:
    """The encoding of a text that begins so, and the length of its byte order mark."""
    for bom, encoding in _BOMS.items():
        if head.startswith(bom):
            return encoding, len(bom)
    pairs = len(head) // 2
    if pairs and head[1::2].count(0) * 2 > pairs and not head[0::2].count(0) * 2 > pairs:
        return "utf-16-le", 0
    if pairs and head[0::2].count(0) * 2 > pairs and not head[1::2].count(0) * 2 > pairs:
        return "utf-16-be", 0
    return "utf-8", 0


def repair(block: bytes) -> bytes:
    """UTF-8 in which every wrong byte is U+FFFD; the same object where nothing is wrong."""
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return block.decode("utf-8", errors="replace").encode("utf-8")
    return block
