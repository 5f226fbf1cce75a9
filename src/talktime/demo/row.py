"""A row of usage as the vendor's export has it.

The 25 columns of the Calling Plans export with their content as text, instants and seconds as integers;
every writer maps these fields and adds nothing (formats.md, Usage).
"""

from typing import NamedTuple


class UsageRow(NamedTuple):
    """One leg of a call. Absent text is ""; money is the vendor's decimal text.

    A tuple: a million of them cost a tenth of what frozen dataclasses do. `scope` is the text of
    Domestic/International, `country` that of External Country (ISO). A row without
    `upn` belongs to no user. `tenant_country` stands in Graph rows only.
    """

    usage_id: str
    call_id: str
    conference_id: str
    location: str
    user_id: str
    upn: str
    user_name: str
    caller: str
    call_type: str
    direction: str
    number_type: str
    scope: str
    destination: str
    callee: str
    country: str
    start_us: int
    end_us: int
    duration_s: int
    connection_fee: str
    charge: str
    currency: str
    capability: str
    operator: str
    duration_source: str
    administrative_units: str
    tenant_country: str
