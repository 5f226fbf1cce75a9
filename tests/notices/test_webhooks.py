"""Webhooks as values: their URLs, secrets that change, signatures, what wants what."""

import time

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from talktime.core.limits import NEVER_US
from talktime.notices.webhooks import (
    MAX_SECRETS,
    Webhook,
    headers,
    message_id,
    new_secret,
    read_webhook,
    rotated,
    shown_url,
    url_fault,
    webhook_text,
)

DAY_US = 86_400_000_000
NOW_US = time.time_ns() // 1_000  # receivers refuse what is minutes old


def made(**more: object) -> Webhook:
    return Webhook(id="wh_1", url="https://hooks.example/h", secrets=(new_secret(),), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/h",
        "https://hooks.example:8443/h?key=1",
        "https://[2606:4700::1111]/",
        "https://8.8.8.8/x",
    ],
)
def test_urls_that_may_be_called(url: str) -> None:
    assert url_fault(url, allow_private=False) == ""


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "no web address"),
        ("hooks.example/h", "no web address"),
        ("ftp://hooks.example/h", "no web address"),
        ("file:///etc/passwd", "no web address"),
        ("https:///h", "no web address"),
        ("https://hooks.example:0/", "no web address"),
        ("http://hooks.example/h", "not encrypted"),
        ("https://ana:secret@hooks.example/h", "a name or a password"),
        ("https://hooks.example/h#part", "behind #"),
        ("https://hooks.example/a b", "blanks"),
        ("https://hooks.example/\r\nX: y", "blanks"),
        ("https://hööks.example/", "signs that no URL has"),
        ("https://hooks.example:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://hooks.example/" + "x" * 2_048, "2048 are allowed"),
    ],
)
def test_urls_that_are_refused(url: str, says: str) -> None:
    assert says in url_fault(url, allow_private=False)


def test_a_private_webhook_may_go_without_encryption() -> None:
    assert url_fault("http://10.0.0.5/h", allow_private=True) == ""


def test_a_webhook_comes_back_as_it_was() -> None:
    webhook = made(events=("balance_zero",), allow_private=True, disabled_us=1, failing_since_us=2, at_us=3)
    assert read_webhook(webhook_text(webhook)) == webhook


@pytest.mark.parametrize(
    ("more", "wants"),
    [
        ({}, True),
        ({"events": ("balance_zero",)}, True),
        ({"events": ("pool_80",)}, False),
        ({"disabled_us": 5}, False),
    ],
)
def test_what_a_webhook_wants(more: dict[str, object], wants: bool) -> None:
    assert made(**more).wants("balance_zero") is wants


def test_no_two_secrets_are_the_same() -> None:
    secrets = {new_secret().text for _ in range(50)}
    assert len(secrets) == 50
    assert all(secret.startswith("whsec_") and len(secret) == 50 for secret in secrets)


def test_two_secrets_are_valid_for_a_time() -> None:
    webhook = made()
    old, new = webhook.secrets[0].text, new_secret()
    changed = rotated(webhook, new, NOW_US, 3_600)
    later_us = NOW_US + 3_600_000_000
    assert changed.valid_secrets(NOW_US) == [new.text, old]
    assert changed.valid_secrets(later_us) == [new.text]
    assert changed.secrets[0].until_us == NEVER_US
    again = rotated(changed, new_secret(), later_us, 3_600)
    assert old not in again.valid_secrets(later_us)
    assert len(again.secrets) == 2


def test_a_secret_that_is_out_can_end_at_once() -> None:
    changed = rotated(made(), new_secret(), NOW_US, 0)
    assert len(changed.secrets) == 1


def test_secrets_do_not_pile_up() -> None:
    webhook = made()
    for _ in range(9):
        webhook = rotated(webhook, new_secret(), NOW_US)
    assert len(webhook.secrets) == MAX_SECRETS


def test_a_later_rotation_never_prolongs_an_old_secret() -> None:
    webhook = made()
    old = webhook.secrets[0].text
    webhook = rotated(webhook, new_secret(), NOW_US, 10)
    webhook = rotated(webhook, new_secret(), NOW_US + 5_000_000, 1_000)
    assert old in webhook.valid_secrets(NOW_US + 6_000_000)
    assert old not in webhook.valid_secrets(NOW_US + 10_000_000)


def test_each_valid_secret_verifies_the_message() -> None:
    now_us = time.time_ns() // 1_000  # the library takes no message that is minutes old
    webhook = rotated(made(), new_secret(), now_us)
    body = '{"type":"balance_zero"}'
    given = dict(headers(message_id(7), now_us, body, webhook.valid_secrets(now_us)))
    assert given["webhook-id"] == "msg_7"
    for secret in webhook.secrets:
        assert Verifier(secret.text).verify(body, given) == {"type": "balance_zero"}
    with pytest.raises(WebhookVerificationError):
        Verifier(new_secret().text).verify(body, given)
    with pytest.raises(WebhookVerificationError):
        Verifier(webhook.secrets[0].text).verify(body + " ", given)


def test_a_url_is_shown_without_what_may_be_secret() -> None:
    assert shown_url("https://me:word@hooks.example:8443/secret?token=1") == "https://hooks.example:8443"
