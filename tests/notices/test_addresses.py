"""Which addresses a webhook may reach: a table, and hosts that try to get around it."""

import asyncio

import pytest

from talktime.notices.addresses import AddressRefused, checked_addresses, is_public


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"],
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1",
        "169.254.169.254", "169.254.1.1", "100.100.100.200", "192.0.2.1", "198.18.0.1", "224.0.0.1",
        "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::1",
        "2002:7f00:1::", "2001:0:a00:1::", "::10.0.0.1",
        "192.0.0.8", "192.0.0.170", "192.88.99.1", "fec0::1", "3fff::1", "5f00::1", "2001:2::1",
        "::ffff:192.88.99.1", "2002:c000:8::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_called(address: str) -> None:
    assert not is_public(address)


def checked(addresses: list[str], *, allow_private: bool = False) -> list[str]:
    async def lookup(host: str, port: int) -> list[str]:
        assert (host, port) == ("hooks.example", 443)
        return addresses

    return asyncio.run(checked_addresses("hooks.example", 443, allow_private=allow_private, lookup=lookup))


def test_a_host_with_public_addresses() -> None:
    assert checked(["8.8.8.8", "2606:4700::1111"]) == ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"]])
def test_one_private_address_refuses_the_host(addresses: list[str]) -> None:
    with pytest.raises(AddressRefused, match="is no public address"):
        checked(addresses)
    assert checked(addresses, allow_private=True) == addresses


def test_a_host_without_addresses() -> None:
    with pytest.raises(OSError, match="has no address"):
        checked([])
