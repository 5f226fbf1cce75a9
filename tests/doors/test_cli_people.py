"""`talktime user`, `licence` and `number` on the terminal."""

import json

import pytest

from tests.doors.ledger_house import ANA, BEN, house, json_of, right, said, squeezed
from tests.doors.terminal import Terminal

KIM, LOU = "kim@contoso.example", "lou@contoso.example"
TOLL_FREE = "+18005550123"


@pytest.fixture
def contoso(terminal: Terminal) -> Terminal:
    return house(terminal)


def upns(terminal: Terminal) -> list[str]:
    return [user["upn"] for user in json_of(terminal, "user", "list")["users"]]


# --- users -----------------------------------------------------------------------------------------------


def test_users_are_listed_and_shown(contoso: Terminal) -> None:
    assert upns(contoso) == [ANA, BEN]
    assert f"{ANA} US MCOPSTN1 MCOPSTNC" in squeezed(said(contoso, "user", "list"))
    assert json_of(contoso, "user", "show", ANA.upper()) == {
        "upn": ANA,
        "location": "US",
        "licences": ["MCOPSTN1", "MCOPSTNC"],
    }
    assert "licences MCOPSTN1, MCOPSTNC" in squeezed(said(contoso, "user", "show", ANA))
    assert contoso.run("user", "show", KIM).sentence(1).startswith(f"the tenant has no user '{KIM}'")


@pytest.mark.parametrize("form", ["toml", "json"])
def test_users_of_a_file_are_put_all_at_once(contoso: Terminal, form: str) -> None:
    if form == "toml":
        text = f'[[users]]\nupn = "{KIM}"\nlicences = ["MCOPSTN1"]\n[[users]]\nupn = "{LOU}"\nid = "u-9"\n'
    else:
        text = json.dumps({"users": [{"upn": KIM, "licences": ["MCOPSTN1"]}, {"upn": LOU, "id": "u-9"}]})
    contoso.write(f"more.{form}", text)
    assert said(contoso, "user", "put", f"more.{form}") == f"put: {KIM}, {LOU}\n"
    assert upns(contoso) == [ANA, BEN, KIM, LOU]
    assert json_of(contoso, "user", "show", "U-9")["upn"] == LOU
    contoso.write("one.json", json.dumps({"upn": LOU, "id": "u-9", "name": "Lou"}))
    assert json_of(contoso, "user", "put", "one.json") == {"tenant": "contoso", "put": [LOU]}
    assert json_of(contoso, "user", "show", LOU)["name"] == "Lou"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f'[[users]]\nupn = "{KIM}"\n[[users]]\nupn = "{LOU}"\nlicences = ["NO"]\n', 'users[2] "lou@'),
        (f'[[users]]\nupn = "{KIM}"\n[[users]]\nname = "Lou"\n', "users[2]: upn is missing"),
        (f'[[users]]\nupn = "{KIM}"\n[[caps]]\nscope = "tenant"\n', "holds caps; only users are put here"),
        ("", "holds no users"),
        ("users = 1", "users[1]: upn is missing"),
        ("[[users", "cannot be read"),
    ],
)
def test_a_file_with_a_fault_puts_nobody(contoso: Terminal, text: str, fault: str) -> None:
    contoso.write("more.toml", text)
    assert fault in contoso.run("user", "put", "more.toml").sentence(1)
    assert upns(contoso) == [ANA, BEN]


def test_a_user_is_removed(contoso: Terminal) -> None:
    assert json_of(contoso, "user", "remove", BEN) == {"tenant": "contoso", "removed": [BEN]}
    assert upns(contoso) == [ANA]
    assert contoso.run("user", "remove", BEN).sentence(1) == f"the tenant has no user '{BEN}'"


def test_a_csv_file_is_tried_then_brought_in(contoso: Terminal) -> None:
    contoso.write("people.csv", f"upn,location,licences\n{ANA},US,MCOPSTN1\n{KIM},US,MCOPSTNC\n")
    dry = said(contoso, "user", "import", "people.csv", "--dry-run")
    assert squeezed(dry) == [
        "dry run, nothing was changed: 1 users added, 1 changed, 0 removed, 0 unchanged",
        "user what changes",
        f"+ {KIM}",
        f"~ {ANA} licences MCOPSTN1, MCOPSTNC -> MCOPSTN1",
    ]
    assert upns(contoso) == [ANA, BEN]
    told = json_of(contoso, "user", "import", "people.csv", "--remove-missing")
    users = told.pop("users")
    assert [(one["upn"], one["change"], one["line"]) for one in users] == [
        (KIM, "added", 3),
        (ANA, "changed", 2),
        (BEN, "removed", None),
    ]
    assert users[1]["fields"] == [{"field": "licences", "before": "MCOPSTN1, MCOPSTNC", "after": "MCOPSTN1"}]
    assert told == {
        "dry_run": False,
        "added": 1,
        "changed": 1,
        "unchanged": 0,
        "removed": 1,
    }
    assert upns(contoso) == [ANA, KIM]
    assert json_of(contoso, "user", "import", "people.csv")["unchanged"] == 2


def test_bad_rows_are_named_and_nothing_is_brought_in(contoso: Terminal) -> None:
    contoso.write("people.csv", f"upn,location,licences\n{KIM},US,MCOPSTNC\n{LOU},US,NO\n{BEN},ZZZ,\n")
    answer = contoso.run("user", "import", "people.csv")
    assert (answer.code, answer.out) == (1, "")
    lines = answer.err.splitlines()
    assert lines[0] == "talktime: people.csv: 2 faults, nothing was imported:"
    assert [line.split(":")[0].split('"')[0].strip() for line in lines[1:]] == ["line 3", "line 4"]
    assert upns(contoso) == [ANA, BEN]
    assert contoso.run("user", "import", "none.csv").sentence(1) == "none.csv: No such file or directory"


def test_a_person_is_erased_only_if_it_is_said_twice(contoso: Terminal) -> None:
    assert "--yes says that" in contoso.run("user", "erase", BEN).sentence(2)
    assert upns(contoso) == [ANA, BEN]
    erased = json_of(contoso, "user", "erase", BEN, "--yes")
    assert (erased["charges"], erased["exports"]) == (0, 0)
    assert BEN not in upns(contoso)
    assert "ben" not in contoso.run("tenant", "audit").out
    assert "is an administrator" in contoso.run("user", "erase", ANA, "--yes").sentence(1)
    assert "nobody of this name" in contoso.run("user", "erase", "nobody@x.example", "--yes").sentence(1)
    right(contoso)


# --- licences --------------------------------------------------------------------------------------------


def test_licences_are_counted_assigned_and_taken(contoso: Terminal) -> None:
    found = json_of(contoso, "licence", "list")["licences"]
    counts = {one["plan"]: (one["purchased"], one["assigned"]) for one in found}
    assert counts == {"MCOPSTN1": (4, 2), "MCOPSTNC": (4, 1)}
    assert "MCOPSTNC Communication Credits 4 1 3" in squeezed(said(contoso, "licence", "list"))
    assert said(contoso, "licence", "assign", BEN, "MCOPSTNC") == f"{BEN} has MCOPSTN1, MCOPSTNC now\n"
    assert json_of(contoso, "licence", "assign", BEN, "MCOPSTNC")["licences"] == ["MCOPSTN1", "MCOPSTNC"]
    assert said(contoso, "licence", "take", BEN, "MCOPSTN1") == f"{BEN} has MCOPSTNC now\n"
    assert said(contoso, "licence", "take", BEN, "MCOPSTNC") == f"{BEN} has no licence now\n"
    what = [line["what"] for line in json_of(contoso, "tenant", "audit")["audit"]]
    assert what[0] == f"licence MCOPSTNC taken from {BEN}"
    assert what.count(f"licence MCOPSTNC assigned to {BEN}") == 1


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("assign", KIM, "MCOPSTN1"), f"the tenant has no user '{KIM}'; `talktime user list` shows them"),
        (("assign", BEN, "NO"), 'unknown plan "NO"'),
        (("take", BEN, "MCOPSTNC"), f"{BEN} has no licence MCOPSTNC"),
        (("needs", "flying"), "unknown feature 'flying'"),
    ],
)
def test_wrong_words_about_licences(contoso: Terminal, words: tuple[str, ...], fault: str) -> None:
    sentence = contoso.run("licence", *words).sentence(1)
    assert fault in sentence
    assert "users[1]" not in sentence


def test_what_a_feature_needs_is_told_without_a_ledger(terminal: Terminal) -> None:
    features = json_of(terminal, "licence", "features")["features"]
    first = features[0]
    assert json_of(terminal, "licence", "needs", first["id"]) == first
    spoken = " ".join(said(terminal, "licence", "needs", first["name"]).split())
    assert spoken == " ".join(way["sentence"] for way in first["ways"])
    assert first["id"] in terminal.run("licence", "features").out
    assert not terminal.state.exists()


# --- service numbers -------------------------------------------------------------------------------------


def test_service_numbers_are_put_listed_and_removed(contoso: Terminal) -> None:
    assert said(contoso, "number", "list").startswith("no service numbers")
    words = ("--kind", "toll_free", "--service", "conferencing_bridge", "--cost-centre", "Sales")
    put = json_of(contoso, "number", "put", "+1 800 555 0123", *words)
    wanted = {
        "number": TOLL_FREE,
        "kind": "toll_free",
        "service": "conferencing_bridge",
        "cost_centre": "Sales",
    }
    assert put == wanted
    assert json_of(contoso, "number", "list") == {"service_numbers": [wanted]}
    said(contoso, "number", "put", TOLL_FREE, "--kind", "toll", "--licence", "MCOPSTN1")
    listed = squeezed(said(contoso, "number", "list"))
    assert f"{TOLL_FREE} toll MCOPSTN1" in listed
    assert json_of(contoso, "number", "remove", TOLL_FREE)["removed"] == [TOLL_FREE]
    assert "has no service number" in contoso.run("number", "remove", TOLL_FREE).sentence(1)


def test_a_wrong_service_number_is_told_whole(contoso: Terminal) -> None:
    sentence = contoso.run("number", "put", "123", "--kind", "tol").sentence(1)
    assert "is not a telephone number" in sentence
    assert 'kind "tol" is none of toll, toll_free' in sentence
