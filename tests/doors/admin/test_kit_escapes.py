"""What comes from outside stays text: in properties of elements, in dialogs, and wherever pages are made."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path

import pytest
from nicegui import ui
from nicegui.client import Client
from nicegui.page import page

import talktime.doors.admin
from talktime.doors.admin.kit.act import asked, secret_once
from talktime.doors.admin.kit.fields import money_field

EVIL = ("\\ :title='alert(1)' \\", '" :title="alert(1)" x="', "<img src=x onerror=alert(1)>", "{{1+1}} ' \\")
_FOLDER = Path(talktime.doors.admin.__file__).parent


def _properties(client: Client) -> set[str]:
    return {name for element in client.elements.values() for name in element.props}


@pytest.mark.parametrize("words", EVIL)
def test_words_become_no_properties(words: str) -> None:
    """A browser runs the value of a property whose name begins with a colon."""

    async def made(said: str) -> tuple[set[str], list[str]]:
        client = Client(page(""))

        async def ask() -> None:
            with client:
                await asked(f"Revoke {said}", said, said)

        with client:
            secret_once(said, said, said)
            money_field(said, said, said, hint=said)
        question = asyncio.ensure_future(ask())
        await asyncio.sleep(0)
        question.cancel()
        dialogs = [one for one in client.elements.values() if isinstance(one, ui.dialog)]
        return _properties(client), sorted(str(one.props["aria-label"]) for one in dialogs)

    names, labels = asyncio.run(made(words))
    assert names == asyncio.run(made("Ana"))[0]
    assert labels == sorted([f"Revoke {words}", words])


def _texts_of_properties() -> list[tuple[str, int, ast.expr]]:
    calls = (
        (path.name, node)
        for path in _FOLDER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    )
    return [
        (name, node.lineno, given)
        for name, node in calls
        if isinstance(node.func, ast.Attribute) and node.func.attr == "props"
        for given in (*node.args, *(each.value for each in node.keywords))
    ]


def _is_ours(text: ast.expr) -> bool:
    """Words of the source alone: a text, a choice of texts, a constant, a text with constants in it."""
    if isinstance(text, ast.Constant):
        return True
    if isinstance(text, ast.Name):
        return text.id.isupper()
    if isinstance(text, ast.IfExp):
        return _is_ours(text.body) and _is_ours(text.orelse)
    if isinstance(text, ast.JoinedStr):
        return all(_is_ours(part) for part in text.values)
    return isinstance(text, ast.FormattedValue) and _is_ours(text.value)


def test_pages_make_properties_of_their_own_words_only() -> None:
    given = _texts_of_properties()
    assert len(given) > 30, "the texts are found"
    assert [(name, line) for name, line, text in given if not _is_ours(text)] == []
