"""As much of Stripe as we use, in memory: its API with keys and test cards, and its signed messages.

It is written from Stripe's own documentation and shares nothing with the code that it tests: parameters that
the API does not know are refused, keys are compared with all their parameters, search runs behind.
fake_stripe_server.py puts it behind a port.
"""

import hashlib
import hmac
import itertools
import json
import re
import threading
import time
from typing import Any, NamedTuple

API_KEY = "sk_test_of_the_fake"
WEBHOOK_SECRET = "whsec_of_the_fake"

Json = dict[str, Any]


class Card(NamedTuple):
    """What happens to a test card: "" is good, "3ds" asks for the holder, else a decline code."""

    last4: str
    on: str = ""
    off: str = ""
    attach: str = ""
    after: str = ""
    dispute: bool = False


def _bad(last4: str, code: str) -> Card:
    """Declined always, and when it is to be saved."""
    return Card(last4, on=code, off=code, attach=code)


CARDS = {
    "pm_card_visa": Card("4242"),
    "pm_card_mastercard": Card("4444"),
    "pm_card_visa_chargeDeclined": _bad("0002", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": _bad("9995", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": _bad("9987", "lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": _bad("9979", "stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": _bad("0069", "expired_card"),
    "pm_card_chargeDeclinedProcessingError": _bad("0119", "processing_error"),
    "pm_card_chargeCustomerFail": Card("0341", "generic_decline", "generic_decline"),
    "pm_card_authenticationRequired": Card("3184", "3ds", "3ds"),
    "pm_card_threeDSecureRequiredChargeDeclined": Card("1629", "3ds", "3ds", "", "generic_decline"),
    "pm_card_createDispute": Card("0259", dispute=True),
}

PARAMETERS = {
    "customers": {"name", "metadata"},
    "payment_intents": {
        *{"amount", "currency", "customer", "payment_method", "allowed_payment_method_types", "confirm"},
        *{"metadata", "expand", "description", "off_session", "return_url", "setup_future_usage"},
    },
    "confirm": {"payment_method", "return_url", "expand", "off_session"},
    "cancel": {"cancellation_reason", "expand"},
    "refunds": {"payment_intent", "amount", "metadata"},
    "attach": {"customer"},
}


class ApiError(Exception):
    """An answer that is no object: status, type, code and what else stands in the error."""

    def __init__(self, status: int, type_: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"error": {"type": type_, "message": message, **more}}


class FakeStripe:
    """The books of the fake, and what goes wrong next."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.ids = itertools.count(1)
        self.customers: dict[str, Json] = {}
        self.indexed: set[str] = set()
        self.methods: dict[str, Json] = {}
        self.intents: dict[str, Json] = {}
        self.refunds: dict[str, Json] = {}
        self.keys: dict[str, tuple[str, int, Json]] = {}
        self.events: list[Json] = []
        self.requests: list[str] = []
        self.faults: list[str] = []
        """Taken by the next POST that moves money: dead_before, dead_after, 500, 429, 409, slow."""
        self.base = ""

    # --- what tests do --------------------------------------------------------------------------------

    def index_customers(self) -> None:
        """Search catches up."""
        self.indexed = set(self.customers)

    def complete(self, intent: str, succeed: bool) -> None:
        """The holder confirms on the page, or refuses."""
        with self.lock:
            found = self.intents[intent]
            assert found["status"] == "requires_action", found["status"]
            found["next_action"] = None
            code = _card(found).after if succeed else "payment_intent_authentication_failure"
            if code:
                self._decline(found, code)
            else:
                self._succeed(found)

    def open_dispute(self, intent: str, inquiry: bool = False) -> Json:
        """The bank takes the money back; an inquiry only asks."""
        with self.lock:
            found = self.intents[intent]
            dispute = {
                "id": f"du_{next(self.ids)}",
                "object": "dispute",
                "amount": found["amount"],
                "currency": found["currency"],
                "payment_intent": intent,
                "metadata": {},
                "reason": "fraudulent",
                "status": "warning_needs_response" if inquiry else "needs_response",
            }
            found["_dispute"] = dispute
            self._tell("charge.dispute.created", dispute)
            if not inquiry:
                self._tell("charge.dispute.funds_withdrawn", dispute)
            return dispute

    def close_dispute(self, intent: str, won: bool) -> None:
        """The bank decides."""
        with self.lock:
            dispute = self.intents[intent]["_dispute"]
            dispute["status"] = "won" if won else "lost"
            self._tell("charge.dispute.closed", dispute)

    def messages(self) -> list[tuple[bytes, dict[str, str]]]:
        """All that was told since the last time, signed now."""
        with self.lock:
            told, self.events = self.events, []
        return [signed(json.dumps(event).encode()) for event in told]

    def taken(self, tenant: str) -> int:
        """What was taken from a tenant less what went back, in the API's units."""
        total = 0
        for intent in self.intents.values():
            if intent["metadata"].get("tenant") == tenant and intent["status"] == "succeeded":
                total += intent["amount"] - intent["_refunded"]
                if "_dispute" in intent and intent["_dispute"]["status"] in {"needs_response", "lost"}:
                    total -= intent["amount"] - intent["_refunded"]
        return total

    # --- the API --------------------------------------------------------------------------------------

    def post(self, path: str, form: Json) -> Json:
        """One request that changes something, as it is executed."""
        match path.split("/"):
            case ["customers"]:
                _known("customers", form)
                return self._customer(form)
            case ["payment_methods", method, "attach"]:
                _known("attach", form)
                return self._attach(method, form["customer"])
            case ["payment_intents"]:
                _known("payment_intents", form)
                return self._intent(form)
            case ["payment_intents", intent, "confirm"]:
                _known("confirm", form)
                return self._confirm(self._found(self.intents, intent), form)
            case ["payment_intents", intent, "cancel"]:
                _known("cancel", form)
                return self._cancel(self._found(self.intents, intent), form)
            case ["refunds"]:
                _known("refunds", form)
                return self._refund(form)
            case _:
                raise ApiError(404, "invalid_request_error", f"Unrecognized request URL (POST: /v1/{path}).")

    def get(self, path: str, query: Json) -> Json:
        """One request that reads."""
        match path.split("/"):
            case ["customers", "search"]:
                tenant = re.fullmatch(r"metadata\['tenant'\]:'((?:[^'\\]|\\.)*)'", query["query"])
                assert tenant is not None, query
                wanted = re.sub(r"\\(.)", r"\1", tenant[1])
                seen = [self.customers[key] for key in self.indexed]
                found = [customer for customer in seen if customer["metadata"].get("tenant") == wanted]
                return {
                    "object": "search_result",
                    "data": found,
                    "has_more": False,
                    "url": "/v1/customers/search",
                }
            case ["payment_intents"]:
                mine = [i for i in self.intents.values() if i["customer"] == query["customer"]]
                return self._page("payment_intents", [self._shown(i, query) for i in mine], query)
            case ["payment_intents", intent]:
                return self._shown(self._found(self.intents, intent), query)
            case ["refunds"]:
                mine = [r for r in self.refunds.values() if r["payment_intent"] == query["payment_intent"]]
                return self._page("refunds", mine, query)
            case _:
                raise ApiError(404, "invalid_request_error", f"Unrecognized request URL (GET: /v1/{path}).")

    def _page(self, name: str, things: list[Json], query: Json) -> Json:
        """The newest first; pages of at most 3, so that everybody has to turn them."""
        newest = things[::-1]
        start, size = 0, min(3, int(query["limit"]))
        if "starting_after" in query:
            start = [thing["id"] for thing in newest].index(query["starting_after"]) + 1
        return {
            "object": "list",
            "data": newest[start : start + size],
            "has_more": len(newest) > start + size,
            "url": f"/v1/{name}",
        }

    def _found(self, among: dict[str, Json], key: str) -> Json:
        if key not in among:
            raise ApiError(404, "invalid_request_error", f"No such object: '{key}'", code="resource_missing")
        return among[key]

    def _customer(self, form: Json) -> Json:
        key = f"cus_{next(self.ids)}"
        self.customers[key] = {"id": key, "object": "customer", "created": int(time.time()), **form}
        return self.customers[key]

    def _method(self, name: str) -> Json:
        """A test card's name becomes a payment method of its own each time."""
        if name in CARDS:
            key = f"pm_{next(self.ids)}"
            fingerprint = hashlib.md5(CARDS[name].last4.encode()).hexdigest()[:16]
            card = {"brand": "visa", "last4": CARDS[name].last4, "exp_month": 3, "exp_year": 2031}
            self.methods[key] = {
                "id": key,
                "object": "payment_method",
                "type": "card",
                "customer": None,
                "_name": name,
                "card": {**card, "fingerprint": fingerprint},
            }
            return self.methods[key]
        return self._found(self.methods, name)

    def _attach(self, name: str, customer: str) -> Json:
        method = self._method(name)
        if code := CARDS[method["_name"]].attach:
            raise ApiError(402, "card_error", "Your card was declined.", **_codes(code))
        method["customer"] = customer
        return _bare(method)

    def _intent(self, form: Json) -> Json:
        if int(form["amount"]) < 1:
            raise ApiError(
                400, "invalid_request_error", "Amount is too small.", code="amount_too_small", param="amount"
            )
        method = self._method(form["payment_method"])
        if method["customer"] not in {None, form["customer"]}:
            raise ApiError(400, "invalid_request_error", "The PaymentMethod belongs to another customer.")
        key = f"pi_{next(self.ids)}"
        self.intents[key] = intent = {
            "id": key,
            "object": "payment_intent",
            "created": int(time.time()),
            "livemode": False,
            "amount": int(form["amount"]),
            "currency": form["currency"],
            "customer": form["customer"],
            "metadata": form.get("metadata", {}),
            "payment_method": None,
            "_method": method,
            "_refunded": 0,
            "status": "requires_confirmation",
            "last_payment_error": None,
            "cancellation_reason": None,
            "next_action": None,
        }
        return self._confirm(intent, form)

    def _confirm(self, intent: Json, form: Json) -> Json:
        off = form.get("off_session") == "true"
        asked = _card(intent).off if off else _card(intent).on
        if asked == "3ds" and not off:
            assert form["return_url"], "without a page to return to there is no link"
            link = f"{self.base}/3ds/{intent['id']}"
            intent["status"], intent["last_payment_error"] = "requires_action", None
            intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": {"url": link}}
            self._tell("payment_intent.requires_action", intent)
        elif asked:
            error = self._decline(intent, "authentication_required" if asked == "3ds" else asked)
            raise ApiError(402, **error, payment_intent=_bare(intent))
        else:
            self._succeed(intent)
        return self._shown(intent, form)

    def _cancel(self, intent: Json, form: Json) -> Json:
        if intent["status"] not in {"requires_payment_method", "requires_confirmation", "requires_action"}:
            code = "payment_intent_unexpected_state"
            message = f"A PaymentIntent with a status of {intent['status']} cannot be canceled."
            raise ApiError(400, "invalid_request_error", message, code=code)
        intent |= {"status": "canceled", "next_action": None}
        intent["cancellation_reason"] = form.get("cancellation_reason")
        self._tell("payment_intent.canceled", intent)
        return self._shown(intent, form)

    def _shown(self, intent: Json, form: Json) -> Json:
        expanded = any("payment_method" in field for field in form.get("expand", {}).values())
        method = _bare(intent["_method"]) if expanded else intent["_method"]["id"]
        return {
            **_bare(intent),
            "payment_method": method if intent["status"] != "requires_payment_method" else None,
        }

    def _succeed(self, intent: Json) -> None:
        intent["status"], intent["last_payment_error"] = "succeeded", None
        self._tell("payment_intent.succeeded", intent)
        if _card(intent).dispute:
            self.open_dispute(intent["id"])

    def _decline(self, intent: Json, code: str) -> Json:
        error = {"type_": "card_error", "message": "Your card was declined.", **_codes(code)}
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = {
            "type": "card_error",
            **_codes(code),
            "payment_method": _bare(intent["_method"]),
        }
        self._tell("payment_intent.payment_failed", intent)
        return error

    def _refund(self, form: Json) -> Json:
        intent = self._found(self.intents, form["payment_intent"])
        if "_dispute" in intent and intent["_dispute"]["status"] != "won":
            raise ApiError(400, "invalid_request_error", "The charge is disputed.", code="charge_disputed")
        if intent["_refunded"] == intent["amount"]:
            raise ApiError(400, "invalid_request_error", "Already refunded.", code="charge_already_refunded")
        if int(form["amount"]) > intent["amount"] - intent["_refunded"]:
            raise ApiError(400, "invalid_request_error", "Greater than unrefunded amount.", param="amount")
        intent["_refunded"] += int(form["amount"])
        key = f"re_{next(self.ids)}"
        self.refunds[key] = refund = {
            "id": key,
            "object": "refund",
            "amount": int(form["amount"]),
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "metadata": form["metadata"],
            "status": "succeeded",
        }
        self._tell("refund.created", refund)
        self._tell("refund.updated", refund)
        return refund

    def _tell(self, kind: str, thing: Json) -> None:
        event = {"id": f"evt_{next(self.ids)}", "object": "event", "type": kind, "created": int(time.time())}
        shown = self._shown(thing, {}) if "_method" in thing else thing
        self.events.append(json.loads(json.dumps({**event, "data": {"object": shown}})))

    # --- keys -----------------------------------------------------------------------------------------

    def once(self, path: str, key: str, form: Json) -> tuple[int, Json]:
        """Execute a POST, or answer it as the first time. What was never executed is not kept."""
        parameters = json.dumps([path, form], sort_keys=True)
        if key and key in self.keys:
            if self.keys[key][0] != parameters:
                raise ApiError(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only be used with the same parameters.",
                )
            return self.keys[key][1:]
        try:
            answer = 200, self.post(path, form)
        except ApiError as error:
            answer = error.status, error.body
        answer = json.loads(json.dumps(answer))
        if key and answer[0] in {200, 402}:
            self.keys[key] = (parameters, *answer)
        return answer[0], answer[1]


def _known(name: str, form: Json) -> None:
    for parameter in form:
        if parameter not in PARAMETERS[name]:
            message = f"Received unknown parameter: {parameter}"
            raise ApiError(400, "invalid_request_error", message, code="parameter_unknown", param=parameter)


def _card(intent: Json) -> Card:
    return CARDS[intent["_method"]["_name"]]


def _codes(code: str) -> Json:
    """Some codes stand alone, most behind card_declined."""
    if code == "payment_intent_authentication_failure":
        return {"code": code}
    alone = {"expired_card", "processing_error", "authentication_required"}
    return {"code": code if code in alone else "card_declined", "decline_code": code}


def _bare(thing: Json) -> Json:
    """Without what the fake knows and the API does not say."""
    return {name: value for name, value in thing.items() if not name.startswith("_")}


def signed(body: bytes, secret: str = WEBHOOK_SECRET, age_s: int = 0) -> tuple[bytes, dict[str, str]]:
    """A message with its header, as Stripe signs."""
    at = int(time.time()) - age_s
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={at},v1={digest}"}
