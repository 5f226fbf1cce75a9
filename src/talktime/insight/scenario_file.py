"""Scenario files: what somebody wants to try, written in TOML; read for a run, written by the planner.

A file is taken as a whole or refused with every fault that it has, each naming scenario, entry and key.
Amounts are decimal strings; the word "none" takes a cap away. How one is written: docs/plan.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from talktime.accounts.tenant import AGREEMENTS
from talktime.accounts.toml_table import Table, WrittenFloat, shown
from talktime.core.limits import MAX_LICENCES
from talktime.core.money import format_money
from talktime.insight.scenario import (
    MOST_CAPS,
    MOST_SWAPS,
    MOST_USERS,
    SCOPES,
    TODAY,
    Bought,
    Rule,
    Scenario,
    Swap,
    TriedCap,
    UserPlans,
    faults_of,
)

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Deck

MOST_IN_A_FILE: Final = 20
MOST_BYTES: Final = 20 * 1024 * 1024
SAMPLE: Final = "sample"
NONE: Final = "none"
"""In the place of an amount: no cap."""

SCENARIO: Final = "scenario"
_WORDS: Final = ("name", "deck", "balance", "agreement", "treat_as")
_TABLES: Final = ("plans", "users", "licences", "recharge", "caps")


class ScenarioFileError(ValueError):
    """A scenario file that cannot be used. `faults` are its faults, a sentence each, in the file's order."""

    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        self.path = path
        self.faults = tuple(faults)
        lines = faults[0] if len(faults) == 1 else "\n  ".join((f"{len(faults)} faults:", *faults))
        super().__init__(f"{path}: {lines}")


def read_scenarios(
    paths: Sequence[Path], catalogue: Catalogue, tenant: Tenant | None = None
) -> list[Scenario]:
    """The scenarios of some files in their order; users and cost centres are those of `tenant`, if given.

    `Scenario.deck` becomes "", `sample`, or the path of a deck file, which is looked for beside the scenario
    file. Names differ, also from file to file. Raises ScenarioFileError with every fault of a file.
    """
    found: list[Scenario] = []
    names: dict[str, Path] = {}
    for path in paths:
        top = Table(_toml(path), "", [])
        scenarios = list(_scenarios(top, path.parent))
        if not top.faults:
            top.faults.extend(
                _sentence(scenarios, *fault) for fault in faults_of(scenarios, catalogue, tenant)
            )
        for scenario in scenarios:
            other = names.setdefault(scenario.name.casefold(), path)
            if other != path:
                top.fault(f"scenario {shown(scenario.name)} is in {other} as well; give it another name")
        if top.faults:
            raise ScenarioFileError(path, top.faults)
        found += scenarios
    return found


def tries_of(
    scenarios: Sequence[Scenario], today: Deck, deck_of: Callable[[str], Deck]
) -> list[tuple[Scenario, Deck]]:
    """Today's settings and then the scenarios, each with its deck; `deck_of` is asked once for each name."""
    known = {"": today}
    tries = [(TODAY, today)]
    for one in scenarios:
        if one.deck not in known:
            known[one.deck] = deck_of(one.deck)
        tries.append((one, known[one.deck]))
    return tries


def _toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ScenarioFileError(path, [f"is larger than {MOST_BYTES >> 20} MB; write several files"])
        return tomllib.loads(path.read_text("utf-8-sig"), parse_float=WrittenFloat)
    except OSError as error:
        raise ScenarioFileError(path, [f"cannot be read: {error.strerror or error}"]) from None
    except UnicodeDecodeError as error:
        raise ScenarioFileError(path, [f"is not UTF-8 (byte {error.start}); save it as UTF-8"]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioFileError(path, [f"is not TOML: {error}"]) from None
    except ValueError:  # of a whole number with thousands of digits
        raise ScenarioFileError(path, ["holds a number that is too long; write a shorter one"]) from None


def _scenarios(top: Table, folder: Path) -> Iterator[Scenario]:
    top.only(SCENARIO)
    entries = list(top.tables(SCENARIO, "name"))
    if not entries and not top.faults:
        top.fault("there is no scenario in it; begin with [[scenario]] and its name")
    if len(entries) > MOST_IN_A_FILE:
        top.fault(f"{len(entries)} scenarios are too many; write at most {MOST_IN_A_FILE} into a file")
        return
    for entry in entries:
        entry.only(*_WORDS, *_TABLES)
        yield Scenario(
            name=entry.needed("name"),
            plans=tuple(_swap(one) for one in _inside(entry, "plans", "plan", MOST_SWAPS)),
            recharge=_recharge(entry),
            balance=entry.money("balance"),
            deck=_deck(entry, folder),
            agreement=entry.word("agreement", AGREEMENTS) if "agreement" in entry.entries else "",
            treat_as=entry.text("treat_as"),
            caps=tuple(_cap(one) for one in _inside(entry, "caps", "id", MOST_CAPS)),
            users=tuple(_user(one) for one in _inside(entry, "users", "user", None)),
            licences=tuple(_bought(one) for one in _inside(entry, "licences", "plan", None)),
        )


def _inside(entry: Table, key: str, name_key: str, most: int | None) -> Iterator[Table]:
    """The tables of a list in a scenario, each with the scenario's place before its own."""
    value = entry.entries.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        entry.fault(f"{key} must be an array of tables: write [[{SCENARIO}.{key}]] before each")
        return
    if most is not None and len(value) > most:
        entry.fault(f"{len(value)} {key} are too many; write at most {most}")
        return
    where = f"{entry.where}: {key}"
    for position, one in enumerate(value, 1):
        yield Table(one, where, entry.faults, position, name_key)


def _swap(table: Table) -> Swap:
    table.only("plan", "becomes", "country", "users")
    if "becomes" not in table.entries:
        table.fault('becomes is missing; write the plan that they get, or "" for none')
    users = _texts(table, "users")
    if "users" in table.entries and not users:
        table.fault("users names nobody; leave it out for all of them")
    if len(users) > MOST_USERS:
        table.fault(f"{len(users):,} users are too many; write at most {MOST_USERS:,} into a swap")
    return Swap(table.text("plan"), table.text("becomes"), table.text("country"), users)


def _user(table: Table) -> UserPlans:
    table.only("user", "plans")
    if "plans" not in table.entries:
        table.fault("plans is missing; write all plans that the user holds then, [] for none")
    return UserPlans(table.needed("user"), _texts(table, "plans"))


def _bought(table: Table) -> Bought:
    table.only("plan", "purchased")
    return Bought(table.needed("plan"), table.count("purchased", MAX_LICENCES))


def _texts(table: Table, key: str) -> tuple[str, ...]:
    values = table.items(key)
    wrong = next((one for one in values if not isinstance(one, str) or not one.strip()), None)
    if wrong is not None:
        table.fault(f"{key} holds {shown(wrong)}; write texts in quotes")
        return ()
    return tuple(one.strip() for one in values)


def _recharge(entry: Table) -> Rule | None:
    value = entry.entries.get("recharge")
    if value is None:
        return None
    if not isinstance(value, dict):
        entry.fault(f"recharge must be one table: write [{SCENARIO}.recharge] or recharge = {{ ... }}")
        return None
    table = Table(value, f"{entry.where}: recharge", entry.faults)
    table.only("enabled", "below", "add", "cap_per_month")
    if not table.flag("enabled", True):
        for key in ("below", "add", "cap_per_month"):
            if key in value:
                table.fault(f"{key} has no use where enabled = false; leave it out")
        return Rule(enabled=False)
    before = len(table.faults)
    for key in ("below", "add"):
        if key not in value:
            table.fault(f'{key} is missing; write an amount, such as {key} = "50"')
    cap, uncapped = _capped(table, "cap_per_month")
    below, add = table.money("below"), table.money("add")
    if len(table.faults) > before:
        return None
    return Rule(True, below or 0, add or 0, cap, uncapped)


def _cap(table: Table) -> TriedCap:
    table.only("scope", "id", "amount")
    if "amount" not in table.entries:
        table.fault('amount is missing; write an amount in quotes, or "none" for no cap')
    amount, _ = _capped(table, "amount")
    return TriedCap(table.word("scope", SCOPES), table.text("id"), amount)


def _capped(table: Table, key: str) -> tuple[int | None, bool]:
    """Micros and whether the word for no cap stands there."""
    value = table.entries.get(key)
    is_none = isinstance(value, str) and value.strip().lower() == NONE
    return (None, True) if is_none else (table.money(key), False)


def _deck(entry: Table, folder: Path) -> str:
    """The deck by its path, beside the file where there is one; "" and `sample` as they are."""
    name = entry.text("deck")
    beside = folder / name
    is_there = bool(name) and _is_file(beside)
    if not name or (name == SAMPLE and not is_there):
        return name
    if not is_there:
        entry.fault(f"deck {shown(name)}: there is no such file beside the scenario file; check the name")
    return str(beside)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long for a file
        return False


def _sentence(scenarios: Sequence[Scenario], pointer: str, told: str) -> str:
    """A fault with its place: `/1/plans/0/becomes` -> `scenario[2] "larger": plans[1] becomes: ...`."""
    at, *rest = pointer.strip("/").split("/")
    place = f"{SCENARIO}[{int(at) + 1}] {shown(scenarios[int(at)].name)}:"
    for part in rest:
        place += f"[{int(part) + 1}]" if part.isdigit() else f" {part}"
    return f"{place}: {told}"


# --- written -------------------------------------------------------------------------------------------


def scenarios_text(scenarios: Sequence[Scenario], note: str = "") -> str:
    """Scenarios as a file that `read_scenarios` takes; each line of `note` becomes a comment above them.

    A deck is named as `Scenario.deck` has it.
    """
    lines = [f"# {line}".rstrip() for line in note.splitlines()]
    for one in scenarios:
        lines += ["", f"[[{SCENARIO}]]", *_entries(_head(one))]
        if one.recharge is not None:
            lines += [f"[{SCENARIO}.recharge]", *_entries(_rule(one.recharge))]
        for cap in one.caps:
            table = {"scope": cap.scope, "id": cap.id, "amount": _money(cap.amount)}
            lines += [f"[[{SCENARIO}.caps]]", *_entries(table)]
        for swap in one.plans:
            lines += [f"[[{SCENARIO}.plans]]", *_entries(_swap_table(swap))]
        for user in one.users:
            held = {"user": user.user, "plans": list(user.plans)}
            lines += [f"[[{SCENARIO}.users]]", *_entries(held)]
        for bought in one.licences:
            counted = {"plan": bought.plan, "purchased": bought.purchased}
            lines += [f"[[{SCENARIO}.licences]]", *_entries(counted)]
    return "\n".join(lines).lstrip("\n") + "\n"


def write_scenarios_file(path: Path, scenarios: Sequence[Scenario], note: str = "") -> None:
    """Writes scenarios as a file, whole or not at all. Raises ReportError."""
    from talktime.files.replace_file import replaced

    with replaced(path) as half:
        half.write_text(scenarios_text(scenarios, note), "utf-8")


def _head(one: Scenario) -> dict[str, Any]:
    words = {"deck": one.deck, "agreement": one.agreement, "treat_as": one.treat_as}
    balance = {} if one.balance is None else {"balance": _money(one.balance)}
    return {"name": one.name, **balance, **{key: word for key, word in words.items() if word}}


def _rule(rule: Rule) -> dict[str, Any]:
    if not rule.enabled:
        return {"enabled": False}
    table: dict[str, Any] = {"enabled": True, "below": _money(rule.below), "add": _money(rule.add)}
    if rule.uncapped or rule.cap_per_month is not None:
        table["cap_per_month"] = NONE if rule.uncapped else _money(rule.cap_per_month)
    return table


def _swap_table(swap: Swap) -> dict[str, Any]:
    table: dict[str, Any] = {"plan": swap.plan, "becomes": swap.becomes}
    if swap.country:
        table["country"] = swap.country
    if swap.users:
        table["users"] = list(swap.users)
    return table


def _money(micros: int | None) -> str:
    return NONE if micros is None else format_money(micros)


def _entries(table: Mapping[str, Any]) -> Iterator[str]:
    return (f"{key} = {_value(value)}" for key, value in table.items())


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(one) for one in value)}]"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    """Text as a basic string of TOML: quotes, backslashes and control characters escaped."""
    signs = []
    for sign in text:
        if sign in '"\\':
            signs.append(f"\\{sign}")
        else:
            signs.append(f"\\u{ord(sign):04X}" if sign < " " or sign == "\x7f" else sign)
    return f'"{"".join(signs)}"'
