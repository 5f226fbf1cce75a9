"""Papers as PDF, typeset from our templates without network: the same paper is always the same bytes.

Only the fonts that come with the typesetter are used: Latin, Greek, Cyrillic, Hebrew and Arabic letters are
there; Chinese, Japanese, Korean and Thai ones are not and are printed as boxes. A folder of fonts adds them,
and is then part of what the bytes depend on.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from talktime.funding.invoice import Invoice
from talktime.funding.paper_values import (
    Values,
    credit_note_values,
    invoice_values_shown,
    receipt_values,
)
from talktime.funding.receipt import CreditNote, Receipt

_SHARED: Final = "common.typ"
_PIXELS_AN_INCH: Final = 110


def receipt_pdf(receipt: Receipt, fonts: Path | None = None) -> bytes:
    """A receipt as PDF; `fonts` is a folder with more fonts."""
    return typeset("receipt.typ", receipt_values(receipt), fonts)[0]


def credit_note_pdf(note: CreditNote, fonts: Path | None = None) -> bytes:
    """A credit note as PDF; `fonts` is a folder with more fonts."""
    return typeset("credit_note.typ", credit_note_values(note), fonts)[0]


def invoice_pdf(invoice: Invoice, fonts: Path | None = None) -> bytes:
    """An invoice as PDF; `fonts` is a folder with more fonts."""
    return typeset("invoice.typ", invoice_values_shown(invoice), fonts)[0]


def typeset(
    template: str, values: Values, fonts: Path | None = None, form: Literal["pdf", "png"] = "pdf"
) -> list[bytes]:
    """Lays a paper out by a template of ours: one PDF, or a PNG a page. The values are data, never markup."""
    import typst

    sources: Any = {"main": _template(template), _SHARED: _template(_SHARED)}  # its types forget this form
    compiler = typst.Compiler(
        sources,
        ignore_system_fonts=True,
        font_paths=[] if fonts is None else [str(fonts)],
        sys_inputs={"paper": msgspec.json.encode(values).decode()},
    )
    made = compiler.compile(format=form, ppi=_PIXELS_AN_INCH if form == "png" else None)
    assert made is not None, "without a file to write to the result is returned"
    return made if isinstance(made, list) else [made]


@cache
def _template(name: str) -> bytes:
    return resources.files("talktime.funding").joinpath("typeset", name).read_bytes()
