"""What no single entry of a tenant can show: things that stand twice, and licences that do not add up.

Each check gives sentences; none means that the tenant may be used. A change of a sound tenant is asked only
for what it can have broken, since it waits under the lock. Licences are compared at every instant at which
anything changes (interfaces.md, The tenant file; rulings.md 15).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Final, NamedTuple, TypeVar

from talktime.accounts.documents import user_key
from talktime.accounts.tenant import Licence, ServiceNumber, Subscription, Tenant, User
from talktime.accounts.toml_table import did_you_mean, entry_name, shown, shown_instant
from talktime.catalog.model import Catalogue
from talktime.core.limits import MAX_LICENCES, NEVER_US

_CALLING: Final = "calling"

_Entry = tuple[str, int, str]
"""Table, position and name of an entry: what `entry_name` takes where there is something to tell."""


T = TypeVar("T", User, ServiceNumber)


class _Touched(NamedTuple):
    """What has to be looked at: people and numbers by their places, plans, and names in lower case.

    `words` None: every name of the tenant.
    """

    users: Sequence[tuple[int, User]]
    services: Sequence[tuple[int, ServiceNumber]]
    plans: frozenset[str]
    words: frozenset[str] | None


def check_tenant(tenant: Tenant, catalogue: Catalogue) -> Iterator[str]:
    """Everything that is wrong with the tenant as a whole, a sentence each."""
    users, services = enumerate(tenant.users, 1), enumerate(tenant.service_numbers, 1)
    plans = frozenset(bought.plan for bought in tenant.subscriptions)
    return _faults(tenant, catalogue, _Touched(list(users), list(services), plans, None))


def check_change(before: Tenant, after: Tenant, catalogue: Catalogue) -> Iterator[str]:
    """What is wrong with a tenant that came of a sound one: only what the change touches is asked.

    What the change left alone has to be the very objects of `before`, as `dataclasses.replace` keeps them.
    """
    users = replaced_entries(before.users, after.users)
    services = replaced_entries(before.service_numbers, after.service_numbers)
    people, numbers = [user for _, user in users], [service for _, service in services]
    names = {name.casefold() for user in people for name in (user.upn, user.id, *user.numbers)}
    words = frozenset(names | {service.number for service in numbers}) - {""}
    plans = _rebought(before, after)
    if people or numbers:
        plans |= gained_plans(before, after, [*people, *numbers])
    return _faults(after, catalogue, _Touched(users, services, plans, words))


def replaced_entries(before: Sequence[T], after: Sequence[T]) -> list[tuple[int, T]]:
    """Entries that are other objects than before, by their places."""
    if after is before:
        return []
    begin = _shared(before, after)
    end = min(_shared(before[::-1], after[::-1]), len(before) - begin, len(after) - begin)
    known = set(map(id, before[begin : len(before) - end]))
    between = enumerate(after[begin : len(after) - end], begin + 1)
    return [(at, entry) for at, entry in between if id(entry) not in known]


def _shared(one: Sequence[object], other: Sequence[object]) -> int:
    """How many objects both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left is not right), min(len(one), len(other)))


def gained_plans(before: Tenant, after: Tenant, touched: Iterable[User | ServiceNumber]) -> frozenset[str]:
    """Plans that somebody holds now who did not, or at other times: only of those can there be too few."""
    gone = [entry for _, entry in replaced_entries(after.users, before.users)]
    taken = [entry for _, entry in replaced_entries(after.service_numbers, before.service_numbers)]
    had = {user_key(user): user.licences for user in gone}
    had |= {service.number: service.licences for service in taken}
    return frozenset(
        licence.plan
        for holder in touched
        for licence in holder.licences
        if licence not in had.get(_key(holder), ())
    )


def _key(holder: User | ServiceNumber) -> str:
    return user_key(holder) if isinstance(holder, User) else holder.number


def _rebought(before: Tenant, after: Tenant) -> frozenset[str]:
    """Plans of which more, less, or at other times is bought than before."""
    had, has = (Counter(map(_bought, tenant.subscriptions)) for tenant in (before, after))
    return frozenset(plan for plan, *_ in ((had - has) + (has - had)))


def _bought(subscription: Subscription) -> tuple[str, int, int, int]:
    return subscription.plan, subscription.purchased, subscription.from_us, subscription.until_us


def _faults(tenant: Tenant, catalogue: Catalogue, touched: _Touched) -> Iterator[str]:
    yield from _duplicates(tenant, touched.words)
    yield from _holders(touched, catalogue)
    yield from _assigned_and_bought(tenant, catalogue, touched.plans)
    yield from _caps(tenant)
    yield from _cost_centres(tenant)
    yield from _methods(tenant)


def _duplicates(tenant: Tenant, words: frozenset[str] | None) -> Iterator[str]:
    accounts = enumerate(tenant.billing_accounts, 1)
    yield from _twice("id", ((("billing_accounts", at, a.id), a.id) for at, a in accounts))
    yield from _names_twice(tenant, words)
    administrators = enumerate(tenant.administrators, 1)
    yield from _twice("upn", ((("administrators", at, a.upn), a.upn) for at, a in administrators))
    centres = enumerate(tenant.cost_centres, 1)
    yield from _twice("id", ((("cost_centres", at, c.id), c.id) for at, c in centres))
    methods = enumerate(tenant.payment_methods, 1)
    yield from _twice("id", ((("payment_methods", at, m.id), m.id) for at, m in methods))


def _names_twice(tenant: Tenant, words: frozenset[str] | None) -> Iterator[str]:
    """UPNs, ids and numbers that two have; `words`: only of those who have one of these."""
    if words is not None and not words:
        return
    people = [(at, u) for at, u in enumerate(tenant.users, 1) if words is None or _is_called(u, words)]
    services = enumerate(tenant.service_numbers, 1)
    yield from _twice("upn", ((("users", at, u.upn), u.upn) for at, u in people))
    yield from _twice("id", ((("users", at, u.upn), u.id) for at, u in people))
    of_users = ((("users", at, u.upn), number) for at, u in people for number in u.numbers)
    called = ((("service_numbers", at, s.number), s.number) for at, s in services)
    yield from _twice("number", chain(of_users, called))


def _is_called(user: User, words: frozenset[str]) -> bool:
    """Whether a user has one of these names (in lower case) or numbers."""
    return user.upn.casefold() in words or user.id.casefold() in words or not words.isdisjoint(user.numbers)


def _twice(key: str, named: Iterable[tuple[_Entry, str]]) -> Iterator[str]:
    """Values that two entries share, in any letter case; empty ones are absent."""
    first: dict[str, _Entry] = {}
    for entry, value in named:
        owner = first.setdefault(value.casefold(), entry) if value else entry
        if owner is not entry:
            yield f"{entry_name(*entry)}: {key} {shown(value)} is already that of {entry_name(*owner)}"


def _licensed(tenant: Tenant) -> list[User | ServiceNumber]:
    """Everyone who may hold licences and belong to a cost centre."""
    return [*tenant.users, *tenant.service_numbers]


def _sets(holders: Iterable[User | ServiceNumber]) -> dict[int, tuple[Licence, ...]]:
    """The licences of holders by identity: a file gives hundreds of users the same few objects."""
    return {id(holder.licences): holder.licences for holder in holders}


def _holders(touched: _Touched, catalogue: Catalogue) -> Iterator[str]:
    """Licences of one user or service number that cannot stand together, or not in the user's country."""
    holders = [user for _, user in touched.users], [service for _, service in touched.services]
    sets = _sets(chain(*holders))
    faults = {key: list(_together(licences, catalogue)) for key, licences in sets.items()}
    for at, user in touched.users:
        where = ("users", at, user.upn)
        yield from _told(where, faults[id(user.licences)])
        for licence in user.licences:
            plan = catalogue.plans[licence.plan]
            if plan.countries and user.location and user.location not in plan.countries:
                fault = f"plan {plan.code} ({plan.name}) is not offered in {user.location}"
                yield from _told(where, [fault])
    for at, service in touched.services:
        where = ("service_numbers", at, service.number)
        yield from _told(where, faults[id(service.licences)])


def _told(entry: _Entry, sentences: Iterable[str]) -> Iterator[str]:
    """The sentences with where it is."""
    for sentence in sentences:
        yield f"{entry_name(*entry)}: {sentence}"


def _together(licences: Sequence[Licence], catalogue: Catalogue) -> Iterator[str]:
    """One licence of a plan at a time, and one calling plan at a time."""
    for plan in dict.fromkeys(licence.plan for licence in licences):
        for _, second in _overlaps(licence for licence in licences if licence.plan == plan):
            yield f"holds {plan} twice from {shown_instant(second.from_us)} on; list it once"
    for first, second in _overlaps(one for one in licences if catalogue.plans[one.plan].kind == _CALLING):
        if first.plan != second.plan:
            yield (
                f"holds two calling plans, {first.plan} and {second.plan}, from "
                f"{shown_instant(second.from_us)} on; end one with until before the other begins"
            )


def _overlaps(licences: Iterable[Licence]) -> Iterator[tuple[Licence, Licence]]:
    """Neighbours in time of which the second begins before the first has ended.

    Where any two of them overlap, two neighbours do.
    """
    held = list(licences)
    if len(held) < 2:
        return
    for first, second in pairwise(sorted(held, key=lambda licence: licence.from_us)):
        if second.from_us < first.until_us:
            yield first, second


def _assigned_and_bought(tenant: Tenant, catalogue: Catalogue, plans: frozenset[str]) -> Iterator[str]:
    """Plans of [[licences]], among these, of which more are assigned than bought; free ones are not asked."""
    changes: dict[str, Counter[tuple[int, str]]] = {}
    for bought in tenant.subscriptions:
        if bought.plan in plans and not catalogue.plans[bought.plan].free:
            counts = changes.setdefault(bought.plan, Counter())
            counts[bought.from_us, "bought"] += bought.purchased
            counts[bought.until_us, "bought"] -= bought.purchased
    if not changes:
        return
    holders = Counter(id(holder.licences) for holder in _licensed(tenant))
    spans: Counter[tuple[str, int, int]] = Counter()
    for key, licences in _sets(_licensed(tenant)).items():
        for licence in licences:
            if licence.plan in changes:
                spans[licence.plan, licence.from_us, licence.until_us] += holders[key]
    for (plan, from_us, until_us), count in spans.items():
        changes[plan][from_us, "assigned"] += count
        changes[plan][until_us, "assigned"] -= count
    for plan, counts in changes.items():
        yield from _shortage(plan, counts)


def _shortage(plan: str, changes: Counter[tuple[int, str]]) -> Iterator[str]:
    """The first instant at which more licences of a plan are assigned than bought, or too many are bought."""
    held = {"assigned": 0, "bought": 0}
    for at_us in sorted({at_us for at_us, _ in changes if at_us < NEVER_US}):
        for kind in held:
            held[kind] += changes[at_us, kind]
        if held["assigned"] > held["bought"]:
            yield (
                f"licences: {plan}: {held['assigned']:,} assigned but {held['bought']:,} bought "
                f"from {shown_instant(at_us)} on; buy more or take some away"
            )
            return
        if held["bought"] > MAX_LICENCES:
            yield f"licences: {plan}: {held['bought']:,} bought in all, over the limit of {MAX_LICENCES:,}"
            return


def _centres_in_use(tenant: Tenant) -> set[str]:
    return {one.cost_centre for one in _licensed(tenant)}


def _caps(tenant: Tenant) -> Iterator[str]:
    """Caps that stand twice, or that hold for nobody."""
    if not tenant.caps:
        return
    own = {("user", user.upn) for user in tenant.users if user.cap_per_month_micros is not None}
    known = {
        "user": {user.upn for user in tenant.users},
        "cost_centre": _centres_in_use(tenant) | {centre.id for centre in tenant.cost_centres},
        "tenant": {tenant.id},
    }
    seen: set[tuple[str, str]] = set()
    for at, cap in enumerate(tenant.caps, 1):
        where = ("caps", at, cap.id)
        if cap.id and cap.id not in known.get(cap.scope, {cap.id}):
            yield from _told(where, [f"no {cap.scope} of this file is named {shown(cap.id)}"])
        if (cap.scope, cap.id) in seen:
            yield from _told(where, [f"a cap of this {cap.scope} stands above; keep one"])
        if (cap.scope, cap.id) in own:
            yield from _told(where, ["the user has a cap_per_month already; keep one"])
        seen.add((cap.scope, cap.id))


def _cost_centres(tenant: Tenant) -> Iterator[str]:
    """Where cost centres are declared: those that are not, and parents in a circle."""
    parents = {centre.id: centre.parent for centre in tenant.cost_centres}
    if not parents:
        return
    if not _centres_in_use(tenant) <= {"", *parents}:
        yield from _undeclared(tenant, parents)
    for at, centre in enumerate(tenant.cost_centres, 1):
        where = entry_name("cost_centres", at, centre.id)
        circle = _circle(centre.id, parents)
        if centre.parent and centre.parent not in parents:
            hint = did_you_mean(centre.parent, parents)
            yield f"{where}: parent {shown(centre.parent)} is no cost centre{hint}"
        elif circle:
            yield f"{where}: its parents form a circle, {' > '.join(circle)}"


def _undeclared(tenant: Tenant, declared: Mapping[str, str]) -> Iterator[str]:
    """Users and service numbers of a cost centre that [[cost_centres]] does not have."""
    users = (("users", at, user.upn, user.cost_centre) for at, user in enumerate(tenant.users, 1))
    services = (
        ("service_numbers", at, service.number, service.cost_centre)
        for at, service in enumerate(tenant.service_numbers, 1)
    )
    for table, at, name, centre in chain(users, services):
        if centre and centre not in declared:
            hint = did_you_mean(centre, declared)
            yield f"{entry_name(table, at, name)}: no [[cost_centres]] has the id {shown(centre)}{hint}"


def _circle(start: str, parents: Mapping[str, str]) -> list[str]:
    """The way from a cost centre up to itself; empty where it ends elsewhere."""
    way = [start]
    while (parent := parents.get(way[-1], "")) and parent not in way:
        way.append(parent)
    return [*way, start] if parent == start else []


def _methods(tenant: Tenant) -> Iterator[str]:
    """Payment methods: more than one default, and a rule that names none of them.

    A tenant without any is not judged: its file cannot hold them, so the rule may be there first.
    """
    defaults = [method.id for method in tenant.payment_methods if method.default]
    if len(defaults) > 1:
        yield f"payment_methods: {' and '.join(defaults)} are both the default; keep one"
    known = {method.id for method in tenant.payment_methods}
    chosen = tenant.auto_recharge.method
    if known and chosen and chosen not in known:
        hint = did_you_mean(chosen, known)
        yield f"auto_recharge: method: no payment method has the id {shown(chosen)}{hint}"
