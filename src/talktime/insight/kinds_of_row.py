"""What a row of a run is: a call that came in, a call that went out, a text message.

Read off the catalogue's words, since a report keeps only those; explanations and findings ask here.
"""

from typing import Final

from talktime.catalog.load import load_catalogue
from talktime.core.deck import INBOUND

TEXT_MESSAGES: Final = "sms"
"""The catalogue's category of text messages: no file says that they were answered."""


def is_message(category: str) -> bool:
    """Whether a row of this category is a text message: listed and never charged (rulings.md 11)."""
    return category == TEXT_MESSAGES


def comes_in(call_type: str, direction: str) -> bool:
    """Whether a call came in: its type says so in the catalogue, else the file's word for the direction.

    Only inbound rows of a deck fit such a call (rulings.md 11).
    """
    return (load_catalogue().direction(call_type) or direction) == INBOUND
