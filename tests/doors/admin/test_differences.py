"""A change of the audit log as a reader sees it: name, before, after, and nothing that stayed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.doors.admin.differences import ABSENT, differences


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("", "", []),
        ("open", "closed", [("", "open", "closed")]),
        ("", "open", [("", ABSENT, "open")]),
        ({"below": "100", "add": "200"}, {"below": "50", "add": "200"}, [("below", "100", "50")]),
        ({"on": True}, {"on": False, "why": None}, [("on", "yes", "no"), ("why", ABSENT, "nothing")]),
        ({"low": ["200", "50"]}, {"low": ["200"]}, [("low", "200, 50", "200")]),
        ({"low": []}, {"low": ["1"]}, [("low", "none", "1")]),
        (
            [{"upn": "a", "roles": ["x"]}, {"upn": "b", "roles": []}],
            [{"upn": "b", "roles": ["y"]}],
            [("a / upn", "a", ABSENT), ("a / roles", "x", ABSENT), ("b / roles", "none", "y")],
        ),
        ([{"n": 1}], [{"n": 2}], [("1 / n", "1", "2")]),
        ('{"rate": 0.1}', '{"rate": 0.10000000000000001}', [("rate", "0.1", "0.10000000000000001")]),
    ],
    ids=[
        "nothing", "words", "new", "one of two", "yes and no", "a list", "from none",
        "people by name", "by place", "as written",
    ],
)  # fmt: skip
def test_what_is_another_now(before: Any, after: Any, lines: list[tuple[str, str, str]]) -> None:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in (before, after)]
    assert differences(*texts) == lines


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(plain, st.text(max_size=20))
def test_what_stayed_is_no_difference(value: Any, text: str) -> None:
    assert differences(json.dumps(value), json.dumps(value, indent=1)) == []
    assert differences(text, text) == []
