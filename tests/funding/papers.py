"""Papers for tests: a receipt of a German seller for a French customer without a tax id, so taxed at 20 %."""

from talktime.funding.receipt import Billed, Receipt
from talktime.funding.taxes import tax_lines, tax_sum
from tests.funding.post_usage import SELLER

UNIT = 1_000_000
AT_US = 1_775_260_800_000_000  # 2026-04-04T00:00:00Z
YEAR_US = 365 * 86_400_000_000
ACME = Billed("Acme SARL", ("1 rue de la Paix", "75002 Paris"), "FR", "", "PO-2026-17")


def receipt(
    *, net: int, billed: Billed = ACME, method: str = "Visa 4242", tenant: str = "acme", currency: str = "EUR"
) -> Receipt:
    """A receipt over `net` micros."""
    taxes = tax_lines(net, currency, SELLER, billed.country, billed.tax_id)
    return Receipt(
        number=f"R-{tenant}-000001",
        kind="purchase",
        at_us=AT_US,
        time_zone="Europe/Paris",
        tenant=tenant,
        seller=SELLER,
        billed=billed,
        currency=currency,
        net=net,
        taxes=taxes,
        gross=net + tax_sum(taxes),
        payment="pay-1",
        method=method,
        lot=3,
        expires_us=AT_US + YEAR_US,
    )
