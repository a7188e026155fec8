"""CFG1–CFG20 over the whole site: each mistake at its line and column, all at once, and never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.model import SECOND
from tests.config.conftest import SITE, Folder


def test_the_small_site_is_good(folder: Folder) -> None:
    site = folder.load()
    assert site.site.id == "t" and site.site.language == "zh"
    assert [device.id for device in site.devices] == ["sump", "gateway"]
    sump = site.devices[0]
    assert [point.key for point in sump.points] == ["floor_level", "pump-1/pump_run", "health"]
    assert sump.points[0].unit == "m" and sump.poll_ns == SECOND and sump.location.building == "1"
    assert [(unit.name, unit.link, unit.unit) for unit in site.units] == [("io", "bus", 3)]
    assert [(channel.device, channel.key, channel.unit, channel.point) for channel in site.channels] == [
        ("sump", "floor_level", "io", "ai0"),
        ("sump", "pump-1/pump_run", "io", "di0"),
    ]
    assert [(i.rule.rule, i.source) for i in site.bound.instances if i.companion_of is None] == [("T-01", "sump")]
    assert site.warnings == ()


def test_the_digest_follows_every_file(folder: Folder) -> None:
    digests = {folder.load().digest}
    folder.change(("30s", "31s"), file="rules.yaml")
    digests.add(folder.load().digest)
    folder.change(("address: 1}", "address: 2}"), file="profiles/box.yaml")
    digests.add(folder.load().digest)
    folder.change(("floor: B2", "floor: B3"))
    digests.add(folder.load().digest)
    assert len(digests) == 4


@pytest.mark.parametrize("text", ["", "# nothing\n", "hello", "- a\n- b\n", "---\n", "5", "null"])
def test_cfg1_a_mapping_is_expected(folder: Folder, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder.write("site.yaml", text)
    assert main(["check", "--site", str(folder.path / "site.yaml")]) == 2
    assert "config: mapping expected" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("rules: {", "links: {}\nrules: {", "site.yaml:14:1: the key 'links' stands here twice; first in line 3"),
        ("    points:", "  sump: {}\n    points:", None),
        ("modules:", '  two: {modbus: "tcp://10.0.0.7:502"}\nmodules:',
         "site.yaml:5:17: tcp://10.0.0.7:502 already is the link 'bus' (line 4); one endpoint has one link"),
        ("modules:", '  two: {modbus: "tcp://10.0.0.7", timeout: 2s}\nmodules:',
         "site.yaml:5:17: tcp://10.0.0.7:502 already is the link 'bus', with other options (line 4); one endpoint"
         " has one link"),
        ("devices:", "  io2: {profile: box, link: bus, unit: 3}\ndevices:",
         "site.yaml:7:40: unit 3 of link 'bus' is taken by line 6; each unit answers for one entry"),
        ("  sump:\n", "  io: {profile: box, link: bus, unit: 4, system: fire}\n  sump:\n",
         "site.yaml:8:3: the module in line 6 has the same id 'io'; choose another one"),
        ("rules: {", "      pump-2/pump_run: {from: io.di0}\nrules: {",
         "site.yaml:14:7: reads the same channel in the same way as 'pump-1/pump_run' in line 13"),
        ("  sump:\n", "  gateway: {system: fire, points: {a: {from: io.ai1}}}\n  sump:\n",
         "site.yaml:8:3: the gateway itself is the device 'gateway'; choose another id"),
        ("pump-1/pump_run", "health", "site.yaml:13:7: every device already has a point 'health'; choose another name"),
    ],
)  # fmt: skip
def test_cfg3_nothing_stands_twice(folder: Folder, old: str, new: str, told: str | None) -> None:
    folder.change((old, new))
    assert folder.problems() and (told is None or folder.problems() == [told])


def test_cfg3_profile_and_rule_ids_are_unique(folder: Folder) -> None:
    folder.write("profiles/copy.yaml", (folder.path / "profiles/box.yaml").read_text())
    folder.write("more.yaml", (folder.path / "rules.yaml").read_text())
    folder.change(("[rules.yaml]", "[rules.yaml, more.yaml]"))
    assert folder.problems() == [
        "more.yaml:1:9: the rule 'T-01' already stands in rules.yaml line 1",
        "profiles/copy.yaml:1:1: the profile 'box' is already in profiles/box.yaml; give this one another id",
    ]


def test_a_channel_may_serve_two_devices_or_be_read_in_two_ways(folder: Folder) -> None:
    folder.change(
        ("rules: {", "      raw_level: {from: io.ai0}\n  two: {system: fire, points: {a: {from: io.ai0}}}\nrules: {")
    )
    assert folder.problems() == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("unit: 3", "unit: 010", "6:39: a whole number is expected, got the text '010'; write it without quotes"
                                 " and without leading zeros"),
        ("timezone: Asia/Shanghai", "timezone: 22:30", "1:51: unknown time zone '22:30'; valid: Africa/Abidjan"),
        ("at: {building: 1", "at: {building: 2026-11-23", None),
        ("id: t", "id: no", None),
        ("floor: B2", "floor: 010", None),
    ],
)  # fmt: skip
def test_cfg4_no_value_changes_its_meaning(folder: Folder, old: str, new: str, told: str | None) -> None:
    folder.change((old, new))
    assert all(line.startswith(f"site.yaml:{told}") for line in folder.problems())
    assert bool(folder.problems()) == bool(told)
    if not told:
        site = folder.load()
        assert {site.site.id, site.devices[0].location.building, site.devices[0].location.floor} & {
            "no", "2026-11-23", "010"
        }  # fmt: skip


def test_cfg7_devices_have_a_limit(folder: Folder) -> None:
    devices = "".join(f"  d{n}: {{system: fire, points: {{a: {{from: io.ai0}}}}}}\n" for n in range(2000))
    folder.change(("rules: {", devices + "rules: {"))
    assert folder.problems() == ["site.yaml:7:1: at most 2,000 devices are allowed, got 2,001"]


def test_cfg7_points_have_a_limit(folder: Folder) -> None:
    points = "".join(f"  p{n}: {{address: {n}}}\n" for n in range(600))
    folder.write("profiles/wide.yaml", "profile: wide\ntitle: {en: W, zh: 宽}\nsource: [{ref: t, verified: memory}]\n"
                 f"modbus: {{type: uint16}}\npoints:\n{points}")  # fmt: skip
    links = "".join(f'  l{n}: {{modbus: "tcp://10.0.1.{n}:502"}}\n' for n in range(2))
    devices = "".join(
        f"  d{n}: {{profile: wide, system: fire, link: l{n // 250}, unit: {n % 250 + 1}}}\n" for n in range(340)
    )
    folder.change(("modules:", links + "modules:"), ("rules: {", devices + "rules: {"))
    assert folder.problems() == ["site.yaml:9:1: at most 200,000 points are allowed, got 204,343"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("modules:", "module:", "5:1: unknown key 'module'; did you mean 'modules'?"),
        ("timezone:", "timeZone:", "1:41: unknown key 'timeZone'; did you mean 'timezone'?"),
        ('{modbus: "', '{Modbus: "', "4:9: unknown key 'Modbus'; did you mean 'modbus'?"),
        (':502"}', ':502", time_out: 1s}', "4:39: unknown key 'time_out'; did you mean 'timeout'?"),
        ("link: bus", "lnik: bus", "6:22: unknown key 'lnik'; did you mean 'link'?"),
        ("floor: B2", "flor: B2", "10:23: unknown key 'flor'; did you mean 'floor'?"),
        ("linear: {", "liner: {", "12:68: unknown key 'liner'; did you mean 'linear'?"),
        ("rules: {files:", "rules: {file:", "14:9: unknown key 'file'; did you mean 'files'?"),
        ("rules: {", "notify: {webhook: []}\nrules: {", "14:10: unknown key 'webhook'; did you mean 'webhooks'?"),
        ("rules: {", "api: {insecur: true}\nrules: {", "14:7: unknown key 'insecur'; did you mean 'insecure'?"),
        ("rules: {", "x: 1\nrules: {", "14:1: unknown key 'x'; valid: site, profiles, links, modules, devices, rules,"
                                       " calendar, maintenance, notify, historian, api"),
    ],
)  # fmt: skip
def test_cfg8_an_unknown_key_is_told_with_the_nearest(folder: Folder, old: str, new: str, told: str) -> None:
    folder.change((old, new))
    assert folder.problems()[0] == f"site.yaml:{told}"
    assert len(folder.problems()) == 1, folder.problems()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("link: bus", "link: buss", "6:28: unknown link 'buss'; did you mean 'bus'?"),
        ("profile: box", "profile: bax", "6:17: unknown profile 'bax'; did you mean 'box'?"),
        ("from: io.ai0", "from: oi.ai0", "12:27: unknown module 'oi'; did you mean 'io'?"),
        ("from: io.ai0", "from: io.ai9", "12:27: unknown point of 'io' (box) 'ai9'; did you mean 'ai0' or 'ai1'?"),
        ("from: io.ai0", "from: sump.ai0", "12:27: the device 'sump' has no profile and so no channels"),
        ("system: garage-water", "system: garage-watr",
         "9:13: one of elevator, garage-water, fire, electrical-fire, ev-charging is expected, got the text"
         " 'garage-watr'; did you mean 'garage-water'?"),
        ("profiles: [profiles]", "profiles: [nowhere]", "2:12: the folder 'nowhere' cannot be read: no such file"),
        ("profiles: [profiles]", "profiles: [../x]", "2:12: a path beside the site file is expected, got '../x'"),
        ("profiles: [profiles]", "profiles: [/etc]", "2:12: a path beside the site file is expected, got '/etc'"),
        ("files: [rules.yaml]", "packs: [no-such-pack]", "14:17: unknown rule pack 'no-such-pack'"),
        ("[rules.yaml]", "[rules.yml]", "14:17: rules.yml: cannot be read: no such file or directory"),
        ("[rules.yaml]", "[rules.yaml], override: {T-02: {enabled: false}}",
         "14:41: unknown rule 'T-02'; did you mean 'T-01'?"),
        ("    system: garage-water\n", "", "8:3: the key 'system' is missing"),
        ("    system: garage-water\n", "    system: garage-water\n    poll: 1s\n", "10:5: without a `profile` nothing"),
        (", unit: 3", "", "6:3: the key 'unit' is missing"),
    ],
)  # fmt: skip
def test_unknown_names_are_told_with_the_nearest(folder: Folder, old: str, new: str, told: str) -> None:
    folder.change((old, new))
    assert any(line.startswith(f"site.yaml:{told}") for line in folder.problems()), folder.problems()


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "1e400", '"80"', "true", "null", "[]", "80 q", "1e400 m"])
def test_cfg9_a_threshold_is_a_finite_quantity(folder: Folder, value: str) -> None:
    folder.change(("0.10 m", value), file="rules.yaml")
    assert folder.problems()
    assert all(line.startswith("rules.yaml:6:") for line in folder.problems()), folder.problems()


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("on_delay: 30s", "on_delay: -1s", "7:13"),
        ("on_delay: 30s", "on_delay: 0.001", "7:13"),
        ("on_delay: 30s", "on_delay: 1e9", "7:13"),
        ("on_delay: 30s", "on_delay: 2d", "7:13"),
        ("deadband: 0.01 m", "deadband: 0.2 m", "6:38"),
        ("deadband: 0.01 m", "deadband: -1 m", "6:38"),
        ("at_least: 0.10 m, deadband: 0.01 m", "levels: [{at_least: 5 cm}, {at_least: 3 cm, severity: low}]", "6:37"),
    ],
)
def test_cfg10_contradictions_are_told_with_the_rule(folder: Folder, old: str, new: str, place: str) -> None:
    folder.change((old, new), file="rules.yaml")
    (told,) = folder.problems()
    assert told.startswith(f"rules.yaml:{place}: T-01: "), told


@pytest.mark.parametrize(
    ("old", "new", "place", "allowed"),
    [
        (":502", ":0", "site.yaml:4:17", "1 … 65535"),
        (":502", ":65536", "site.yaml:4:17", "1 … 65535"),
        (":502", ":502 ", "site.yaml:4:17", "tcp://10.0.0.7:502"),
        (":502", ":-1", "site.yaml:4:17", "tcp://10.0.0.7:502"),
        ("unit: 3", "unit: 0", "site.yaml:6:39", "1 … 255"),
        ("unit: 3", "unit: -1", "site.yaml:6:39", "1 … 255"),
        ("unit: 3", "unit: 256", "site.yaml:6:39", "1 … 255"),
        ("unit: 3", "unit: 1.5", "site.yaml:6:39", "whole number"),
        ("unit: 3", 'unit: "3"', "site.yaml:6:39", "whole number"),
    ],
)
def test_cfg11_addresses_lie_within_their_ranges(folder: Folder, old: str, new: str, place: str, allowed: str) -> None:
    folder.change((old, new))
    (told,) = folder.problems()
    assert told.startswith(place) and allowed in told, told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{address: 1}", "{address: 65536}"),
        ("{address: 1}", "{address: -1}"),
        ("{address: 1}", "{address: 65535, type: uint32}"),
        ("{address: 1}", "{address: 1, type: string, length: 0}"),
        ("{address: 1}", "{address: 1, type: string, length: 126}"),
    ],
)
def test_cfg11_registers_lie_within_their_range(folder: Folder, old: str, new: str) -> None:
    folder.change((old, new), file="profiles/box.yaml")
    assert folder.problems()
    assert all(line.startswith("profiles/box.yaml:7:") for line in folder.problems()), folder.problems()


@pytest.mark.parametrize(
    "host",
    ["", "user:pw@h", "../../", "h/../..", "a" * 300, f"{'a.' * 150}b", "ехample.com", "安楼.cn", "a b", "-a", "a..b",
     "256.1.1.1", "1.2.3", "0x7f.1", "[::1", "h:1:2", "h?x=1", "h#x", "\\u0000", "$x"],
)  # fmt: skip
def test_cfg12_a_host_is_an_address_or_a_plain_name(folder: Folder, host: str) -> None:
    folder.change(("10.0.0.7", host))
    (told,) = folder.problems()
    assert told.startswith("site.yaml:4:17: ") and "pw" not in told, told


@pytest.mark.parametrize("host", ["10.0.0.7", "[::1]", "[fe80::1%eth0]", "panel-1.lan", "PANEL", "xn--fsq.cn"])
def test_cfg12_good_hosts_are_not_looked_up(folder: Folder, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: pytest.fail("a name was looked up"))
    folder.change(("10.0.0.7", host))
    assert folder.problems() == []


@pytest.mark.parametrize("poll", ["0s", "1ms", "99ms", "365d", "61min", "-1s", "1", "fast", "null"])
def test_cfg13_a_poll_lies_within_its_range(folder: Folder, poll: str) -> None:
    folder.change(("unit: 3", f"unit: 3, poll: {poll}"))
    (told,) = folder.problems()
    assert told.startswith("site.yaml:6:48: "), told


WEBHOOK = 'notify: {{webhooks: [{{url: {url}, secret: "${{env:HOOK_SECRET}}"{more}}}]}}\nrules: {{'


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://h/", "http://169.254.169.254/", '"http://[::ffff:127.0.0.1]/"', "http://0x7f.1/",
     "https://user:pw@hooks.example/", "https://", "hooks.example", "https://10.0.0.1/", '""'],
)  # fmt: skip
def test_cfg15_a_webhook_leaves_the_house(folder: Folder, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "a-long-enough-canary-secret")
    folder.change(("rules: {", WEBHOOK.format(url=url, more="")))
    (told,) = folder.problems()
    assert told.startswith("site.yaml:14:27: ") and "canary" not in told and "pw" not in told, told


def test_cfg15_a_webhook_may_be_allowed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "a-long-enough-canary-secret")
    folder.change(("rules: {", WEBHOOK.format(url="https://10.0.0.1/x", more=", allow: [10.0.0.0/8]")))
    assert folder.problems() == []
    (webhook,) = folder.load().notify
    assert webhook.secret.get_secret_value() == "a-long-enough-canary-secret"
    assert "canary" not in repr(folder.load())


def test_cfg3_two_webhooks_of_one_name(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names are the outbox's keys: the gateway would start, and stop at its first alarm."""
    monkeypatch.setenv("HOOK_SECRET", "a-long-enough-canary-secret")
    one = '{url: "https://hooks.example/x", secret: "${env:HOOK_SECRET}", name: %s}'
    folder.change(("rules: {", f"notify: {{webhooks: [{one % 'a'}, {one % 'b'}]}}\nrules: {{"))
    assert folder.problems() == []
    folder.change(("name: b", "name: a"))
    assert folder.problems() == [
        "site.yaml:14:20: two webhooks are named 'a'; each needs a `name` of its own",
    ]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("      floor_level: {", "      write: true\n      floor_level: {", None),
        ("from: io.ai0", "write: true, from: io.ai0", "12:21"),
        ("unit: 3", "unit: 3, write: true", "6:42"),
        ("unit: 3", "unit: 3, allow_writes: true", "6:42"),
        (':502"', ':502", write: true', "4:39"),
        ("rules: {", "write: true\nrules: {", "14:1"),
    ],
)
def test_cfg19_there_is_no_way_to_write(folder: Folder, old: str, new: str, place: str | None) -> None:
    folder.change((old, new))
    (told,) = folder.problems()
    assert place is None or (told.startswith(f"site.yaml:{place}: ") and "never writes to a device" in told), told


@pytest.mark.parametrize(
    "name",
    ['"a\\nb"', '"\\e[31mred"', '"a\\u202eb"', f'"{"x" * 10_000}"', '""', '" a"', '"a "', '"a\\u2028b"', '"\\0"', "5",
     '"a\\u200fb"', f'"{"安" * 65}"'],
)  # fmt: skip
def test_cfg20_a_name_is_one_printable_line(folder: Folder, name: str) -> None:
    folder.change(("    system: garage-water", f"    name: {{en: {name}, zh: 泵}}\n    system: garage-water"))
    (told,) = folder.problems()
    assert told.startswith("site.yaml:9:16: ") and told.isprintable() and len(told) < 400, told


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a, b = c", "1号泵 (东)", "=cmd()", "a" * 64])
def test_cfg20_what_can_be_escaped_is_allowed(folder: Folder, name: str) -> None:
    folder.change(
        ("    system: garage-water", f"    name: {{en: {json.dumps(name)}, zh: 泵}}\n    system: garage-water")
    )
    assert folder.load().devices[0].name.en == name


@pytest.mark.parametrize("device", ["a b", "a/b", "a.b", "安", "x" * 65, "-a", "''", "5", "a\\n"])
def test_cfg20_an_id_is_a_plain_word(folder: Folder, device: str) -> None:
    folder.change(("  sump:\n", f"  {device}:\n"))
    (told,) = folder.problems()
    assert told.startswith("site.yaml:8:3: "), told


def test_all_problems_of_all_files_are_told_at_once(folder: Folder) -> None:
    folder.change(
        ("timezone: Asia/Shanghai", "timezone: Asia/Shanghay"), ("unit: 3", "unit: 300"), ("B2}", "B2, roof: 1}")
    )
    folder.change(("severity: low", "severity: lowest"), file="rules.yaml")
    folder.change(("ai0:", "AI0:"), file="profiles/box.yaml")
    told = folder.problems()
    assert [line.split(": ")[0] for line in told] == [
        "profiles/box.yaml:6:3",
        "rules.yaml:3:13",
        "site.yaml:1:51",
        "site.yaml:6:39",
        "site.yaml:10:34",
    ]


def test_a_faulty_entry_is_not_told_twice_through_others(folder: Folder) -> None:
    folder.change(("tcp://10.0.0.7", "tcp//10.0.0.7"))
    (told,) = folder.problems()
    assert told.startswith("site.yaml:4:17")


def test_an_override_is_checked_where_it_stands(folder: Folder) -> None:
    folder.change(("[rules.yaml]}", "[rules.yaml], override: {T-01: {when: {at_least: 12 q}, on_dely: 5s}}}"))
    assert [line[:30] for line in folder.problems()] == [
        "site.yaml:14:65: T-01: unknown",
        "site.yaml:14:72: T-01: unknown",
    ]


def test_an_override_changes_the_rule(folder: Folder) -> None:
    folder.change(("[rules.yaml]}", "[rules.yaml], override: {T-01: {when: {at_least: 0.12 m}}}}"))
    (rule,) = folder.load().rules
    assert rule.when.at_least.value == 0.12 and rule.when.deadband.value == 0.01


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("at_least: 0.10 m", "at_least: 10 s", "rules.yaml:6:"),
        ("point: floor_level", "point: flor_level", "rules.yaml:5:"),
    ],
)
def test_what_does_not_bind_is_told_at_the_rule(folder: Folder, old: str, new: str, place: str) -> None:
    folder.change((old, new), file="rules.yaml")
    assert folder.problems() and folder.problems()[0].startswith(place), folder.problems()


@pytest.mark.parametrize(
    ("when", "place"),
    [
        ("{alarm: T-01}", "rules.yaml:6:17"),
        ("{all: [{at_least: 1 m}, {alarm: T-02}]}", None),
        ("__import__('os').system('ls')", "rules.yaml:6:9"),
        ("9**9**9", "rules.yaml:6:9"),
        ("x" * 10_000, "rules.yaml:6:9"),
        ("{point: nothing, above: 1}", "rules.yaml:6:17"),
    ],
)
def test_cfg18_a_rule_that_cannot_be_is_refused_at_once(folder: Folder, when: str, place: str | None) -> None:
    condition = "{at_least: 0.10 m, deadband: 0.01 m}"
    more = (folder.path / "rules.yaml").read_text().replace("T-01", "T-02").replace(condition, "{alarm: T-01}")
    folder.change((condition, when), file="rules.yaml")
    folder.write("rules.yaml", (folder.path / "rules.yaml").read_text() + more)
    told = folder.problems()
    assert told and all(line.startswith("rules.yaml:") for line in told), told
    assert place is None or told[0].startswith(place), told


def test_warnings_say_what_is_not_used(folder: Folder) -> None:
    folder.change(
        ("modules:", '  two: {modbus: "tcp://10.0.0.8:502"}\nmodules:'),
        ("devices:", "  spare: {profile: box, link: bus, unit: 9}\n"
                     "devices:\n  panel: {system: fire, points: {a: {from: io.ai1}}}"),
    )  # fmt: skip
    assert folder.warnings() == [
        "site.yaml:5:3: nothing is read over the link 'two'",
        "site.yaml:8:3: no device takes a point from the module 'spare'",
        "site.yaml:10:3: no rule watches the points of 'panel'; it would be shown, but never raise an alarm",
    ]


def test_a_device_that_wants_a_life_sign_is_a_warning(folder: Folder) -> None:
    folder.change(
        ("profile: box", "profile: box\nneeds_liveness: {en: stops after 10 s, zh: 十秒后停止}"),
        file="profiles/box.yaml",
    )
    assert folder.warnings() == ["site.yaml:6:8: this device wants a life sign: stops after 10 s"]


def test_a_disabled_device_is_kept_but_not_read(folder: Folder) -> None:
    folder.change(("    system: garage-water", "    system: garage-water\n    disabled: true"))
    site = folder.load()
    assert site.devices[0].disabled and site.channels == ()
    assert site.unbound


def test_a_hundred_mistakes_are_a_hundred_lines(folder: Folder) -> None:
    bad = "".join(f"  d{n}: {{sistem: fire, points: {{a: {{from: io.ai0}}}}}}\n" for n in range(100))
    folder.write("site.yaml", SITE.replace("rules: {", bad + "rules: {"))
    assert len(folder.problems()) == 100


def test_check_tells_a_program(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(folder.path / "site.yaml")
    assert main(["check", "--site", path, "--json", "--plan"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] and told["devices"] == 1
    assert told["plan"][0]["units"][0]["paces"][0]["blocks"] == ["holding 0…10"]
    folder.change(("unit: 3", "unit: 0"))
    assert main(["check", "--site", path, "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "ok": False,
        "problems": [{"file": path, "line": 6, "col": 39, "message": "must lie within 1 … 255, got 0"}],
    }


def test_check_tells_a_person(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--site", str(folder.path / "site.yaml")]) == 0
    assert "t is good (Test / 测试)" in capsys.readouterr().out
    assert main(["check", "--site", str(Path("/nonexistent/site.yaml"))]) == 2
    assert "/nonexistent/site.yaml: cannot be read" in capsys.readouterr().err


def test_a_nearly_standard_name_is_a_warning(folder: Folder) -> None:
    folder.change(("pump-1/pump_run", "pump-1/pump_runs"))
    assert folder.warnings() == [
        "site.yaml:13:7: 'pump_runs' is no standard point of system 'garage-water', so no rule pack looks at it;"
        " did you mean 'pump_run'?"
    ]


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("{when: {at_least: 5 s}}", "site.yaml:14:48"),  # the deadband of the pack does not fit it any more
        ("{severity: high}", "site.yaml:14:41"),  # the guidance that this needs is missing
        ("{when: {at_least: null}}", "site.yaml:14:54"),
        ("{rule: T-02}", "site.yaml:14:54"),
        ("{on: {point: flor_level}}", "site.yaml:14:60"),
    ],
)
def test_what_an_override_breaks_is_told_at_the_override(folder: Folder, override: str, place: str) -> None:
    folder.change(("[rules.yaml]}", f"[rules.yaml], override: {{T-01: {override}}}}}"))
    told = folder.problems()
    assert told and all(line.startswith("site.yaml:14:") and "T-01: " in line for line in told), told
    assert told[0].startswith(place), told


def test_an_override_of_an_operand_is_told_at_the_operand(folder: Folder) -> None:
    both = "{all: [{point: floor_level, at_least: 1 m}, {point: high_high_float, is: true}]}"
    folder.change(("{at_least: 0.10 m, deadband: 0.01 m}", both), file="rules.yaml")
    folder.change(("[rules.yaml]}", "[rules.yaml], override: {T-01: {when: {all: {floor_level: {at_least: 5 q}}}}}}"))
    (told,) = folder.problems()
    assert told.startswith("site.yaml:14:"), told


@pytest.mark.parametrize(
    ("changes", "files"),
    [
        ([("profiles: [profiles]", "profiles: [../profiles]")], ["site.yaml:2:12"]),
        ([("[rules.yaml]", "[../rules.yaml], override: {T-01: {enabled: false}}")], ["site.yaml:14:17"]),
        ([("[rules.yaml]", "[lost.yaml], override: {T-01: {enabled: false}}")], ["site.yaml:14:17"]),
        ([("modules:", "moduls:")], ["site.yaml:5:1"]),
        ([("links:", "links: x\nlink:")], ["site.yaml:3:8", "site.yaml:4:1"]),
    ],
)
def test_what_is_lost_is_told_once(folder: Folder, changes: list[tuple[str, str]], files: list[str]) -> None:
    folder.change(*changes)
    assert [line.split(": ")[0] for line in folder.problems()] == files


@pytest.mark.parametrize(
    "wrong", [("ai0: {address: 0}", "ai0: {adress: 0}"), ("points:", "points: {"), ("uint16", "&a uint16")]
)
def test_a_faulty_profile_is_told_once(folder: Folder, wrong: tuple[str, str]) -> None:
    folder.change(wrong, file="profiles/box.yaml")
    (told,) = folder.problems()
    assert told.startswith("profiles/box.yaml:")


def test_a_faulty_profile_keeps_its_id(folder: Folder) -> None:
    (folder.path / "profiles/box.yaml").rename(folder.path / "profiles/other-name.yaml")
    folder.change(("ai0: {address: 0}", "ai0: {adress: 0}"), file="profiles/other-name.yaml")
    (told,) = folder.problems()
    assert told.startswith("profiles/other-name.yaml:6:9: unknown key 'adress'")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("linear: {4 mA: 0 m, 20 mA: 1 m}", "linear: {4 mA: 0 m, 20 mA: 1 s}", "12:76: 's' measures time"),
        ("{from: io.di0}", "{from: io.ai1, invert: true}", "13:47: `invert` needs a bool"),
        ("pump-1/pump_run", "pump 1/pump run", "13:7: a point is named `name` or `part/name`"),
        ("  sump:\n", "  bare: {system: fire}\n  sump:\n", "8:3: nothing would be read: a `profile`, or `points`"),
        ("  sump:\n", "  own: {system: fire, profile: box, unit: 4}\n  sump:\n", "8:3: the key 'link' is missing"),
        ("  sump:\n", "  own: {system: fire, profile: box, link: bus}\n  sump:\n", "8:3: the key 'unit' is missing"),
        ("  sump:\n", "  own: {profile: box, link: bus, unit: 4}\n  sump:\n", "8:3: the key 'system' is missing"),
    ],
)
def test_a_device_that_cannot_be_is_told(folder: Folder, old: str, new: str, told: str) -> None:
    folder.change((old, new))
    (problem,) = folder.problems()
    assert problem.startswith(f"site.yaml:{told}"), problem


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("expect: {ai1: 7}", "expect: {ai1: 8}", "10:51: ai1: expected 8, got 7"),
        ("expect: {ai1: 7}", "bad: {ai1: range}", "10:48: ai1: expected range, got 7"),
        ("{1: 7, 2: 7}", "{2: 7}", "10:45: ai1: the vector leaves out a register of 'ai1'"),
        ("{1: 7, 2: 7}", "{70000: 7}", "10:11: register numbers go from 0 to 65535, got 70000"),
    ],
)
def test_the_examples_of_a_profile_of_its_own_are_tried(folder: Folder, old: str, new: str, told: str) -> None:
    """Nobody else would notice that a limit is compared with a tenth of the water."""
    folder.change((old, new), file="profiles/box.yaml")
    assert folder.problems() == [f"profiles/box.yaml:{told}"]


def test_a_profile_of_its_own_without_examples_is_warned_of(folder: Folder) -> None:
    folder.change(("vectors: [{registers: {1: 7, 2: 7}, expect: {ai1: 7}}]\n", ""), file="profiles/box.yaml")
    (warning,) = folder.warnings()
    assert warning.startswith("profiles/box.yaml:1:1: no `vectors`"), warning


TLS = "api: {tls_certificate: cert.pem, tls_key: key.pem}\nrules: {"


def test_tls_files_that_cannot_be_used_are_told(folder: Folder) -> None:
    """`check` is good means that `run` will take it."""
    folder.change(("rules: {", TLS))
    assert [line.replace(str(folder.path), "") for line in folder.problems()] == [
        "site.yaml:14:24: cert.pem cannot be read: no such file or directory",
        "site.yaml:14:43: key.pem cannot be read: no such file or directory",
    ]
    folder.write("cert.pem", "-----BEGIN CERTIFICATE-----\n")
    folder.write("key.pem", "nothing")
    (told,) = folder.problems()
    assert told.startswith("site.yaml:14:24: a certificate and its key are expected here, in PEM"), told


@pytest.mark.parametrize(
    ("old", "new", "place", "hint"),
    [
        ("site: {id: t", "site： {id: t", "1:19", "line 1 holds a full-width ： where YAML may want `: `"),
        ("  bus: {", "  bus： {", "4:37", "line 4 holds a full-width ："),
        ("{id: t, name", "{id: t，name", "1:18", "line 1 holds a full-width ， where YAML may want `, `"),
    ],
)
def test_a_chinese_keyboard_is_recognised(folder: Folder, old: str, new: str, place: str, hint: str) -> None:
    folder.change((old, new))
    (told,) = folder.problems()
    assert told.startswith(f"site.yaml:{place}: ") and hint in told, told


@pytest.mark.parametrize(("base", "warned"), [("1", True), ("0", False), ("ref", False)])
def test_reference_numbers_that_are_counted_from_one(folder: Folder, base: str, warned: bool) -> None:
    """40001 with `base: 1` asks for register 40000 of the wire, which next to no device has."""
    folder.change(
        ("type: uint16}", f"type: uint16, base: {base}}}"),
        ("address: 0}", "address: 40001}"),
        ("address: 1}", "address: 40002}"),
        ("di0: {address: 10", "di0: {address: 40011"),
        ("di1: {address: 10", "di1: {address: 40011"),
        ("{1: 7, 2: 7}", "{40002: 7, 40003: 7}"),
        file="profiles/box.yaml",
    )
    told = [line for line in folder.warnings() if "reference numbers" in line]
    assert bool(told) is warned, told
    if warned:
        assert told[0].startswith("profiles/box.yaml:4:40: the addresses 40001 … 40011 look like"), told
        assert told[0].endswith(
            "need `base: ref` (40001 is the first holding register, 0 on the wire); as it stands,"
            " register 40000 is asked for"
        )


def test_the_system_of_a_profile_must_be_one(folder: Folder) -> None:
    """A device of a system that there is not would be looked at by no rule of any pack."""
    folder.change(("profile: box", "profile: box\nsystem: garage"), file="profiles/box.yaml")
    folder.change(("devices:", "devices:\n  box-2: {profile: box, link: bus, unit: 4}"))
    (told,) = folder.problems()
    assert told.startswith(
        "site.yaml:8:3: no rule would look at it: unknown system 'garage'; did you mean 'garage-water'?"
    )
    folder.change(("box, link: bus, unit: 4", "box, system: garage-water, link: bus, unit: 4"))
    assert folder.problems() == []


def test_a_word_that_begins_several_is_not_guessed(folder: Folder) -> None:
    folder.change(("type: uint16}", "type: float}"), file="profiles/box.yaml")
    (told,) = folder.problems()
    assert "got the text 'float'" in told and "did you mean" not in told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("{4 mA: 0 m, 20 mA: 1 m}", "{4 mA: 0 kPa, 20 mA: 1 kPa}"), "is in kPa"),
        (("signal: {0: 0 mA, 65535: 20 mA}, linear: {4 mA: 0 m, 20 mA: 1 m}", "scale: 0.001"), "has no unit"),
    ],
)
def test_a_standard_point_in_a_unit_of_something_else(folder: Folder, change: tuple[str, str], said: str) -> None:
    """Told once, at the device, and not at each rule of a pack that nobody here may change."""
    folder.change(change)
    (told,) = folder.problems()
    assert told.startswith(f"site.yaml:12:7: 'floor_level' of 'sump' {said}, but the standard point"), told
    folder.change((change[1], change[0].replace(" m,", " cm,").replace(" m}", " cm}")))
    assert folder.problems() == []
