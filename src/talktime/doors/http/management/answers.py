"""What the management routes answer: amounts are decimal strings, instants ISO 8601 UTC or null."""

from __future__ import annotations

from pydantic import BaseModel


class TenantLine(BaseModel):
    """A tenant in the list."""

    id: str
    name: str
    country: str
    currency: str
    balance: str
    reserved: str
    available: str


class TenantList(BaseModel):
    """A page of tenants; `next` is the `after` of the next page, null on the last."""

    tenants: list[TenantLine]
    next: str | None


class AdjustedAnswer(BaseModel):
    """What a tenant has after an adjustment; `lot` is the lot that it opened, null where none was.

    `repeated`: the reference had made it before, and the amounts are those of now.
    """

    lot: int | None
    balance: str
    reserved: str
    available: str
    repeated: bool


class FundedAnswer(BaseModel):
    """The lot of a purchase; `repeated`: the reference had opened it before."""

    lot: int
    amount: str
    currency: str
    repeated: bool


class LotAnswer(BaseModel):
    """A lot that holds money."""

    lot: int
    bought_at: str | None
    expires_at: str | None
    amount: str
    left: str
    reserved: str
    available: str
    origin: str
    reference: str


class AutoRechargeAnswer(BaseModel):
    """The rule that refills."""

    enabled: bool
    below: str
    add: str
    cap_per_month: str | None


class PoolAnswer(BaseModel):
    """A pool of minutes in seconds; size and left are null where there is no limit."""

    name: str
    plan: str
    kind: str
    owner: str
    month: str
    size_seconds: int | None
    used_seconds: int
    reserved_seconds: int
    left_seconds: int | None


class PoolList(BaseModel):
    """The pools of a month."""

    pools: list[PoolAnswer]


class CapAnswer(BaseModel):
    """A spend cap."""

    scope: str
    id: str
    month: str
    limit: str
    spent: str
    reserved: str
    left: str


class CapList(BaseModel):
    """The spend caps in a month."""

    caps: list[CapAnswer]


class EntryAnswer(BaseModel):
    """A line of the journal; lot, charge and corrects are null where there is none."""

    number: int
    at: str | None
    kind: str
    debit: str
    credit: str
    amount: str
    lot: int | None
    charge: int | None
    corrects: int | None
    hash: str


class EntryList(BaseModel):
    """A page of entries, newest first; `next` is the `before` of the next page."""

    entries: list[EntryAnswer]
    next: int | None


class AuditAnswer(BaseModel):
    """A change that somebody made; before and after are JSON or empty."""

    id: int
    at: str | None
    who: str
    what: str
    before: str
    after: str


class AuditList(BaseModel):
    """A page of changes, newest first."""

    audit: list[AuditAnswer]
    next: int | None


class ChargeLine(BaseModel):
    """What a call cost; `corrects` is the number of the charge that it replaces."""

    number: int
    call_id: str
    at: str | None
    started_at: str | None
    user: str
    category: str
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: str
    credits: str
    post_usage: str
    overdraft: str
    corrects: int | None


class CallList(BaseModel):
    """A page of charges, newest first; `next` is the `before` of the next page."""

    calls: list[ChargeLine]
    next: int | None


class Share(BaseModel):
    """A part that a lot paid or holds."""

    lot: int
    amount: str


class PoolShare(BaseModel):
    """A part that a pool covered or holds."""

    pool: str
    seconds: int


class ChargeAnswer(ChargeLine):
    """A charge with its split."""

    duration_seconds: int
    lots: list[Share]
    pools: list[PoolShare]
    balance_after: str
    flags: list[str]
    answered_at: str | None
    ended_at: str | None


class RateAnswer(BaseModel):
    """The price of a call, fixed at its start."""

    deck: str
    prefix: str
    price_per_minute: str
    first_price_per_minute: str
    connection_fee: str
    first_seconds: int
    step_seconds: int


class CapFact(BaseModel):
    """A limit of money that the call moves."""

    counter: str
    limit: str


class FactsAnswer(BaseModel):
    """What was decided about a call at its start; `rate` is null where none fits or none is asked."""

    call_type: str
    user: str
    service_number: str
    caller: str
    callee: str
    category: str
    why: str
    rate: RateAnswer | None
    pools: list[str]
    month: str
    caps: list[CapFact]
    arrived_at: str | None
    started_at: str | None
    flags: list[str]


class CallAnswer(BaseModel):
    """A call: its state, what was decided, its charges (a correction last) and their entries."""

    call_id: str
    state: str
    due_at: str | None
    used_seconds: int | None
    authorised_seconds: int | None
    facts: FactsAnswer | None
    charges: list[ChargeAnswer]
    entries: list[EntryAnswer]


class CallInProgress(BaseModel):
    """A call in progress and what it reserves; `due_at` is when it would count as lost."""

    call_id: str
    state: str
    user: str
    service_number: str
    caller: str
    callee: str
    category: str
    started_at: str | None
    granted_seconds: int
    used_seconds: int
    reserved: str
    lots: list[Share]
    pools: list[PoolShare]
    due_at: str | None


class CallsInProgress(BaseModel):
    """Calls in progress, those first that are due first."""

    calls: list[CallInProgress]


class Source(BaseModel):
    """Who paid a part of a call: pool, credits, post_usage or overdraft."""

    source: str
    id: str
    seconds: int | None = None
    amount: str | None = None


class SettledAnswer(BaseModel):
    """What a call was charged that a person ended."""

    call_id: str
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: str
    currency: str
    funding: list[Source]
    balance: str
    available: str
    flags: list[str]


class DeckAnswer(BaseModel):
    """A stored deck; `sample`: its prices are not real."""

    version: str
    name: str
    currency: str
    sample: bool
    added_at: str | None


class FindingAnswer(BaseModel):
    """A sentence about a deck; line 0 is the whole file."""

    severity: str
    line: int
    text: str


class DeckAdded(DeckAnswer):
    """A deck that was stored, `added` False where it was there already."""

    added: bool
    rates: int
    rows_rejected: int
    findings: list[FindingAnswer]


class DeckList(BaseModel):
    """A page of decks by version."""

    decks: list[DeckAnswer]
    next: str | None


class BindingAnswer(BaseModel):
    """From an instant on (null: always) a currency is charged by this version."""

    currency: str
    valid_from: str | None
    version: str


class BindingList(BaseModel):
    """Bindings in order of currency and time."""

    bindings: list[BindingAnswer]


class KeyAnswer(BaseModel):
    """A key without its secret; `tenants` is "*" for all, `roles` what it may do as one for management."""

    id: str
    name: str
    tenants: list[str] | str
    scopes: list[str]
    roles: list[str]
    created_at: str | None
    revoked_at: str | None


class KeyMade(KeyAnswer):
    """A new key with what its holder presents; nobody can read it again."""

    key: str


class KeyList(BaseModel):
    """A page of keys."""

    keys: list[KeyAnswer]
    next: str | None
