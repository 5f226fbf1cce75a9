"""The page docs/diameter.md: its settings can be used, its table of codes is the one that is answered."""

from __future__ import annotations

import re
from pathlib import Path

from talktime.catalog.load import load_catalogue
from talktime.core.refusals import Refusal
from talktime.doors.diameter.identity import Asked
from talktime.doors.diameter.results import result_of_fault, result_of_refusal
from talktime.doors.diameter.settings import read_diameter
from talktime.live.answers import FaultCode

PAGE = Path(__file__).parents[3] / "docs" / "diameter.md"
FENCE = re.compile(r"```toml\n(.*?)```", re.DOTALL)


def test_the_settings_of_the_page_are_understood(tmp_path: Path) -> None:
    found = FENCE.search(PAGE.read_text("utf-8"))
    assert found is not None
    path = tmp_path / "diameter.toml"
    path.write_text(found[1])
    settings = read_diameter(path, load_catalogue())
    assert [(peer.host, peer.relay) for peer in settings.peers] == [
        ("kamailio.voice.example", False),
        ("relay.voice.example", True),
    ]
    asked = Asked("voice.example", "voice.example", "32260@3gpp.org", ((0, "14165550000"),), "", "", 0)
    known = settings.identities.understand(asked)
    assert known is not None
    assert (known.tenant, known.user, known.call_type) == ("northwind", "+14165550000", "user_out")
    bridge = settings.identities.understand(asked._replace(called="sip:+18005550100@voice.example"))
    assert bridge is not None
    assert (bridge.call_type, bridge.service_number) == ("conf_in", "+18005550100")


def test_every_code_that_is_answered_is_on_the_page() -> None:
    told = set(re.findall(r"\b[2-5]0\d\d\b", PAGE.read_text("utf-8")))
    answered = {str(int(result_of_refusal(refusal))) for refusal in Refusal}
    answered |= {
        str(int(result_of_fault(code, ending=ending))) for code in FaultCode for ending in (True, False)
    }
    assert answered <= told
