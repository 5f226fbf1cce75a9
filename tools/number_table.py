"""Makes the number table: which country a number is in, and what kind of number it is.

The idea: a region's numbering plan is a set of digit sequences. Walk the digits after a calling code one
by one; once all valid numbers beyond a prefix have the same country and kind, the answer is known there.
The table keeps only the prefixes where the answer changes, so that the longest prefix decides.

Run by developers, `python tools/number_table.py`; writes `numbers.csv`, `dialling.csv`, `countries.csv` and
`emergency.csv` into the catalogue data. `phonenumbers` is needed here only: the product reads the
files (rulings.md 9, 10).
"""

import importlib
import itertools
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc
from phonenumbers.geodata.locale import LOCALE_DATA

DATA = Path(__file__).resolve().parents[1] / "src" / "talktime" / "catalog" / "data"
DIGITS = range(10)
ALL_DIGITS = 0b11_1111_1111
NO_REGION = "001"  # the metadata's name for networks that belong to no country
LONGEST_NUMBER = 17  # longest national number in the metadata; a longer repeat is a pattern misread
# A row may stand above digits that no valid number uses only if at least so many of the ten are used alike:
# numbers opened later under a nearly full block are probably of its kind, under a sparse one nobody knows.
USED_ALIKE = 8

# Regions with a dialling plan to which the metadata gives no name.
OTHER_NAMES = {"AC": "Ascension Island", "TA": "Tristan da Cunha", "XK": "Kosovo"}

GEOGRAPHIC = "geographic"
# Kinds in the order in which phonenumbers tries them, with the metadata they come from.
SPECIAL_KINDS = {"premium": "premium_rate", "toll_free": "toll_free", "shared_cost": "shared_cost"}
ORDINARY = ("voip", "personal_number", "pager", "uan", "voicemail", "fixed_line", "mobile")

Digits = tuple[int, ...]  # one bit mask of allowed digits for each place
Sequences = frozenset[Digits]
ENDS: Digits = ()


# --- numbering plans as sets of digit sequences -------------------------------------------------------


def sequences(pattern: str) -> Sequences:
    """All digit sequences that a metadata pattern stands for.

    `pattern`: a regular expression of digits, classes, groups and bounded repeats, as in the metadata.
    Raises ValueError on any other construct: better no table than a wrong one.
    """
    return frozenset(_joined(importlib.import_module("re._parser").parse(pattern)))


def _joined(items: Iterable[tuple[Any, Any]]) -> set[Digits]:
    found = {ENDS}
    for operation, argument in items:
        tails = _alternatives(str(operation), argument)
        found = {head + tail for head in found for tail in tails}
    return found


def _alternatives(operation: str, argument: Any) -> set[Digits]:
    match operation:
        case "LITERAL":
            return {(_bit(argument),)}
        case "IN":
            return {(_mask(argument),)}
        case "SUBPATTERN":
            return _joined(argument[-1])
        case "BRANCH":
            return set().union(*(_joined(branch) for branch in argument[1]))
        case "MAX_REPEAT" if argument[1] <= LONGEST_NUMBER:
            least, most, body = argument
            return set().union(*(_joined(list(body) * times) for times in range(least, most + 1)))
    raise ValueError(f"number pattern holds {operation} {argument!r}: teach the script to read it")


def _bit(character: int) -> int:
    if not 0 <= character - ord("0") <= 9:
        raise ValueError(f"number pattern holds {chr(character)!r}, not a digit: teach the script to read it")
    return 1 << character - ord("0")


def _mask(members: Iterable[tuple[Any, Any]]) -> int:
    mask = 0
    for operation, argument in members:
        match str(operation):
            case "LITERAL":
                mask |= _bit(argument)
            case "RANGE":
                for character in range(argument[0], argument[1] + 1):
                    mask |= _bit(character)
            case "CATEGORY" if str(argument) == "CATEGORY_DIGIT":
                mask |= ALL_DIGITS
            case other:
                raise ValueError(f"digit class holds {other} {argument!r}: teach the script to read it")
    return mask


@cache
def after(plan: Sequences, digit: int) -> Sequences:
    """What may follow once `digit` has been dialled."""
    return frozenset(digits[1:] for digits in plan if digits and digits[0] >> digit & 1)


# --- what is known of a region after some digits ------------------------------------------------------


class Answer(NamedTuple):
    """What the table says of a number: country (ISO 3166 alpha-2, empty for none) and kind."""

    country: str
    kind: str


@dataclass(frozen=True, slots=True)
class Region:
    """One region of a calling code, after some digits.

    `leading`: what must still be dialled for the number to be this region's whether valid or not (None: only
    valid numbers are). `general`: the rest of any of its numbers. `kinds`: the same for each kind, first
    match wins.
    """

    country: str
    leading: Sequences | None
    general: Sequences
    kinds: tuple[tuple[str, Sequences], ...]

    def after(self, digit: int) -> "Region":
        general = after(self.general, digit)
        kinds = tuple((kind, after(plan, digit)) for kind, plan in self.kinds) if general else ()
        leading = self.leading if self.leading is None or ENDS in self.leading else after(self.leading, digit)
        return Region(self.country, leading, general, kinds)

    def kind(self) -> str | None:
        """The kind of the number dialled so far, None while it is no valid number."""
        if ENDS not in self.general:
            return None
        return next((kind for kind, plan in self.kinds if ENDS in plan), None)

    def is_reached(self) -> bool:
        """Whether the number dialled so far is this region's."""
        return self.kind() is not None if self.leading is None else ENDS in self.leading

    def is_out(self) -> bool:
        """Whether no number beyond the digits dialled is this region's."""
        return not self.general and not self.leading

    def may_be_reached(self) -> bool:
        """Whether more digits can tell that a number is this region's by its leading digits."""
        return bool(self.leading) and not self.is_reached()


State = tuple[Region, ...]  # the regions of one calling code in the order in which phonenumbers asks them


def start(calling_code: int, fold: Mapping[str, str]) -> State:
    """The regions of a calling code before any digit."""
    return tuple(_region(calling_code, code, fold) for code in COUNTRY_CODE_TO_REGION_CODE[calling_code])


def _region(calling_code: int, code: str, fold: Mapping[str, str]) -> Region:
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(calling_code, code)
    if metadata is None:
        raise ValueError(f"phonenumbers {phonenumbers.__version__} lacks metadata of +{calling_code} {code}")
    special = [(kind, _plan(getattr(metadata, name))) for kind, name in SPECIAL_KINDS.items()]
    ordinary = frozenset().union(*(_plan(getattr(metadata, name)) for name in ORDINARY))
    return Region(
        country="" if code == NO_REGION else fold.get(code, code),
        leading=None if metadata.leading_digits is None else sequences(metadata.leading_digits),
        general=_plan(metadata.general_desc),
        kinds=(*special, (GEOGRAPHIC, ordinary)),
    )


def _plan(desc: PhoneNumberDesc | None) -> Sequences:
    if desc is None or not desc.national_number_pattern:
        return frozenset()
    lengths = desc.possible_length
    return frozenset(
        digits for digits in sequences(desc.national_number_pattern) if not lengths or len(digits) in lengths
    )


@cache
def ahead(state: State, digit: int) -> State:
    """The state after one more digit, without the regions that are out."""
    moved = (region.after(digit) for region in state)
    return tuple(region for region in moved if not region.is_out())


def answer_here(state: State) -> Answer | None:
    """The answer for the number dialled so far, None while it is no valid number."""
    region = next((region for region in state if region.is_reached()), None)
    kind = region.kind() if region else None
    return Answer(region.country, kind) if region and kind else None


# --- the tree of digits -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """A prefix. Its answer is known (`answer`), or it has ten `children`, or no valid number is beyond it:
    then `country` is that of its leading digits, None if they say nothing.
    """

    answer: Answer | None = None
    country: str | None = None
    children: tuple["Node", ...] = ()

    def accepts(self, answer: Answer) -> bool:
        """Whether a row above with `answer` is right here without another row."""
        if self.answer or self.children:
            return self.answer == answer
        # leading digits alone never take a number out of a special block: +1 800 1 is not valid in the
        # Dominican Republic, whose leading digits it has, and is better called toll-free
        return self.country in (None, answer.country) or answer.kind != GEOGRAPHIC


class Tree:
    """Builds the nodes of one calling code; equal states share a node."""

    def __init__(self) -> None:
        self._answers: dict[State, frozenset[Answer]] = {}
        self._nodes: dict[State, Node] = {}

    def node(self, state: State) -> Node:
        if state not in self._nodes:
            self._nodes[state] = self._built(state)
        return self._nodes[state]

    def _built(self, state: State) -> Node:
        answers = self.answers(state)
        undecided = any(region.may_be_reached() for region in state)
        if not answers and not undecided:
            region = next((region for region in state if region.is_reached()), None)
            return Node(country=region.country if region else None)
        used = sum(1 for digit in DIGITS if self.answers(ahead(state, digit)))
        if len(answers) == 1 and not undecided and (used == 0 or used >= USED_ALIKE):
            return Node(answer=next(iter(answers)))
        return Node(children=tuple(self.node(ahead(state, digit)) for digit in DIGITS))

    def answers(self, state: State) -> frozenset[Answer]:
        """The answers of all valid numbers that begin with what was dialled."""
        if not any(region.general for region in state):
            return frozenset()
        if state not in self._answers:
            here = answer_here(state)
            beyond = (self.answers(ahead(state, digit)) for digit in DIGITS)
            self._answers[state] = frozenset({here} if here else ()).union(*beyond)
        return self._answers[state]


# --- the fewest rows ----------------------------------------------------------------------------------


@cache
def supported(node: Node) -> frozenset[Answer]:
    """The answers that a row may give for the whole prefix: what nearly all digits after it agree on."""
    if node.answer:
        return frozenset({node.answer})
    if not node.children and node.country is not None:
        return frozenset({Answer(node.country, GEOGRAPHIC)})
    seen = Counter(itertools.chain.from_iterable(supported(child) for child in node.children))
    return frozenset(answer for answer, digits in seen.items() if digits >= USED_ALIKE)


@cache
def rows_below(node: Node, inherited: Answer) -> int:
    """The fewest rows for a prefix and all beyond it, below a row that says `inherited`."""
    if not node.children:
        return 0 if node.accepts(inherited) else 1
    return min(rows for rows, _ in _choices(node, inherited))


def _choices(node: Node, inherited: Answer) -> Iterator[tuple[int, Answer]]:
    for answer in (inherited, *sorted(supported(node) - {inherited})):
        own_row = 0 if answer == inherited else 1
        yield own_row + sum(rows_below(child, answer) for child in node.children), answer


def rows(node: Node, prefix: str, inherited: Answer) -> Iterator[tuple[str, Answer]]:
    """The fewest rows that give every valid number its answer; on a tie the longer prefixes."""
    if rows_below(node, inherited) == 0:
        return
    if node.children:
        # min keeps the first of equals, and that is the choice without a row of its own
        answer = min(_choices(node, inherited), key=lambda choice: choice[0])[1]
    else:
        answer = node.answer or Answer(node.country or "", GEOGRAPHIC)
    if answer != inherited:
        yield prefix, answer
    for digit, child in enumerate(node.children):
        yield from rows(child, f"{prefix}{digit}", answer)


def calling_code_rows(calling_code: int, fold: Mapping[str, str]) -> list[tuple[str, Answer]]:
    """The rows of one calling code: its main region's answer first, then what differs."""
    state = start(calling_code, fold)
    tree = Tree()
    answers = tree.answers(state)
    # an international network has one kind for all its numbers (+800 toll-free); a country has several
    kind = next(iter(answers)).kind if len(answers) == 1 else GEOGRAPHIC
    whole = Answer(state[0].country, kind)
    return [(str(calling_code), whole), *rows(tree.node(state), str(calling_code), whole)]


# --- the files ----------------------------------------------------------------------------------------


def numbers_csv(fold: Mapping[str, str]) -> str:
    """The text of `numbers.csv`: `prefix,country,kind`, sorted by prefix.

    `fold`: territory -> the country whose numbers its numbers count as (rulings.md 10).
    """
    made = [row for code in sorted(COUNTRY_CODE_TO_REGION_CODE) for row in calling_code_rows(code, fold)]
    lines = [f"{prefix},{answer.country},{answer.kind}" for prefix, answer in sorted(made)]
    return _text("prefix,country,kind", lines)


def dialling_csv() -> str:
    """The text of `dialling.csv`: `country,calling_code,trunk_prefix,international_prefix,national_lengths`.

    The trunk prefix stands before a national number and falls away in E.164 (empty: nothing falls away, as
    in Italy, whose numbers keep their 0). The international prefix is empty where the caller chooses a
    carrier and the metadata prefers none. The lengths, joined by blanks, are those of national numbers.
    """
    lines = []
    for country in sorted(phonenumbers.SUPPORTED_REGIONS):
        metadata = PhoneMetadata.metadata_for_region(country)
        if metadata is None:
            raise ValueError(f"phonenumbers {phonenumbers.__version__} lacks metadata of {country}")
        abroad = (metadata.preferred_international_prefix, metadata.international_prefix)
        trunk = _literal(metadata.national_prefix)
        international = next(filter(None, map(_literal, abroad)), "")
        numbers = metadata.general_desc
        lengths = " ".join(str(n) for n in (numbers.possible_length if numbers else ()) if n > 0)
        lines.append(f"{country},{metadata.country_code},{trunk},{international},{lengths}")
    return _text("country,calling_code,trunk_prefix,international_prefix,national_lengths", lines)


def _literal(prefix: str | None) -> str:
    """The digits of a prefix, empty if it is a pattern. `~` is a wait for the tone, not a digit."""
    digits = (prefix or "").replace("~", "")
    return digits if re.fullmatch("[0-9]*", digits) else ""


def _text(header: str, lines: Iterable[str]) -> str:
    made_by = f"# made by tools/number_table.py from phonenumbers {phonenumbers.__version__}"
    return "".join(f"{line}\n" for line in (made_by, header, *lines))


def read_fold(data: Path = DATA) -> dict[str, str]:
    """The table `number_fold` of the catalogue: in `countries.toml`, else in `number_fold.toml`."""
    for name in ("countries.toml", "number_fold.toml"):
        path = data / name
        if path.exists():
            fold = tomllib.loads(path.read_text(encoding="utf-8")).get("number_fold")
            if fold is not None:
                return {str(territory): str(country) for territory, country in fold.items()}
    raise ValueError(f"no table [number_fold] in countries.toml or number_fold.toml under {data}: add it")


def countries_csv() -> str:
    """The text of `countries.csv`: `country,name`, the English name of each region with a dialling plan."""
    names = {country: _name(country) for country in sorted(phonenumbers.SUPPORTED_REGIONS)}
    return _text("country,name", [f"{country},{name}" for country, name in names.items()])


def _name(country: str) -> str:
    names = LOCALE_DATA.get(country, {"en": OTHER_NAMES.get(country, "")})
    name = names["en"]
    while name.startswith("*"):  # the same as in another language
        name = names[name[1:]]
    if not name or '"' in name:
        raise ValueError(f"{country}: {name!r} cannot stand in the table")
    return f'"{name}"' if "," in name else name


def emergency_csv(fold: Mapping[str, str]) -> str:
    """The text of `emergency.csv`: `country,numbers`, the emergency numbers of each region, joined by blanks.

    A territory of which the metadata knows none has those of the country that its numbers count as.
    """
    known = {country: _emergency(country) for country in sorted(phonenumbers.SUPPORTED_REGIONS)}
    filled = {country: numbers or known.get(fold.get(country, ""), "") for country, numbers in known.items()}
    lines = [f"{country},{numbers}" for country, numbers in filled.items() if numbers]
    return _text("country,numbers", lines)


def _emergency(country: str) -> str:
    metadata = PhoneMetadata.short_metadata_for_region(country)
    masks = _plan(metadata.emergency) if metadata is not None else ()
    places = [[[str(digit) for digit in DIGITS if mask >> digit & 1] for mask in number] for number in masks]
    return " ".join(sorted("".join(digits) for number in places for digits in itertools.product(*number)))


def main() -> None:
    """Write the files and say how many rows they have."""
    texts = {
        "numbers.csv": numbers_csv(read_fold()),
        "dialling.csv": dialling_csv(),
        "countries.csv": countries_csv(),
        "emergency.csv": emergency_csv(read_fold()),
    }
    for name, text in texts.items():
        (DATA / name).write_bytes(text.encode())
        sys.stdout.write(f"{name}: {text.count(chr(10)) - 2} rows\n")


if __name__ == "__main__":
    main()
