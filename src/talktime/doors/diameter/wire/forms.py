"""The name and the form of every AVP we know: what its bytes mean, and how few there may be.

A table of facts, in the order of the documents that define them (RFC 6733 4.5, RFC 8506 8, TS 32.299 7.2).
An AVP that is not here is read as bytes; nothing is refused for being unknown.
"""

from enum import Enum
from typing import Final, NamedTuple

from talktime.doors.diameter.wire.codes import NO_VENDOR, VENDOR_3GPP, Avp


class Form(Enum):
    """What stands in the payload (RFC 6733, 4.2 and 4.3); ENUM has a sign, TIME is seconds of the NTP era."""

    U32 = "Unsigned32"
    U64 = "Unsigned64"
    I32 = "Integer32"
    I64 = "Integer64"
    ENUM = "Enumerated"
    TIME = "Time"
    TEXT = "UTF8String"
    ADDRESS = "Address"
    GROUP = "Grouped"
    OCTETS = "OctetString"


LEAST: Final = {
    Form.U32: 4,
    Form.U64: 8,
    Form.I32: 4,
    Form.I64: 8,
    Form.ENUM: 4,
    Form.TIME: 4,
    Form.TEXT: 0,
    Form.ADDRESS: 6,
    Form.GROUP: 0,
    Form.OCTETS: 0,
}
"""The fewest bytes that a payload of a form may have."""


class Known(NamedTuple):
    """An AVP by its name in the document that defines it."""

    name: str
    form: Form


_IETF: Final = {
    Avp.USER_NAME: Known("User-Name", Form.TEXT),
    Avp.CLASS: Known("Class", Form.OCTETS),
    Avp.PROXY_STATE: Known("Proxy-State", Form.OCTETS),
    Avp.EVENT_TIMESTAMP: Known("Event-Timestamp", Form.TIME),
    Avp.HOST_IP_ADDRESS: Known("Host-IP-Address", Form.ADDRESS),
    Avp.AUTH_APPLICATION_ID: Known("Auth-Application-Id", Form.U32),
    Avp.ACCT_APPLICATION_ID: Known("Acct-Application-Id", Form.U32),
    Avp.VENDOR_SPECIFIC_APPLICATION_ID: Known("Vendor-Specific-Application-Id", Form.GROUP),
    Avp.REDIRECT_HOST_USAGE: Known("Redirect-Host-Usage", Form.ENUM),
    Avp.SESSION_ID: Known("Session-Id", Form.TEXT),
    Avp.ORIGIN_HOST: Known("Origin-Host", Form.TEXT),
    Avp.SUPPORTED_VENDOR_ID: Known("Supported-Vendor-Id", Form.U32),
    Avp.VENDOR_ID: Known("Vendor-Id", Form.U32),
    Avp.FIRMWARE_REVISION: Known("Firmware-Revision", Form.U32),
    Avp.RESULT_CODE: Known("Result-Code", Form.U32),
    Avp.PRODUCT_NAME: Known("Product-Name", Form.TEXT),
    Avp.DISCONNECT_CAUSE: Known("Disconnect-Cause", Form.ENUM),
    Avp.ORIGIN_STATE_ID: Known("Origin-State-Id", Form.U32),
    Avp.FAILED_AVP: Known("Failed-AVP", Form.GROUP),
    Avp.PROXY_HOST: Known("Proxy-Host", Form.TEXT),
    Avp.ERROR_MESSAGE: Known("Error-Message", Form.TEXT),
    Avp.ROUTE_RECORD: Known("Route-Record", Form.TEXT),
    Avp.DESTINATION_REALM: Known("Destination-Realm", Form.TEXT),
    Avp.PROXY_INFO: Known("Proxy-Info", Form.GROUP),
    Avp.RE_AUTH_REQUEST_TYPE: Known("Re-Auth-Request-Type", Form.ENUM),
    Avp.DESTINATION_HOST: Known("Destination-Host", Form.TEXT),
    Avp.ERROR_REPORTING_HOST: Known("Error-Reporting-Host", Form.TEXT),
    Avp.TERMINATION_CAUSE: Known("Termination-Cause", Form.ENUM),
    Avp.ORIGIN_REALM: Known("Origin-Realm", Form.TEXT),
    Avp.EXPERIMENTAL_RESULT: Known("Experimental-Result", Form.GROUP),
    Avp.EXPERIMENTAL_RESULT_CODE: Known("Experimental-Result-Code", Form.U32),
    Avp.INBAND_SECURITY_ID: Known("Inband-Security-Id", Form.U32),
    Avp.ACCOUNTING_RECORD_TYPE: Known("Accounting-Record-Type", Form.ENUM),
    Avp.ACCOUNTING_RECORD_NUMBER: Known("Accounting-Record-Number", Form.U32),
    Avp.CC_CORRELATION_ID: Known("CC-Correlation-Id", Form.OCTETS),
    Avp.CC_INPUT_OCTETS: Known("CC-Input-Octets", Form.U64),
    Avp.CC_MONEY: Known("CC-Money", Form.GROUP),
    Avp.CC_OUTPUT_OCTETS: Known("CC-Output-Octets", Form.U64),
    Avp.CC_REQUEST_NUMBER: Known("CC-Request-Number", Form.U32),
    Avp.CC_REQUEST_TYPE: Known("CC-Request-Type", Form.ENUM),
    Avp.CC_SERVICE_SPECIFIC_UNITS: Known("CC-Service-Specific-Units", Form.U64),
    Avp.CC_SESSION_FAILOVER: Known("CC-Session-Failover", Form.ENUM),
    Avp.CC_SUB_SESSION_ID: Known("CC-Sub-Session-Id", Form.U64),
    Avp.CC_TIME: Known("CC-Time", Form.U32),
    Avp.CC_TOTAL_OCTETS: Known("CC-Total-Octets", Form.U64),
    Avp.CHECK_BALANCE_RESULT: Known("Check-Balance-Result", Form.ENUM),
    Avp.COST_INFORMATION: Known("Cost-Information", Form.GROUP),
    Avp.COST_UNIT: Known("Cost-Unit", Form.TEXT),
    Avp.CURRENCY_CODE: Known("Currency-Code", Form.U32),
    Avp.CREDIT_CONTROL: Known("Credit-Control", Form.ENUM),
    Avp.CREDIT_CONTROL_FAILURE_HANDLING: Known("Credit-Control-Failure-Handling", Form.ENUM),
    Avp.DIRECT_DEBITING_FAILURE_HANDLING: Known("Direct-Debiting-Failure-Handling", Form.ENUM),
    Avp.EXPONENT: Known("Exponent", Form.I32),
    Avp.FINAL_UNIT_INDICATION: Known("Final-Unit-Indication", Form.GROUP),
    Avp.GRANTED_SERVICE_UNIT: Known("Granted-Service-Unit", Form.GROUP),
    Avp.RATING_GROUP: Known("Rating-Group", Form.U32),
    Avp.REDIRECT_ADDRESS_TYPE: Known("Redirect-Address-Type", Form.ENUM),
    Avp.REDIRECT_SERVER: Known("Redirect-Server", Form.GROUP),
    Avp.REDIRECT_SERVER_ADDRESS: Known("Redirect-Server-Address", Form.TEXT),
    Avp.REQUESTED_ACTION: Known("Requested-Action", Form.ENUM),
    Avp.REQUESTED_SERVICE_UNIT: Known("Requested-Service-Unit", Form.GROUP),
    Avp.RESTRICTION_FILTER_RULE: Known("Restriction-Filter-Rule", Form.OCTETS),
    Avp.SERVICE_IDENTIFIER: Known("Service-Identifier", Form.U32),
    Avp.SERVICE_PARAMETER_INFO: Known("Service-Parameter-Info", Form.GROUP),
    Avp.SERVICE_PARAMETER_TYPE: Known("Service-Parameter-Type", Form.U32),
    Avp.SERVICE_PARAMETER_VALUE: Known("Service-Parameter-Value", Form.OCTETS),
    Avp.SUBSCRIPTION_ID: Known("Subscription-Id", Form.GROUP),
    Avp.SUBSCRIPTION_ID_DATA: Known("Subscription-Id-Data", Form.TEXT),
    Avp.UNIT_VALUE: Known("Unit-Value", Form.GROUP),
    Avp.USED_SERVICE_UNIT: Known("Used-Service-Unit", Form.GROUP),
    Avp.VALUE_DIGITS: Known("Value-Digits", Form.I64),
    Avp.VALIDITY_TIME: Known("Validity-Time", Form.U32),
    Avp.FINAL_UNIT_ACTION: Known("Final-Unit-Action", Form.ENUM),
    Avp.SUBSCRIPTION_ID_TYPE: Known("Subscription-Id-Type", Form.ENUM),
    Avp.TARIFF_TIME_CHANGE: Known("Tariff-Time-Change", Form.TIME),
    Avp.TARIFF_CHANGE_USAGE: Known("Tariff-Change-Usage", Form.ENUM),
    Avp.G_S_U_POOL_IDENTIFIER: Known("G-S-U-Pool-Identifier", Form.U32),
    Avp.CC_UNIT_TYPE: Known("CC-Unit-Type", Form.ENUM),
    Avp.MULTIPLE_SERVICES_INDICATOR: Known("Multiple-Services-Indicator", Form.ENUM),
    Avp.MULTIPLE_SERVICES_CREDIT_CONTROL: Known("Multiple-Services-Credit-Control", Form.GROUP),
    Avp.G_S_U_POOL_REFERENCE: Known("G-S-U-Pool-Reference", Form.GROUP),
    Avp.USER_EQUIPMENT_INFO: Known("User-Equipment-Info", Form.GROUP),
    Avp.USER_EQUIPMENT_INFO_TYPE: Known("User-Equipment-Info-Type", Form.ENUM),
    Avp.USER_EQUIPMENT_INFO_VALUE: Known("User-Equipment-Info-Value", Form.OCTETS),
    Avp.SERVICE_CONTEXT_ID: Known("Service-Context-Id", Form.TEXT),
}

_3GPP: Final = {
    Avp.EVENT_TYPE: Known("Event-Type", Form.GROUP),
    Avp.SIP_METHOD: Known("SIP-Method", Form.TEXT),
    Avp.EVENT: Known("Event", Form.TEXT),
    Avp.CONTENT_TYPE: Known("Content-Type", Form.TEXT),
    Avp.CONTENT_LENGTH: Known("Content-Length", Form.U32),
    Avp.CONTENT_DISPOSITION: Known("Content-Disposition", Form.TEXT),
    Avp.ROLE_OF_NODE: Known("Role-Of-Node", Form.ENUM),
    Avp.USER_SESSION_ID: Known("User-Session-Id", Form.TEXT),
    Avp.CALLING_PARTY_ADDRESS: Known("Calling-Party-Address", Form.TEXT),
    Avp.CALLED_PARTY_ADDRESS: Known("Called-Party-Address", Form.TEXT),
    Avp.TIME_STAMPS: Known("Time-Stamps", Form.GROUP),
    Avp.SIP_REQUEST_TIMESTAMP: Known("SIP-Request-Timestamp", Form.TIME),
    Avp.SIP_RESPONSE_TIMESTAMP: Known("SIP-Response-Timestamp", Form.TIME),
    Avp.APPLICATION_SERVER: Known("Application-Server", Form.TEXT),
    Avp.INTER_OPERATOR_IDENTIFIER: Known("Inter-Operator-Identifier", Form.GROUP),
    Avp.ORIGINATING_IOI: Known("Originating-IOI", Form.TEXT),
    Avp.TERMINATING_IOI: Known("Terminating-IOI", Form.TEXT),
    Avp.IMS_CHARGING_IDENTIFIER: Known("IMS-Charging-Identifier", Form.TEXT),
    Avp.TRUNK_GROUP_ID: Known("Trunk-Group-Id", Form.GROUP),
    Avp.INCOMING_TRUNK_GROUP_ID: Known("Incoming-Trunk-Group-Id", Form.TEXT),
    Avp.OUTGOING_TRUNK_GROUP_ID: Known("Outgoing-Trunk-Group-Id", Form.TEXT),
    Avp.BEARER_SERVICE: Known("Bearer-Service", Form.OCTETS),
    Avp.SERVICE_ID: Known("Service-Id", Form.TEXT),
    Avp.ASSOCIATED_URI: Known("Associated-URI", Form.TEXT),
    Avp.CAUSE_CODE: Known("Cause-Code", Form.I32),
    Avp.NODE_FUNCTIONALITY: Known("Node-Functionality", Form.ENUM),
    Avp.SERVICE_SPECIFIC_DATA: Known("Service-Specific-Data", Form.TEXT),
    Avp.TIME_QUOTA_THRESHOLD: Known("Time-Quota-Threshold", Form.U32),
    Avp.TRIGGER_TYPE: Known("Trigger-Type", Form.ENUM),
    Avp.QUOTA_HOLDING_TIME: Known("Quota-Holding-Time", Form.U32),
    Avp.REPORTING_REASON: Known("Reporting-Reason", Form.ENUM),
    Avp.SERVICE_INFORMATION: Known("Service-Information", Form.GROUP),
    Avp.PS_INFORMATION: Known("PS-Information", Form.GROUP),
    Avp.IMS_INFORMATION: Known("IMS-Information", Form.GROUP),
    Avp.QUOTA_CONSUMPTION_TIME: Known("Quota-Consumption-Time", Form.U32),
    Avp.EXPIRES: Known("Expires", Form.U32),
    Avp.MESSAGE_BODY: Known("Message-Body", Form.GROUP),
    Avp.CALLED_ASSERTED_IDENTITY: Known("Called-Asserted-Identity", Form.TEXT),
    Avp.REQUESTED_PARTY_ADDRESS: Known("Requested-Party-Address", Form.TEXT),
    Avp.SERVICE_SPECIFIC_TYPE: Known("Service-Specific-Type", Form.U32),
    Avp.ACCESS_NETWORK_INFORMATION: Known("Access-Network-Information", Form.OCTETS),
    Avp.NUMBER_PORTABILITY_ROUTING_INFORMATION: Known("Number-Portability-Routing-Information", Form.TEXT),
    Avp.OUTGOING_SESSION_ID: Known("Outgoing-Session-Id", Form.TEXT),
}

KNOWN: Final[dict[tuple[int, int], Known]] = {
    **{(int(code), NO_VENDOR): known for code, known in _IETF.items()},
    **{(int(code), VENDOR_3GPP): known for code, known in _3GPP.items()},
}
"""By code and vendor."""

WIDE: Final = frozenset(key for key, known in KNOWN.items() if LEAST[known.form] == 8)
"""The numbers of eight bytes; every other number has four."""


def name_of(code: int, vendor: int = NO_VENDOR) -> str:
    """`CC-Time`, or `AVP 9999` and its vendor where nobody told us its name."""
    known = KNOWN.get((code, vendor))
    if known is not None:
        return known.name
    return f"AVP {code} of vendor {vendor}" if vendor else f"AVP {code}"


def least_bytes(code: int, vendor: int = NO_VENDOR) -> int:
    """The fewest bytes that the payload of this AVP may have; 0 where we do not know it."""
    known = KNOWN.get((code, vendor))
    return LEAST[known.form] if known is not None else 0
