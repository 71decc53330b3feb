"""Where URLs may lead: the public internet, and hosts within one's own network that are named."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from catalog.errors import AddressRefused, NoAnswer
from catalog.outward import addresses, host_name, is_outside, target

NAMED_IN = "TAGMILL_SOMEWHERE"


def looked_up(url: str, inside: Collection[str] = ()) -> list[str]:
    return addresses(target(url), inside, named_in=NAMED_IN)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.1.2.3", "127.0.0.1", "127.255.255.254", "172.16.0.1", "172.31.255.255"),
        *("100.64.0.1", "100.127.255.255", "192.168.1.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.9"),
        *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1", "192.0.0.9", "192.0.0.170"),
        # What clouds tell their machines: AWS, Google, Azure (both), Alibaba, Oracle; and by IPv6.
        *("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
        *("fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "ff0e::1"),
        *("2001:db8::1", "3fff::1", "2001:1::1", "2001:2::1", "2001:20::1", "100::1", "5f00::1", "4000::1"),
        *("::7f00:1", "::127.0.0.1", "::ffff:0:7f00:1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"),
        *("::ffff:0.0.0.0", "::ffff:100.64.0.1", "::ffff:192.0.0.192", "::ffff:10.0.0.1%1"),
        *("64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1::7f00:1"),
        *("64:ff9b:1:fffe::1.1.1.1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:c0a8:101::"),
        *("2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:0:1:1:0:0:f5ff:fffe"),
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_public_internet(address: str) -> None:
    assert not is_outside(address)


@pytest.mark.parametrize(
    "address",
    [
        *("93.184.215.14", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "169.253.1.1", "192.0.1.1"),
        *("2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1"),
    ],
)  # fmt: skip
def test_addresses_that_are(address: str) -> None:
    assert is_outside(address)


INWARD = {
    "http://127.0.0.1/x": "127.0.0.1",
    "http://127.1/x": "127.1",
    "http://127%2e0.0.1/x": "127.0.0.1",
    "http://2130706433/x": "2130706433",
    "http://0x7f000001/x": "0x7f000001",
    "http://0x7f.1/x": "0x7f.1",
    "http://0177.0.0.1/x": "0177.0.0.1",
    "http://017700000001/x": "017700000001",
    "http://0xA9FEA9FE/latest/meta-data/": "0xa9fea9fe",
    "http://2852039166/latest/meta-data/": "2852039166",
    "http://0/": "0",
    "http://127.0.0.1./x": "127.0.0.1",
    "http://10.0.0.5:8080/x": "10.0.0.5",
    "http://[::1]/x": "::1",
    "https://[::ffff:127.0.0.1]/x": "::ffff:127.0.0.1",
    "http://[0:0:0:0:0:ffff:7f00:1]/x": "::ffff:7f00:1",
    "http://[::]/": "::",
    "http://[64:ff9b:1::a9fe:a9fe]/": "64:ff9b:1::a9fe:a9fe",
    "http://169.254.169.254/latest/meta-data/": "169.254.169.254",
    "http://localhost:9000/x": "localhost",
    "http://localhost./x": "localhost",
    "https://LOCALHOST/x": "localhost",
}


@pytest.mark.parametrize("url", INWARD)
def test_what_leads_inward_is_refused_unless_its_host_is_named(url: str) -> None:
    with pytest.raises((AddressRefused, NoAnswer)) as refused:
        looked_up(url)
    if isinstance(
        refused.value, AddressRefused
    ):  # else no name that this machine's resolver takes for an address
        assert "no public address" in str(refused.value)
        assert NAMED_IN in str(refused.value)
        looked_up(url, {INWARD[url], host_name(target(url).host)})


def test_one_inward_address_among_others_is_enough() -> None:
    """Else the connection could be tried with the next one."""
    for found in (["1.1.1.1", "10.0.0.1"], ["2606:4700::1", "::1"], ["1.1.1.1", "::ffff:169.254.169.254"]):
        with pytest.raises(AddressRefused, match="no public address"):
            addresses(target("http://shop.example/"), named_in=NAMED_IN, resolve=lambda *_, f=found: f)


def test_the_host_that_is_looked_at_is_the_host_that_is_asked() -> None:
    for url in ("http://1.1.1.1\\@127.0.0.1/", "http://1.1.1.1#@127.0.0.1/", "http://1.1.1.1?@127.0.0.1/"):
        assert target(url).host == "1.1.1.1"
        assert looked_up(url) == ["1.1.1.1"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://shop.example/x", "no URL of the kind"),
        ("file:///etc/passwd", "no URL of the kind"),
        ("gopher://127.0.0.1:6379/_x", "no URL of the kind"),
        ("shop.example/x", "no URL of the kind"),
        ("https:///x", "no URL of the kind"),
        ("https://", "no URL of the kind"),
        ("http://shop.example:99999/", "no URL of the kind"),
        ("http://shop.example:-1/", "no URL of the kind"),
        ("http://[::1]:80:90/", "no URL of the kind"),
        ("http://[fe80::1%25eth0]/x", "no URL of the kind"),
        ("http://[2606:4700::1111%25lo]/x", "no URL of the kind"),
        ("http://127.0.0.1\t/x", "no URL of the kind"),
        ("http://shop.example \r\nHost: x/", "no URL of the kind"),
        ("http://１２７.０.０.１/x", "no URL of the kind"),
        ("http://127。0。0。1/x", "no URL of the kind"),
        ("http://ⓛocalhost/x", "no URL of the kind"),
        ("http://shop.example\u202e/x", "no URL of the kind"),
        ("http://anna:secret@1.1.1.1:99999/", "no URL of the kind"),
        ("https://anna:secret@shop.example/x", "no user name or password"),
        ("http://secret@shop.example/x", "no user name or password"),
        ("http://1.1.1.1@secret@127.0.0.1/x", "no user name or password"),
        ("ftp://anna:secret@shop.example/x", "no user name or password"),
    ],
)
def test_what_is_no_url_for_us(url: str, sentence: str) -> None:
    with pytest.raises(AddressRefused, match=sentence) as refused:
        target(url)
    assert "secret" not in str(refused.value)


def test_a_line_break_in_a_path_cannot_end_the_request() -> None:
    assert target("http://shop.example/a\r\nHost: b").path == "/a%0D%0AHost:%20b"
    assert target("http://shop.example/ä b?c=d e\n").path == "/%C3%A4%20b?c=d%20e%0A"


def test_a_name_in_another_script_is_asked_by_its_ascii_form() -> None:
    assert target("https://BÜCHER.example/x").host == "xn--bcher-kva.example"


def test_how_a_host_is_called() -> None:
    assert target("http://Shop.Example:8080/").authority == "shop.example:8080"
    assert target("https://shop.example:443/").authority == "shop.example"
    assert target("http://[2606:4700::1111]/").authority == "[2606:4700::1111]"


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(NoAnswer, match=r"no-such-host\.invalid cannot be resolved"):
        looked_up("https://no-such-host.invalid/x")
