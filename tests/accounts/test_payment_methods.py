"""The cards of a tenant: the first is the default, the one that the rule pays with stays."""

import asyncio
from dataclasses import replace

import pytest

from talktime.accounts.documents import tenant_of, tenant_text
from talktime.accounts.payment_methods import (
    MAX_METHODS,
    card_text,
    method_added,
    method_made_default,
    method_removed,
)
from talktime.accounts.tenant import AutoRecharge, PaymentMethod, Tenant
from talktime.accounts.tenant_changes import Change
from talktime.accounts.tenant_checks import check_tenant
from talktime.catalog.load import load_catalogue
from talktime.ledger.commands import Refused, Wallet
from tests.accounts.offices import UNIT, office
from tests.databases import database, sqlite_database

__all__ = ["database", "sqlite_database"]  # fixtures


def card(name: str, default: bool = False) -> PaymentMethod:
    return PaymentMethod(name, "sandbox", f"tok_{name}", "Visa", "4242", "2027-03", f"fp_{name}", default)


def tenant_of_cards(cards: str, rule: AutoRecharge | None = None) -> Tenant:
    """`cards`: names, the default one with a star."""
    methods = tuple(card(name.rstrip("*"), name.endswith("*")) for name in cards.split())
    rule = AutoRecharge() if rule is None else rule
    return Tenant("contoso", "Contoso", "US", "USD", payment_methods=methods, auto_recharge=rule)


def cards_of(tenant: Tenant) -> str:
    return " ".join(one.id + ("*" if one.default else "") for one in tenant.payment_methods)


def after(change: Change | Refused) -> str:
    """The cards after a change, or the code of its refusal."""
    if isinstance(change, Refused):
        return change.code
    assert list(check_tenant(change.tenant, load_catalogue())) == []
    assert change.documents[0].text == tenant_text(change.tenant)
    return cards_of(change.tenant)


@pytest.mark.parametrize(
    ("before", "added", "then"),
    [
        ("", "a", "a*"),
        ("a*", "b", "a* b"),
        ("a*", "b*", "a b*"),
        ("a b", "c", "a b c*"),
        ("a*", "a", "exists"),
        ("a*", "A", "exists"),
        (" ".join(f"c{n}" for n in range(MAX_METHODS)), "one-more", "too_many"),
    ],
)
def test_adding_a_card(before: str, added: str, then: str) -> None:
    new = card(added.rstrip("*"), added.endswith("*"))
    assert after(method_added(tenant_of_cards(before), new)) == then


ON = AutoRecharge(True, 100 * UNIT, 200 * UNIT)
OFF = replace(ON, enabled=False)


@pytest.mark.parametrize(
    ("before", "rule", "removed", "then"),
    [
        ("a* b", OFF, "a", "b"),
        ("a* b", OFF, "b", "a*"),
        ("a* b", ON, "b", "a*"),
        ("a* b", ON, "a", "payment_method_in_use"),
        ("a* b", replace(ON, method="b"), "b", "payment_method_in_use"),
        ("a* b", replace(ON, method="b"), "a", "b"),
        ("a* b", replace(OFF, method="b"), "b", "a*"),
        ("a*", OFF, "a", ""),
        ("a*", OFF, "z", "unknown_payment_method"),
        ("", ON, "", "unknown_payment_method"),
    ],
)
def test_removing_a_card(before: str, rule: AutoRecharge, removed: str, then: str) -> None:
    assert after(method_removed(tenant_of_cards(before, rule), removed)) == then


@pytest.mark.parametrize(
    ("before", "chosen", "then"),
    [
        ("a* b", "b", "a b*"),
        ("a* b", "a", "a* b"),
        ("a b", "b", "a b*"),
        ("a*", "z", "unknown_payment_method"),
    ],
)
def test_choosing_the_default(before: str, chosen: str, then: str) -> None:
    assert after(method_made_default(tenant_of_cards(before), chosen)) == then


def test_a_rule_that_is_off_forgets_a_card_that_goes() -> None:
    change = method_removed(tenant_of_cards("a* b", replace(OFF, method="b")), "b")
    assert isinstance(change, Change)
    assert change.tenant.auto_recharge.method == ""


def test_the_token_is_never_shown() -> None:
    assert card_text(card("a", default=True)) == "a: Visa 4242, expires 2027-03, default"
    change = method_added(tenant_of_cards("b*"), card("a"))
    assert isinstance(change, Change)
    assert "tok_" not in change.before + change.after


def test_cards_are_kept_with_the_tenant(database: str) -> None:
    async def story() -> None:
        async with office(database) as the:
            made = await the.use.make_tenant(
                {"tenant": {"id": "contoso", "country": "US", "currency": "USD"}}, "me"
            )
            assert isinstance(made, Wallet)
            assert await the.cards.add("contoso", card("a"), "me") is True
            assert await the.cards.add("contoso", card("b"), "me") is True
            assert await the.cards.make_default("contoso", "b", "me") is True
            assert await the.cards.remove("contoso", "a", "me") is True
            refused = await the.cards.remove("contoso", "a", "me")
            assert isinstance(refused, Refused)
            documents = the.reader.documents("contoso")
            assert documents is not None
            assert tenant_of(documents.tenant, (), ()).payment_methods == (card("b", default=True),)
            lines = the.reader.audit("contoso", 2**62, 10)
            assert [line.what for line in reversed(lines)][1:] == [
                "card a added",
                "card b added",
                "card b made the default",
                "card a removed",
            ]
            assert not any("tok_" in line.before + line.after for line in lines)

    asyncio.run(story())
