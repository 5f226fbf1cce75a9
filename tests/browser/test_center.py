"""The admin center of the tests: it opens for those who have signed in, on both databases."""

from __future__ import annotations

import pytest

from tests.browser.centers import Center
from tests.browser.conftest import SignedIn
from tests.browser.look import look

CREDITS = "/tenants/contoso/credits"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_a_page_is_shown_to_whoever_has_signed_in(
    center: Center, signed_in: SignedIn, dark: bool, phone: bool
) -> None:
    page = signed_in("billing@contoso.example", dark=dark, phone=phone)
    page.goto(f"{center.url}{CREDITS}")
    assert page.get_by_role("heading", level=1).inner_text() == "Communication Credits"
    look(page)


def test_the_same_on_postgresql(postgres_center: Center, signed_in: SignedIn) -> None:
    page = signed_in("billing@contoso.example", of=postgres_center)
    page.goto(f"{postgres_center.url}{CREDITS}")
    assert page.get_by_role("heading", level=1).inner_text() == "Communication Credits"
    look(page)
