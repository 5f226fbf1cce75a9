"""A run on the terminal: readable in 80 and 120 columns, plain where it must be, safe for any text."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from talktime.bulk.result import Run
from talktime.doors.cli.screen import minutes, minutes_of_parts, money
from talktime.doors.cli.show import balance_chart, show_attention, show_run
from talktime.doors.cli.show_call import show_explanation, show_matches
from talktime.files.instants import parse_instant
from talktime.insight.balance import balance_line
from talktime.insight.explain import explain
from talktime.insight.finding import Detail, Finding, Weight
from talktime.insight.read_run import Matches, call_rows
from talktime.insight.run_document import document_of
from tests.insight.made_runs import BLOCKED, DECK, FREE, PAID, TENANT, UNRATED, lot, moved, pool, run_of


def month() -> Run:
    """A month with a recharge, a full pool, blocked and unrated calls."""
    rows = [
        PAID | {"start": f"2026-03-{day:02}T12:00:00Z", "balance_after": (32 - day) * 1_500_000 + 500_000}
        for day in range(1, 31)
    ]
    rows[9] |= {"balance_after": -250_000, "recharge": 200_000_000}
    return run_of(
        [*rows, FREE, UNRATED, BLOCKED | {"balance_after": 2_000_000}],
        lots=(lot(), lot("recharge-1", origin="recharge", amount=200_000_000)),
        pools=(pool(180_000, at_100_us=5), pool(90_000, owner="GB"), pool(600, None, kind="dial_out_add_on")),
        movements=(
            moved("2026-03-01T12:00:00Z", "opening", 50_000_000, 50_000_000),
            moved("2026-03-10T12:03:39Z", "recharge", 200_000_000, 199_750_000, "recharge-1"),
        ),
        deck=replace(DECK, sample=True),
        tenant=replace(TENANT, stated=True),
        warnings=("be careful",),
    )


def shown(run: Run, width: int = 80, **settings: Any) -> list[str]:
    """The lines that a run becomes, without blanks at their ends."""
    out = io.StringIO()
    show_run(Console(file=out, width=width, **settings), run)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 80, 120, 300])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long_name = "a.very.long.name.of.a.person.whose.parents.meant.well@subsidiary.of.contoso.example"
    run = month()
    busy = replace(run, pools=(*run.pools, pool(60, owner=long_name)))
    lines = shown(busy, width)
    assert max(len(line) for line in lines) <= min(width, 110)


def test_a_person_finds_what_they_ask() -> None:
    text = "\n".join(shown(month()))
    for words in (
        "Contoso Ltd (contoso)",
        "calls of 2026-03-01 00:31:00 UTC to 2026-03-30 12:03:39 UTC",
        "deck ours 0123456789ab, 1 rate, USD",
        "SAMPLE PRICES: the amounts are not what your carrier bills.",
        "warning: be careful",
        "price of the calls       2.40",
        "+ bought (1 recharge)  200.00",
        "calling_plan_international     32             124  2.40  ████████████",
        "PLAN domestic US/PR",
        "3,000  ████████████  100 %",
        "10  unlimited",
        "auto-recharge    2026-03-01  2027-03-01  200.00",
        "!! 1 call (4 min) blocked: the balance did not cover the first interval.",
        "lowest -0.25 at 2026-03-10 12:03:39 UTC; ▲ credits bought, 200.00 in all",
    ):
        assert words in text


def test_sums_of_the_wallet_stand_with_their_points_in_line() -> None:
    lines = shown(month())
    at = lines.index(next(line for line in lines if line.startswith("price of the calls")))
    rows = lines[at : at + 5]
    assert [row.split("  ")[0] for row in rows] == [
        "price of the calls",
        "opening balance",
        "+ bought (1 recharge)",
        "- paid by credits",
        "= closing balance",
    ]
    assert len({row.rindex(".") for row in rows}) == 1


def test_wide_terminals_show_calls_and_money_side_by_side() -> None:
    assert any("answered" in line and "price of the calls" in line for line in shown(month(), 120))
    assert not any("answered" in line and "price of the calls" in line for line in shown(month(), 80))


def test_without_a_wallet_the_run_says_what_would_show_one() -> None:
    run = run_of([PAID | {"balance_after": None, "credits": 0, "post_usage": 80_000}], has_wallet=False)
    text = "\n".join(shown(replace(run, tenant=replace(TENANT, stated=False))))
    assert "No tenant file" in text
    assert "to be invoiced after use  0.08" in text
    assert "No balance was given, so nothing was refused" in text
    assert "Balance, USD" not in text
    assert "Credits, USD" not in text


def test_an_empty_run_is_shown() -> None:
    assert "No tenant file" in "\n".join(
        shown(run_of([], has_wallet=False, tenant=replace(TENANT, stated=False)))
    )


def test_no_colour_where_the_output_is_no_terminal() -> None:
    assert "\x1b" not in "\n".join(shown(month()))
    assert "\x1b[" in "\n".join(shown(month(), force_terminal=True, color_system="standard"))


def test_text_of_files_is_neither_markup_nor_a_command() -> None:
    nasty = "[red]ana[/red]\x1b[2J\x07\u202eevil"
    blocked = [BLOCKED | {"user": nasty}]
    lines = shown(run_of(blocked, pools=(pool(60, owner=nasty),), tenant=replace(TENANT, name=nasty)), 120)
    text = "\n".join(lines)
    assert text.count("[red]ana[/red]") == 3
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


def test_an_ascii_terminal_gets_ascii() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    run = month()
    show_run(Console(file=out, width=80), replace(run, tenant=replace(TENANT, name="Zoë & Co", stated=True)))
    out.flush()
    text = raw.getvalue().decode("ascii")
    assert "Zo? & Co (contoso)" in text
    assert "############" in text
    assert "^ credits bought" in text


def test_the_balance_is_drawn_with_its_recharge() -> None:
    line = balance_line(month(), 30)
    assert line is not None
    rows = balance_chart(line, 10, plain=False)
    assert rows[0].startswith("  199.75 │")
    assert rows[3].startswith("   99.87 │")
    assert rows[6] == "       0 └" + "".join(
        "▲" if step == line_of_recharge(line.funded) else "─" for step in range(30)
    )
    assert rows[7].split() == ["2026-03-01", "2026-03-30"]
    assert rows[0].index("█") == 10 + line_of_recharge(line.funded)


def line_of_recharge(funded: dict[int, int]) -> int:
    """The one step in which credits were bought."""
    (step,) = funded
    return step


def test_a_balance_at_zero_is_crossed() -> None:
    calls = [
        PAID | {"start": f"2026-03-0{day}T00:00:00Z", "balance_after": left}
        for day, left in ((1, 10), (2, 0), (3, -5))
    ]
    line = balance_line(run_of(calls), 3)
    assert line is not None
    rows = balance_chart(line, 8, plain=False)
    assert rows[5].endswith("│█xx")
    assert rows[-1].endswith("; x nothing left")


def test_findings_are_marked_by_urgency() -> None:
    out = io.StringIO()
    findings = [
        Finding("a", Weight.NOW, "Look at once.", "Do this.", (Detail("ana", 1_200, 90, 1_234_500_000),)),
        Finding("b", Weight.SOON, "Look soon."),
        Finding("c", Weight.SOMETIME, "Look some time.", details=(Detail("bob", 1),)),
    ]
    show_attention(Console(file=out, width=80), findings, "USD")
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "",
        "What to look at",
        "!! Look at once. Do this.",
        "     ana  1,200 calls  1.5 min  1,234.50 USD",
        "!  Look soon.",
        "-  Look some time.",
        "     bob  1 call",
    ]
    show_attention(Console(file=out, width=80), [], "USD")
    assert out.getvalue().count("What to look at") == 1


def test_an_explanation_is_a_list_of_reasons() -> None:
    run = run_of([PAID], lots=(lot(),))
    out = io.StringIO()
    show_explanation(Console(file=out, width=80), explain(call_rows(run.calls)[0], document_of(run)))
    lines = out.getvalue().splitlines()
    assert lines[0] == "Call call-1: charged, 0.08 USD"
    assert lines[1] == "Run: made; tenant Contoso Ltd (contoso); deck ours 0123456789ab"
    assert [line.split("  ")[0].strip() for line in lines[2:] if line[0] != " "] == [
        *("call", "category", "rate", "billed", "amount", "funding", "balance")
    ]
    assert max(len(line) for line in lines) <= 80


def test_parts_stand_below_what_they_add_up_to() -> None:
    half = PAID | {"billed_seconds": 201, "pool_seconds": 101, "paid_seconds": 100}
    lines = shown(run_of([half, FREE | {"billed_seconds": 100, "free_seconds": 100}, BLOCKED], lots=(lot(),)))
    at = next(number for number, line in enumerate(lines) if line.startswith("answered"))
    assert [line.split() for line in lines[at : at + 4]] == [
        ["answered", "3", "billed", "5.02"],
        ["free", "1", "free", "1.67"],
        ["paid,", "whole", "or", "in", "part", "1", "by", "included", "minutes", "1.68"],
        ["blocked", "1", "paid", "1.67"],
    ]
    assert lines[at + 4].split() == ["blocked,", "not", "billed", "4"]


def test_a_text_message_is_listed_not_unanswered() -> None:
    message = PAID | {"id": "m1", "category": "sms", "state": "not_answered", "amount": 0}
    run = run_of([message])
    out = io.StringIO()
    show_explanation(Console(file=out, width=80), explain(call_rows(run.calls)[0], document_of(run)))
    assert out.getvalue().splitlines()[0] == "Text message m1: listed, not charged"
    assert "not answered" not in out.getvalue()


@given(st.lists(st.integers(0, 10**9), max_size=6))
def test_minutes_of_parts_add_up_as_they_are_shown(parts_s: list[int]) -> None:
    told = [Decimal(text.replace(",", "")) for text in minutes_of_parts(parts_s)]
    assert sum(told) == Decimal(minutes(sum(parts_s)).replace(",", ""))
    assert all(
        abs(time - Decimal(s) / 60) < Decimal("0.01001") for time, s in zip(told, parts_s, strict=True)
    )


@pytest.mark.parametrize("width", [20, 80])
def test_ids_are_never_broken(width: int) -> None:
    long_id = "f" * 64 + "/" + "0123456789abcdef" * 4
    rows = tuple(call_rows(run_of([PAID | {"id": long_id}, PAID | {"id": "short id"}]).calls))
    out = io.StringIO()
    show_matches(Console(file=out, width=width), "x", Matches(rows, 2))
    assert {long_id, "short id"} <= set(out.getvalue().splitlines())


def test_several_matches_are_listed_with_their_ids() -> None:
    rows = tuple(call_rows(run_of([PAID | {"start": "2026-03-02T10:00:00Z"}] * 2).calls))
    out = io.StringIO()
    show_matches(Console(file=out, width=110), "call", Matches(rows, 25))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines[0] == "call names 25 calls; explain one of them by its id:"
    assert lines[2].split() == [
        "call-1",
        "2026-03-02",
        "10:00:00",
        "UTC",
        "ana@contoso.example",
        "+442071838750",
        "219",
        "s",
    ]
    assert lines[-1] == "and 23 more"


@pytest.mark.parametrize(
    ("micros", "told"),
    [
        (0, "0.00"),
        (1, "0.000001"),
        (1_234_567_500_000, "1,234,567.50"),
        (-250_000, "-0.25"),
        (-1_000_000, "-1.00"),
    ],
)
def test_amounts_for_people_are_exact(micros: int, told: str) -> None:
    assert money(micros) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0"), (60, "1"), (61, "1.02"), (66, "1.1"), (7_407_360, "123,456")]
)
def test_minutes_for_people_have_two_decimals_at_most(seconds: int, told: str) -> None:
    assert minutes(seconds) == told


def test_the_month_spans_its_calls() -> None:
    assert month().movements[1].at_us == parse_instant("2026-03-10T12:00:00Z") + 219_000_000
