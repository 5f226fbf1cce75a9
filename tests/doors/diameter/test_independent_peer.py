"""A whole peer that others have written, python-diameter, in threads of its own against our door."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from diameter.message.avp.grouped import (
    ImsInformation,
    MultipleServicesCreditControl,
    RequestedServiceUnit,
    ServiceInformation,
    SubscriptionId,
    UsedServiceUnit,
)
from diameter.message.commands.abort_session import AbortSessionAnswer, AbortSessionRequest
from diameter.message.commands.credit_control import CreditControlAnswer, CreditControlRequest
from diameter.message.commands.re_auth import ReAuthAnswer, ReAuthRequest
from diameter.message.constants import APP_DIAMETER_CREDIT_CONTROL_APPLICATION
from diameter.node import Node
from diameter.node.application import Application, SimpleThreadingApplication

from talktime.live.commands import Close
from tests.databases import sqlite_database
from tests.doors.diameter.house import A_SECOND, ANA, LONDON, House, peer, settings
from tests.doors.diameter.switch import CONTEXT, DEBIT, INITIAL, TERMINATION, UPDATE

__all__ = ["sqlite_database"]  # a fixture

PATIENCE_S = 20


class Client:
    """An application on a node; what the server asks is answered with success and kept in `heard`."""

    def __init__(self, port: int) -> None:
        self.node = Node("python.test", "test", vendor_ids=[10415])
        self.node.wakeup_interval = 1
        server = self.node.add_peer(f"aaa://ocs.test:{port}", "test", ["127.0.0.1"], is_persistent=True)
        server.idle_timeout = 1
        self.server = server
        self.heard: list[Any] = []
        self.app = SimpleThreadingApplication(
            APP_DIAMETER_CREDIT_CONTROL_APPLICATION, is_auth_application=True, request_handler=self._answer
        )
        self.node.add_application(self.app, [server])

    def _answer(self, app: Application, asked: Any) -> Any:
        del app
        self.heard.append(asked)
        answer = asked.to_answer()
        assert isinstance(answer, ReAuthAnswer | AbortSessionAnswer)
        answer.session_id = asked.session_id
        answer.origin_host, answer.origin_realm = b"python.test", b"test"
        answer.result_code = 2001
        return answer

    def asks(self, kind: int, number: int, used: int | None = None, **more: Any) -> CreditControlAnswer:
        """A request and its answer."""
        asked = CreditControlRequest()
        asked.session_id = "python.test;1"
        asked.origin_host, asked.origin_realm = b"python.test", b"test"
        asked.destination_realm = b"test"
        asked.auth_application_id = APP_DIAMETER_CREDIT_CONTROL_APPLICATION
        asked.service_context_id = CONTEXT
        asked.cc_request_type, asked.cc_request_number = kind, number
        asked.subscription_id = [SubscriptionId(subscription_id_type=0, subscription_id_data=ANA)]
        called = ImsInformation(role_of_node=0, called_party_address=f"tel:{LONDON}")
        asked.service_information = ServiceInformation(ims_information=called)
        service = MultipleServicesCreditControl(
            requested_service_unit=RequestedServiceUnit(cc_time=30),
            used_service_unit=[] if used is None else [UsedServiceUnit(cc_time=used)],
            rating_group=100,
        )
        asked.multiple_services_credit_control = [service]
        for name, value in more.items():
            setattr(asked, name, value)
        answer = self.app.send_request(asked, PATIENCE_S)
        assert isinstance(answer, CreditControlAnswer)
        return answer


@contextmanager
def connected(house: House) -> Iterator[Client]:
    """A client that has said hello; it says goodbye at the end."""
    client = Client(house.port())

    def begin() -> None:
        client.node.start()
        client.app.wait_for_ready(PATIENCE_S)

    house.elsewhere(begin)
    try:
        yield client
    finally:
        house.elsewhere(lambda: client.node.stop(wait_timeout=5))


def granted(answer: CreditControlAnswer) -> tuple[int, int | None]:
    """(result, seconds) of the only service."""
    (service,) = answer.multiple_services_credit_control
    unit = service.granted_service_unit
    return service.result_code, None if unit is None else unit.cc_time


def test_a_peer_that_others_have_written(sqlite_database: str) -> None:
    """Hello, a sign of life, a call to the end of the money and beyond, what we ask, goodbye."""
    told = settings(peer("python.test", takes_reauth=True, takes_abort=True))
    with closing(House(sqlite_database, told)) as house:
        house.open(money=40 * A_SECOND)
        with connected(house) as client:

            def asks(kind: int, number: int, used: int | None = None, **more: Any) -> CreditControlAnswer:
                return house.elsewhere(lambda: client.asks(kind, number, used, **more))

            def heard(what: type[ReAuthRequest | AbortSessionRequest]) -> list[str]:
                return [str(each.session_id) for each in client.heard if isinstance(each, what)]

            first = asks(INITIAL, 0)
            assert (first.result_code, granted(first)) == (2001, (2001, 30))
            assert (first.session_id, first.origin_host) == ("python.test;1", b"ocs.test")
            assert (first.cc_request_type, first.cc_request_number) == (INITIAL, 0)
            last = asks(UPDATE, 1, 28)
            assert granted(last) == (2001, 12)
            (service,) = last.multiple_services_credit_control
            assert service.final_unit_indication.final_unit_action == 0
            back = house.processes[0].back
            house.fund("contoso", 10 * A_SECOND)
            house.run(back.look())
            house.until(lambda: back.answered.total() == 1, "the re-authorisation is answered")
            assert heard(ReAuthRequest) == ["python.test;1"]
            assert granted(asks(UPDATE, 2, 5)) == (2001, 17)
            ended = asks(TERMINATION, 3, 7)
            assert ended.result_code == 2001
            assert house.charged_s() == 40

            debit = asks(4, 0, session_id="python.test;2", requested_action=DEBIT)
            assert (debit.result_code, debit.multiple_services_credit_control[0].result_code) == (4012, 4012)
            again = asks(INITIAL, 0, session_id="python.test;3")
            assert granted(again) == (2001, 10)
            house.do(Close("contoso", "python.test;3", house.desks[0].rules, "a person", None))
            house.run(back.look())
            house.until(lambda: back.answered.total() == 2, "the end is answered")
            assert heard(AbortSessionRequest) == ["python.test;3"]
            assert asks(UPDATE, 0, 1, session_id="python.test;4").result_code == 5002
            counters = client.server.counters
            house.until(lambda: counters.dwa > 0, "we have shown that we live")
            assert asks(TERMINATION, 1, 0, session_id="python.test;3").result_code == 2001
        house.until(lambda: house.processes[0].door.open_peers == 0, "it has said goodbye")
        house.check()
