"""Your products > Communication Credits: the balance, the lots, what to do."""

from __future__ import annotations

from talktime.doors.admin.kit.show import card, figure, link, row, table
from talktime.doors.admin.page import Visit, page


@page("/tenants/{tenant}/credits", title="Communication Credits", needs="see_balance")
async def credits(at: Visit) -> None:
    """Balance and lots."""
    balance = await at.tenant.credits.get()
    with card():
        figure("Balance", at.money(balance.balance), f"available {balance.available}")
        with row():
            if at.may("buy_credits"):
                link("Add funds", at.link("credits/add"), is_main=True)
    lots = await at.tenant.credits.lots(limit=100).first()
    table(["Lot"], [[str(lot.lot)] for lot in lots.items], "Lots of credits")
