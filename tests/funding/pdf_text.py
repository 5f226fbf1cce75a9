"""The text of a PDF that our typesetter made, a list of its pieces a page: enough of the format for tests.

Each page shows glyphs by number; a table beside each font says which characters they stand for.
"""

import re
import zlib
from collections.abc import Iterator

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.DOTALL)
_BLOCK = re.compile(rb"\bBT\b(.*?)\bET\b", re.DOTALL)
_TOKEN = re.compile(
    rb"ActualText<FEFF(?P<actual>[0-9A-F]*)>|/(?P<font>f\d+) [\d.]+ Tf"
    rb"|\[(?P<many>[^\]]*)\]TJ|(?P<one><[0-9a-f]*>) ?Tj"
)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}

Characters = dict[int, str]


def pages_of(pdf: bytes) -> list[list[str]]:
    """The pieces of text of each page, in the order in which they are drawn."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    pages = [body for body in objects.values() if re.search(rb"/Type/Page[^s]", body)]
    return [list(_pieces(page, objects)) for page in pages]


def text_of(pdf: bytes) -> str:
    """All text, a piece a line; places where a long word may break are left out."""
    return "\n".join(piece for page in pages_of(pdf) for piece in page).replace("\u200b", "")


def _pieces(page: bytes, objects: dict[int, bytes]) -> Iterator[str]:
    resources = objects[_reference(b"Resources", page)]
    fonts = {
        name: _characters(objects[int(number)], objects)
        for name, number in re.findall(rb"/(f\d+) (\d+) 0 R", resources)
    }
    content = _in_digits(_inflated(objects[_reference(b"Contents", page)]))
    for block in _BLOCK.findall(content):
        yield "".join(_piece(block, fonts))


def _piece(block: bytes, fonts: dict[bytes, Characters]) -> Iterator[str]:
    """What a block shows; where it says the text itself, the glyphs after it say nothing."""
    characters, actual = Characters(), ""
    for token in _TOKEN.finditer(block):
        if token["font"]:
            characters = fonts[token["font"]]
        elif token["actual"] is not None:
            actual = bytes.fromhex(token["actual"].decode()).decode("utf-16-be")
        else:
            yield actual or "".join(_shown(token["many"] or token["one"], characters))
            actual = ""


def _shown(strings: bytes, characters: Characters) -> Iterator[str]:
    for digits in re.findall(rb"<([0-9a-f]*)>", strings):
        glyphs = bytes.fromhex(digits.decode())
        for at in range(0, len(glyphs), 2):
            yield characters.get(int.from_bytes(glyphs[at : at + 2]), "")


def _in_digits(content: bytes) -> bytes:
    """The content with strings in brackets, which nest, as hexadecimal ones."""
    made, begin, depth, at = bytearray(), 0, 0, 0
    while at < len(content):
        sign = content[at : at + 1]
        if depth and sign == b"\\":
            at += 1
        elif sign == b"(":
            depth += 1
            begin = at + 1 if depth == 1 else begin
        elif sign == b")" and depth:
            depth -= 1
            if not depth:
                made += b"<" + _unescaped(content[begin:at]).hex().encode() + b">"
                at += 1
                continue
        if not depth:
            made += sign
        at += 1
    return bytes(made)


def _unescaped(string: bytes) -> bytes:
    def one(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8)]) if code[:1].isdigit() else _ESCAPES.get(code, code)

    return _ESCAPE.sub(one, string)


def _characters(font: bytes, objects: dict[int, bytes]) -> Characters:
    table = _inflated(objects[_reference(b"ToUnicode", font)])
    return {
        int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be")
        for glyph, text in re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>\n", table)
        if (glyph, text) != (b"0000", b"FFFF")
    }


def _reference(key: bytes, body: bytes) -> int:
    found = re.search(rb"/" + key + rb" (\d+) 0 R", body)
    assert found is not None, f"no {key!r} in {body[:200]!r}"
    return int(found[1])


def _inflated(body: bytes) -> bytes:
    found = _STREAM.search(body)
    assert found is not None
    return zlib.decompress(found[1])
