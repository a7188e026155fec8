"""MQTT links in a site: senders and their variables, what is told of each mistake, and what a good site becomes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from drivers.modbus.options import ModbusLinkOptions
from drivers.mqtt.options import MqttLinkOptions
from gateway.cli.main import main
from gateway.config.load import load_site
from gateway.model import SECOND
from tests.config.conftest import Folder

PROFILE = """\
profile: float-switch
title: {en: Float, zh: 浮球}
source: [{ref: test, verified: memory}]
mqtt:
  topic: "{base}/{id}/level"
  expect_every: 10min
points:
  depth: {path: depth, unit: cm}
  battery: {path: battery, unit: "%"}
vectors: [{variables: {base: b, id: i}, payload: {depth: 7}, expect: {depth: 7}}]
"""
QUIET = """\
profile: station
title: {en: Station, zh: 桩}
source: [{ref: test, verified: memory}]
system: ev-charging
mqtt:
  availability: {topic: "announce/{id}", path: state, online: [here], offline: [gone]}
points:
  current: {topic: "{base}/amp", unit: A}
  power: {topic: "{base}/power", unit: W}
vectors: [{topic: "{base}/amp", variables: {base: b, id: i}, payload: "7", expect: {current: 7}}]
"""
SITE = """\
site: {id: t, name: {en: Test, zh: 测试}, timezone: Asia/Shanghai}
profiles: [profiles]
links:
  bus: {modbus: "tcp://10.0.0.7:502"}
  broker: {mqtt: "mqtts://broker.lan", username: anlou, password: "${env:ANLOU_TEST_PASSWORD}"}
modules:
  io: {profile: box, link: bus, unit: 3}
  swl: {profile: float-switch, link: broker, vars: {base: garage}, expect_every: 2min}
devices:
  sump:
    system: garage-water
    points:
      floor_level: {from: swl.depth, unit: m}
      pump-1/pump_run: {from: io.di0}
  gauge: {profile: float-switch, link: broker, vars: {base: roof, id: g-1}, system: garage-water}
  station: {profile: station, link: broker, vars: {base: west}}
rules: {files: [rules.yaml]}
"""


@pytest.fixture
def site(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("ANLOU_TEST_PASSWORD", "correct horse")
    folder.write("profiles/float-switch.yaml", PROFILE)
    folder.write("profiles/station.yaml", QUIET)
    folder.write("site.yaml", SITE)
    return folder


def test_a_site_with_both_wires(site: Folder) -> None:
    found = site.load()
    assert isinstance(found.links["bus"], ModbusLinkOptions)
    broker = found.links["broker"]
    assert isinstance(broker, MqttLinkOptions)
    assert (broker.endpoint, broker.password, broker.client_id) == (
        "mqtts://broker.lan:8883",
        "correct horse",
        "anlou-t-broker",
    )
    assert [(unit.name, unit.unit, dict(unit.variables), unit.poll_ns // SECOND) for unit in found.units] == [
        ("io", 3, {}, 1),
        ("swl", None, {"base": "garage", "id": "swl"}, 120),  # its own id, as nothing else is said
        ("gauge", None, {"base": "roof", "id": "g-1"}, 600),
        ("station", None, {"base": "west", "id": "station"}, 0),
    ]
    assert {device.id: device.poll_ns // SECOND for device in found.devices} == {
        "sump": 120,
        "gauge": 600,
        "station": 0,
        "gateway": 10,
    }
    assert found.historian is None


def test_the_gateway_has_the_points_of_the_links_that_are_read(site: Folder) -> None:
    site.change(("broker: {mqtt", 'idle: {modbus: "tcp://10.0.0.8"}\n  broker: {mqtt'))
    gateway = site.load().devices[-1]
    own = ["disk_used", "outbox_pending", "notices_late", "queue_depth", "loop_lag", "samples_dropped"]
    own += ["reload_refused", "storage_slow", "storage_fault", "clock_synced", "unclean_starts", "rule_fault"]
    bus = [f"bus/{name}" for name in ("link_up", "bad_replies", "offline_share")]
    troubles = ("link_up", "data_gap", "poison", "unknown_device", "conflict", "storm", "offline_share")
    broker = [f"broker/{name}" for name in troubles]
    assert [point.key for point in gateway.points] == [*own, *bus, *broker, "health"]
    site.change(
        ("rules: {", 'historian: {kind: victoriametrics, url: "http://127.0.0.1:8428"}\nrules: {'),
        ("  gauge: {", "  gauge: {disabled: true, "),
    )
    gateway = site.load().devices[-1]
    assert [point.key for point in gateway.points if point.part == "historian"] == [
        "historian/sink_behind",
        "historian/sink_refused",
        "historian/sink_lost",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('bus: {modbus: "tcp', 'bus: {rtu: "tcp',
         "4:8: unknown wire 'rtu'; there are `modbus` (tcp://HOST, tls://HOST,"
         " rtu:///dev/PORT?baud=… or rtu+tcp://HOST:PORT) and `mqtt` (mqtt://HOST or mqtts://HOST)"),
        ('bus: {modbus: "tcp://10.0.0.7:502"}', "bus: {timeout: 1s}",
         "4:8: a link begins with its address; there are `modbus` (tcp://HOST, tls://HOST,"
         " rtu:///dev/PORT?baud=… or rtu+tcp://HOST:PORT) and `mqtt` (mqtt://HOST or"
         " mqtts://HOST)"),
        ('bus: {modbus: "tcp', 'bus: {Modbuss: "tcp', "4:9: unknown key 'Modbuss'; did you mean 'modbus'?"),
        ('broker: {mqtt: "', 'broker: {mqttt: "', "5:12: unknown key 'mqttt'; did you mean 'mqtt'?"),
        ('bus: {modbus: "tcp://10.0.0.7:502"}', 'bus: {modbus: "tcp://10.0.0.7:502", mqtt: "mqtts://x"}',
         "4:8: one link speaks over one wire: either `modbus` or `mqtt`; write two links"),
        ('"tcp://10.0.0.7:502"}', '"tcp://10.0.0.7:502", keepalive: 5s}',
         "4:39: unknown key 'keepalive'; valid: modbus, "),
        ('"tcp://10.0.0.7:502"}', '"tcp://10.0.0.7:502", timeot: 5s}',
         "4:39: unknown key 'timeot'; did you mean 'timeout'?"),
        ("username: anlou", "usernam: anlou", "5:40: unknown key 'usernam'; did you mean 'username'?"),
        ("username: anlou, ", "", "5:11: `password` needs a `username`"),
        ("username: anlou", "username: anlou, keepalive: 1s", "5:68: must lie within 2s … 1min"),
        ("username: anlou", "username: anlou, window: 5", "5:65: must lie within 10 … 65535, got 5"),
        ('"mqtts://broker.lan"', '"mqtts://broker.lan:0"', "5:18: a port lies within 1 … 65535, got 0"),
        ('"mqtts://broker.lan"', '"mqtts://broker.lan:70000"', "5:18: a port lies within 1 … 65535, got 70000"),
        ('"mqtts://broker.lan"', '"tcp://broker.lan"', "5:18: only mqtt:// and mqtts:// can be spoken"),
        ('"mqtts://broker.lan"', '"mqtts://me:hunter2@broker.lan"', "5:18: a name and a password stand in"
         " `username` and `password`, not in the address"),
        ('"mqtts://broker.lan"', '"mqtts://broker..lan"', "5:18: 'broker..lan' is no host name: letters, digits and -"
         " are expected between dots"),
        ('"mqtts://broker.lan"', '"mqtts://999.1.1.1"', "5:18: '999.1.1.1' is no IP address: four numbers within 0 …"
         " 255 are expected"),
        ('"mqtts://broker.lan"', '"mqtts://"', "5:18: an address such as mqtts://broker.lan:8883 is expected"),
        ('"mqtts://broker.lan"', '"mqtt://broker.lan"', "5:11: anybody on the way can read and forge what mqtt://"
         " carries: use mqtts://, or say `insecure: true`"),
        ("  bus: {", '  two: {mqtt: "mqtts://broker.lan:8883"}\n  bus: {', "6:18: mqtts://broker.lan:8883 already is"
         " the link 'two', with other options (line 4); one endpoint has one link"),
        ("  bus: {", '  historian: {modbus: "tcp://10.0.0.9"}\n  bus: {', "4:3: 'historian' is what the gateway calls"
         " the outside time-series store; choose another name"),
    ],
)  # fmt: skip
def test_links_of_two_wires(site: Folder, old: str, new: str, told: str) -> None:
    site.change((old, new))
    (problem,) = site.problems()
    assert problem == f"site.yaml:{told}" or (told.endswith(", ") and problem.startswith(f"site.yaml:{told}"))


def test_plain_mqtt_is_for_this_machine_or_must_be_meant(site: Folder) -> None:
    for address in ("mqtt://127.0.0.1", "mqtt://[::1]:1884", "mqtt://localhost"):
        site.write("site.yaml", SITE.replace("mqtts://broker.lan", address))
        assert site.problems() == []
    site.write("site.yaml", SITE.replace('"mqtts://broker.lan"', '"mqtt://broker.lan", insecure: true'))
    assert site.problems() == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("link: broker, vars: {base: roof", "link: bus, vars: {base: roof",
         "15:40: 'bus' is a Modbus link, but the profile 'float-switch' is of MQTT messages"),
        ("io: {profile: box, link: bus, unit: 3}", "io: {profile: box, link: broker, unit: 3}",
         "7:28: 'broker' is an MQTT link, but the profile 'box' is of Modbus registers"),
        ("{base: roof, id: g-1}", "{base: roof, id: g-1}, unit: 4",
         "15:77: `unit` has no use here: nothing has a number on an MQTT link: `vars` fills in its topics"),
        ("{base: roof, id: g-1}", "{base: roof, id: g-1}, poll: 4s",
         "15:77: `poll` has no use here: nothing is polled over MQTT; `expect_every` says how often it speaks"),
        ("unit: 3}", "unit: 3, vars: {id: io}}",
         "7:42: `vars` has no use here: a unit of a Modbus link is polled: `unit`, `poll`"),
        ("unit: 3}", "unit: 3, expect_every: 1min}",
         "7:42: `expect_every` has no use here: a unit of a Modbus link is polled: `unit`, `poll`"),
        ("io: {profile: box, link: bus, unit: 3}", "io: {profile: box, link: bus}",
         "7:3: the key 'unit' is missing: what has a profile answers on a link as a unit"),
        (", vars: {base: west}", "", "16:3: `vars: {base: …}` must fill in '{base}/amp' and '{base}/power'"),
        ("{base: roof, id: g-1}", "{id: g-1}", "15:48: `vars: {base: …}` must fill in '{base}/{id}/level'"),
        ("{base: roof, id: g-1}", "{base: roof, idd: g-1}", "15:67: unknown variable 'idd'; did you mean 'id'?"),
        ("{base: roof, id: g-1}", "{base: roof, floor: 1}",
         '15:74: a text is expected, got the number 1; to write it as a text, quote it: "1"'),
        ("expect_every: 2min", "expect_every: 100ms", "8:82: must lie within 1s … 7d"),
        ("expect_every: 2min", "expect_every: 8d", "8:82: must lie within 1s … 7d"),
        ("expect_every: 2min", "expect_every: null", None),
        ("    system: garage-water\n", "    system: garage-water\n    vars: {id: x}\n",
         "12:5: without a `profile` nothing is read from this device, so `vars` has no use"),
    ],
)  # fmt: skip
def test_senders(site: Folder, old: str, new: str, told: str | None) -> None:
    site.change((old, new))
    (found,) = site.problems()
    assert told is None or found == f"site.yaml:{told}"


@pytest.mark.parametrize(
    "value", ["a/b", "+", "#", "a+", "..", ".", "''", "'a b'", "'%2e'.", "安", "x" * 65, "'a\\0b'"]
)
def test_cfg14_a_variable_is_one_level_of_a_topic(site: Folder, value: str) -> None:
    site.change(("base: roof", f'base: "{value.strip(chr(39))}"'))
    problems = site.problems()
    assert len(problems) == 1 and problems[0].startswith("site.yaml:15:61: "), problems


@pytest.mark.parametrize(
    "topic",
    ["#", "a/#", "+/level", "a/+x", "$SYS/broker", "x" * 65_536, "", '"a\\0b"', '"a\\u202eb"', "{base", "a/{Base}/b"],
)
def test_cfg14_a_profile_names_one_topic(site: Folder, topic: str) -> None:
    quoted = topic if topic.startswith('"') else f'"{topic}"'
    site.change(('"{base}/{id}/level"', quoted), file="profiles/float-switch.yaml")
    problems = site.problems()
    assert problems and all(told.startswith("profiles/float-switch.yaml:") for told in problems), problems


@pytest.mark.parametrize("watched", ["a/#/b", "a+/b", "$SYS/#", "$share/g/a", '"a\\0b"', '""', "x" * 65_536, "5"])
def test_cfg14_what_is_watched_is_a_filter(site: Folder, watched: str) -> None:
    quoted = watched if watched.startswith('"') or watched == "5" else f'"{watched}"'
    site.change(("username: anlou", f"username: anlou, watch: [{quoted}]"))
    (told,) = site.problems()
    assert told.startswith("site.yaml:5:65: "), told


def test_two_senders_on_one_topic(site: Folder) -> None:
    site.change(
        ("  station:", "  twin: {profile: float-switch, link: broker, vars: {base: garage, id: swl}}\n  station:")
    )
    site.change(
        ("link: broker, vars: {base: garage, id: swl}", "link: broker, vars: {base: garage, id: swl}, system: fire")
    )
    assert site.problems() == [
        "site.yaml:16:3: 'garage/swl/level' is the topic of line 8; each sender is one entry, whose `points` may feed"
        " others"
    ]


def test_two_senders_with_one_availability_topic_of_their_own(site: Folder) -> None:
    """Copied, and only half changed: the one that is gone would be taken for the other, which is there."""
    site.change(("  station:", "  twin: {profile: station, link: broker, vars: {base: east, id: station}}\n  station:"))
    assert site.problems() == [
        "site.yaml:17:3: 'announce/station' is the availability topic of line 16; `id` is the sender's own, and nobody"
        " would know which of the two is gone"
    ]


def test_an_availability_topic_that_many_share(site: Folder) -> None:
    """A bridge speaks for all its devices."""
    site.change(("announce/{id}", "bridge/state"), ("{base: b, id: i}", "{base: b}"), file="profiles/station.yaml")
    site.change(("  station:", "  twin: {profile: station, link: broker, vars: {base: east}}\n  station:"))
    assert site.problems() == []


def test_two_topics_of_one_sender_that_are_one(site: Folder) -> None:
    site.change(('"{base}/power"', '"{id}/amp"'), file="profiles/station.yaml")
    site.change(("{base: west}", "{base: west, id: west}"))
    assert site.problems() == ["site.yaml:16:45: with these variables two topics of the profile are one: 'west/amp'"]


def test_an_eui_that_yaml_takes_for_a_number(site: Folder) -> None:
    """Sixteen digits with one e among them: whoever is only told that it is too large does not know what to do."""
    site.change(("vars: {base: garage}", "vars: {base: 24e1244540834012}"))
    (told,) = site.problems()
    assert told.endswith('the number 24e1244540834012 is too large; if it is a name, quote it: "24e1244540834012"')


def test_regular_and_quiet_points_in_one_device_have_periods_of_their_own(site: Folder) -> None:
    """What speaks only when something changes must not be missed between two changes, nor the rest be waited for."""
    site.change(("      pump-1/pump_run:", "      amps: {from: station.current}\n      pump-1/pump_run:"))
    assert [told for told in site.warnings() if ":10:3:" in told] == []
    sump = site.load().devices[0]
    assert sump.poll_ns > 0 and sump.periods["amps"] == 0


def test_cfg16_a_password_in_clear_is_a_warning_and_never_told(site: Folder) -> None:
    site.change(("${env:ANLOU_TEST_PASSWORD}", "hunter22"))
    assert any("a secret stands here in clear" in told for told in site.warnings())
    site.change(('"hunter22"', '"hunter22", window: hunter22'))
    assert site.problems() and "hunter22" not in "\n".join(site.problems())


def test_cfg16_a_password_that_is_not_there(site: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANLOU_TEST_PASSWORD")
    assert site.problems() == ["site.yaml:5:67: the environment variable ANLOU_TEST_PASSWORD is not set, or empty"]


def _certificate(folder: Path, name: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


def test_tls_files_of_a_broker(site: Folder) -> None:
    for name in ("one", "other"):
        _certificate(site.path, name)
    site.change(("username: anlou", "ca: one.pem, certificate: one.pem, key: one.key, username: anlou"))
    broker = site.load().links["broker"]
    assert isinstance(broker, MqttLinkOptions)
    assert (broker.ca, broker.certificate, broker.key) == tuple(
        str(site.path / name) for name in ("one.pem", "one.pem", "one.key")
    )
    site.change(("key: one.key", "key: other.key"))
    assert site.problems() == ["site.yaml:5:66: the key in `key` is not this certificate's"]
    site.change(("key: other.key", "key: nowhere.key"), ("ca: one.pem", "ca: gone.pem"))
    assert site.problems() == [
        "site.yaml:5:44: gone.pem cannot be read: no such file or directory",
        "site.yaml:5:81: nowhere.key cannot be read: no such file or directory",
    ]
    site.change(("ca: gone.pem", "ca: one.key"), ("key: nowhere.key", "key: one.key"))
    assert site.problems() == ["site.yaml:5:44: certificates of authorities are expected here, in PEM"]
    site.change(("certificate: one.pem, ", ""))
    assert site.problems() == ["site.yaml:5:11: `certificate` and `key` go together"]


@pytest.mark.parametrize(
    ("historian", "told"),
    [
        ("{kind: influx, url: \"http://127.0.0.1\"}", "17:19: one of influxdb2, victoriametrics is expected, got the"
         " text 'influx'; did you mean 'influxdb2'?"),
        ('{kind: influxdb2, url: "http://127.0.0.1:8086"}', "17:12: influxdb2 needs `org`, `bucket` and `token`"),
        ('{kind: victoriametrics, url: "http://tsdb.lan"}', "17:41: http:// is for the loopback only; use https://, or"
         " say `insecure: true`"),
        ('{kind: victoriametrics, ulr: "https://tsdb.lan"}', "17:36: unknown key 'ulr'; did you mean 'url'?"),
        ('{kind: victoriametrics, url: "https://tsdb.lan", ca: no.pem}', "17:65: no.pem cannot be read: no such file or"
         " directory"),
        ("victoriametrics", "17:12: a mapping (key: value) is expected, got the text 'victoriametrics'"),
    ],
)  # fmt: skip
def test_the_historian(site: Folder, historian: str, told: str) -> None:
    site.change(("rules: {", f"historian: {historian}\nrules: {{"))
    assert site.problems() == [f"site.yaml:{told}"]


def test_the_historians_token_is_a_secret(site: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    _certificate(site.path, "tsdb")
    line = (
        'historian: {kind: influxdb2, url: "https://tsdb.lan:8086", org: o, bucket: b, token: "TOKEN", ca: tsdb.pem}\n'
    )
    site.change(("rules: {", line + "rules: {"))
    assert any("a secret stands here in clear" in told for told in site.warnings())
    monkeypatch.setenv("ANLOU_TEST_TOKEN", "s3cr3t-t0ken")
    site.change(("TOKEN", "${env:ANLOU_TEST_TOKEN}"))
    historian = site.load().historian
    assert historian is not None and historian.token is not None
    assert historian.token.get_secret_value() == "s3cr3t-t0ken" and historian.ca == str(site.path / "tsdb.pem")
    monkeypatch.setenv("ANLOU_TEST_TOKEN", "s3cr3t-t0ken\u00e9")
    assert site.problems() and "s3cr3t" not in "\n".join(site.problems())


def test_check_tells_of_brokers(site: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    site.change(("rules: {", 'historian: {kind: victoriametrics, url: "http://127.0.0.1:8428"}\nrules: {'))
    assert main(["check", "--site", str(site.path / "site.yaml"), "--plan"]) == 0
    told = capsys.readouterr().out
    assert "broker: mqtts://broker.lan:8883 as anlou-t-broker, 5 topics of swl, gauge, station" in told
    assert "historian: victoriametrics at http://127.0.0.1:8428" in told
    assert "  broker swl (float-switch) every 120 s: garage/swl/level\n" in told
    assert "  broker station (station) when something changes: west/amp, west/power, announce/station\n" in told
    assert main(["check", "--site", str(site.path / "site.yaml"), "--plan", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["brokers"][0]["topics"] == [
        "announce/station", "garage/swl/level", "roof/g-1/level", "west/amp", "west/power"
    ]  # fmt: skip
    assert said["historian"] == {"kind": "victoriametrics", "endpoint": "http://127.0.0.1:8428"}
    assert [(sender["name"], sender["expected_s"]) for sender in said["senders"]] == [
        ("swl", 120),
        ("gauge", 600),
        ("station", None),
    ]
    assert [unit["name"] for bus in said["plan"] for unit in bus["units"]] == ["io"]


def test_profiles_that_are_looked_for(site: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    """`discover`: each name is a profile that says how its devices announce themselves."""
    site.change(("username: anlou", "discover: [openevse], username: anlou"))
    config = site.load()
    assert {link: [one.profile for one in profiles] for link, profiles in config.discover.items()} == {
        "broker": ["openevse"]
    }
    assert main(["check", "--site", str(site.path / "site.yaml"), "--plan"]) == 0
    assert "  broker looks for devices of openevse: openevse/announce/" in capsys.readouterr().out
    site.change(("[openevse]", "[openevs, box, tasmota-plug]"))
    unknown, no_messages, silent = site.problems()
    assert unknown.startswith("site.yaml:5:") and "unknown profile 'openevs'; did you mean 'openevse'?" in unknown
    assert "the profile 'box' does not say how such devices announce themselves (`announce`)" in no_messages
    assert "the profile 'tasmota-plug' does not say how" in silent


LISTENS = """\
site: {id: t, name: {en: Test, zh: 测试}, timezone: Asia/Shanghai}
links:
  broker: {mqtt: "mqtt://127.0.0.1:1883", discover: [openevse]}
  other: {mqtt: "mqtt://127.0.0.1:1884", watch: ["house/#"]}
rules: {packs: [gateway]}
"""


def test_a_broker_with_no_device_yet_is_listened_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whom it looks for is found before the first of them is in the site."""
    file = tmp_path / "site.yaml"
    file.write_text(LISTENS)
    config = load_site(file)
    assert {link: one.units for link, one in config.assignments.items()} == {"broker": (), "other": ()}
    gateway = config.devices[-1]
    assert {point.part for point in gateway.points if point.name == "link_up"} == {"broker", "other"}
    assert main(["check", "--site", str(file), "--plan"]) == 0
    told = capsys.readouterr().out
    assert "nothing is read" not in told
    assert "  broker: mqtt://127.0.0.1:1883 as anlou-t-broker, no device of its own\n" in told
    assert "  broker looks for devices of openevse: openevse/announce/" in told
    assert "  other notices messages from nobody under house/#\n" in told
