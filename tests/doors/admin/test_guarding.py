"""What pages tell the browser of their scripts: NiceGUI's own carry the page's nonce, nothing else does."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from jinja2 import DictLoader
from nicegui.client import templates

from talktime.doors.admin.guarding import NONCE, carry_nonces, guarded


@pytest.fixture
def page_template(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of NiceGUI's page template; its loader is put back afterwards."""
    monkeypatch.setattr(templates.env, "loader", templates.env.loader)
    monkeypatch.setattr(templates.env, "cache", {})
    carry_nonces()
    carry_nonces()  # a second time changes nothing
    return "index.html"


def test_every_script_of_the_page_carries_its_nonce(page_template: str) -> None:
    assert templates.env.loader is not None
    text, _, _ = templates.env.loader.get_source(templates.env, page_template)
    scripts = re.findall(r"<script\b[^>]*>", text)
    assert len(scripts) > 4
    assert all(script.count("nonce=") == 1 for script in scripts), scripts


def test_what_a_page_shows_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = DictLoader({"page": "<script>ours</script>{{ stored }}"})
    monkeypatch.setattr(templates.env, "loader", shown)
    monkeypatch.setattr(templates.env, "cache", {})
    carry_nonces()
    request = SimpleNamespace(scope={NONCE: "n1"})
    text = templates.env.get_template("page").render(request=request, stored="<script>theirs</script>")
    assert '<script nonce="n1">ours' in text
    assert "<script>theirs" in text  # raw as it stands, and without the nonce


def test_a_page_may_have_a_stricter_policy_of_its_own() -> None:
    own = [(b"content-security-policy", b"default-src 'none'"), (b"cache-control", b"max-age=60")]
    headers = guarded(own, "n1", kept=False)
    assert [value for name, value in headers if name == b"content-security-policy"] == [own[0][1]]
    assert [value for name, value in headers if name == b"cache-control"] == [b"no-store"]
    assert (b"cache-control", b"max-age=60") in guarded(own, "n1", kept=True)
