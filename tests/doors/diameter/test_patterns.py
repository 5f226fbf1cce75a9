"""Patterns with one star at most; an index of them finds the first that fits, as a list would."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.doors.diameter.patterns import NOWHERE, PatternIndex, first_position, read_pattern

texts = st.text("ab1+", max_size=5)
patterns = st.lists(
    st.builds(
        lambda text, form: form.format(text), texts.filter(bool), st.sampled_from(["{}", "{}*", "*{}", "*"])
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("*", ["", "x", "+1416"], []),
        ("+1416*", ["+1416", "+14165550000", "+14165550000@h"], ["+1415", "1416"]),
        ("+1 416*", ["+14165550000"], ["+1 416"]),
        ("*@contoso.example", ["ana@contoso.example", "@contoso.example"], ["ana@x.contoso.example2"]),
        ("*0100", ["+18005550100"], ["+18005550101"]),
        (
            "sip:Ana@Contoso.Example",
            ["ana@contoso.example"],
            ["ben@contoso.example", "ana@contoso.example.org"],
        ),
        ("urn:service:sos.*", ["urn:service:sos.police"], ["urn:service:sos"]),
    ],
)
def test_what_a_pattern_means(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    read = read_pattern(pattern)
    assert [text for text in fits if not read.fits([text])] == []
    assert [text for text in fits_not if read.fits([text])] == []


@pytest.mark.parametrize("pattern", ["", "  ", "**", "*a*", "+1*416", "a**", "sip:*", "+1*416*"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match=re.escape("one *") + "|is empty"):
        read_pattern(pattern)


@given(patterns, st.lists(texts, min_size=1, max_size=3), st.integers(1, 3))
def test_the_index_finds_what_a_list_finds(written: list[str], forms: list[str], every: int) -> None:
    """Also where a further condition leaves out some rules."""
    read = [read_pattern(text) for text in written]
    index = PatternIndex(enumerate(read))
    slow = (at for at, pattern in enumerate(read) if pattern.fits(forms) and at % every == 0)
    assert first_position(index.lists(forms), lambda at: at % every == 0) == next(slow, NOWHERE)


@given(patterns, texts.filter(bool), st.sampled_from(["{}", "{}*", "*{}"]))
def test_the_index_finds_the_patterns_that_cover_one(written: list[str], text: str, form: str) -> None:
    read = [read_pattern(each) for each in written]
    one = read_pattern(form.format(text))
    found = {at for positions in PatternIndex(enumerate(read)).covering(one) for at in positions}
    assert found == {at for at, pattern in enumerate(read) if pattern.covers(one)}


@given(patterns.filter(bool), texts)
def test_what_a_pattern_covers_fits_it_too(written: list[str], text: str) -> None:
    wide, narrow = read_pattern(written[0]), read_pattern(written[-1])
    if wide.covers(narrow) and narrow.fits([text]):
        assert wide.fits([text])
