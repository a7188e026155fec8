"""Which addresses a webhook may have (docs/faults.md CFG15, API15), and what the site may say of it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from alerts.notify.address import AddressRefused, Allowed, parse_target
from alerts.notify.options import WebhookOptions, Webhooks
from gateway.model import SECOND

SECRET = "0123456789abcdef"


def options(**changes: Any) -> WebhookOptions:
    return WebhookOptions.model_validate({"name": "duty", "url": "https://duty.example/x", "secret": SECRET} | changes)


@pytest.mark.parametrize(
    "url",
    [
        "https://duty.example/hook?x=1",
        "https://duty.example:8443",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "http://127.0.0.1:9000/hook",
        "http://localhost:9000/hook",
        "https://localhost/",
        "https://LOCALHOST./hook",
        "http://[::1]:9000/hook",
        "https://127.0.0.1:9000/hook",
    ],
)
def test_accepted(url: str) -> None:
    assert options(url=url).url == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "https://"),
        ("gopher://duty.example/", "https://"),
        ("ftp://duty.example/", "https://"),
        ("duty.example/hook", "https://"),
        ("", "https://"),
        ("http://duty.example/", "loopback only"),
        ("http://169.254.169.254/latest/meta-data", "loopback only"),
        ("https://169.254.169.254/latest/meta-data", "not a public address"),
        ("https://[fd00:ec2::254]/", "not a public address"),
        ("https://[fe80::1]/", "not a public address"),
        ("https://[fe80::1%25eth0]/", "zone"),
        ("http://[::ffff:127.0.0.1]/", "loopback only"),
        ("https://[::ffff:127.0.0.1]/", "not a public address"),
        ("https://[::ffff:8.8.8.8]/", "not a public address"),
        ("https://[64:ff9b::7f00:1]/", "not a public address"),
        ("https://[64:ff9b:1::7f00:1]/", "not a public address"),
        ("https://[::7f00:1]/", "not a public address"),
        ("https://[2001:0:7f00:1::]/", "not a public address"),
        ("https://[2001:db8::1]/", "not a public address"),
        ("https://[fec0::1]/", "not a public address"),
        ("https://[ff02::1]/", "not a public address"),
        ("https://[2002:7f00:1::]/", "not a public address"),
        ("http://0x7f.1/", "in disguise"),
        ("https://0x7f.1/", "in disguise"),
        ("https://2130706433/", "in disguise"),
        ("https://127.1/", "in disguise"),
        ("https://0177.0.0.1/", "in disguise"),
        ("https://10.0.0.5/", "not a public address"),
        ("https://192.168.1.1/", "not a public address"),
        ("https://100.64.0.1/", "not a public address"),
        ("https://0.0.0.0/", "not a public address"),
        ("https://224.0.0.1/", "not a public address"),
        ("https://user:pw@duty.example/", "user or password"),
        ("https://duty.example@127.0.0.1/", "user or password"),
        ("https://duty.example\\@127.0.0.1/", "plain ASCII"),
        ("https://duty.example/#x", "#fragment"),
        ("https://duty.example:0/", "port 0"),
        ("https://duty.example:99999/", "not a URL"),
        ("https://düty.example/", "plain ASCII"),
        ("https://duty.example/a b", "plain ASCII"),
        ("https://duty.example/\r\nX: y", "plain ASCII"),
        ("https://-x.example/", "not a host name"),
        ("https:///path", "not a host name"),
    ],
)
def test_refused(url: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why) as error:
        options(url=url)
    assert [told["loc"] for told in error.value.errors()] == [("url",)]


def test_the_site_may_allow_what_is_meant() -> None:
    assert options(url="https://10.0.0.5/", allow=["10.0.0.0/8"])
    assert options(url="https://10.0.0.5/", allow=["10.0.0.5"])
    with pytest.raises(ValidationError):
        options(url="https://10.0.0.5/", allow=["10.1.0.0/16"])
    for nonsense in ("10.0.0.5/8", "0x7f.1", "UPPER.example", "a b"):
        with pytest.raises(ValidationError):
            options(allow=[nonsense])


def test_names_are_judged_by_what_they_resolve_to() -> None:
    target = parse_target("https://duty.example/")
    for address in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1"):
        with pytest.raises(AddressRefused):
            Allowed().check(target, ip_address(address))
    Allowed().check(target, ip_address("8.8.8.8"))
    Allowed.of(["duty.example"]).check(target, ip_address("10.1.2.3"))
    Allowed.of(["10.0.0.0/8"]).check(target, ip_address("10.1.2.3"))


def test_options_are_strict() -> None:
    assert options().timeout == 5 * SECOND
    for wrong in ({"timeout": "0s"}, {"timeout": "1min"}, {"timeout": 5}, {"secret": "short"}, {"secrret": SECRET}):
        with pytest.raises(ValidationError):
            options(**wrong)


def test_names_are_distinct_and_not_taken() -> None:
    """Two channels of one name would be one row of the outbox: the commit of the first notice would fail."""
    with pytest.raises(ValidationError, match="always there"):
        options(name="log")
    both = TypeAdapter(Webhooks)
    assert len(both.validate_python([options(name="a"), options(name="b")])) == 2
    with pytest.raises(ValidationError, match="two webhooks are named 'duty'"):
        both.validate_python([options(), options()])


def test_the_secret_is_never_shown() -> None:
    assert SECRET not in repr(options()) + str(options()) + options().model_dump_json()
    with pytest.raises(ValidationError) as error:
        options(secret="tooshortsecret")
    assert "tooshortsecret" not in str(error.value)
