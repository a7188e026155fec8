"""The demo building as the alarm rooms see it, rules made in a line, and a table that plays samples at them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from alerts.bind import bind
from alerts.bound import Bound, Instance
from alerts.condition.build import Fitted, Scope, build
from alerts.condition.columns import Columns
from alerts.condition.node import Node
from alerts.rule import Rule
from gateway.model import (
    HEALTH_POINT,
    SECOND,
    Device,
    Location,
    Part,
    Point,
    PointType,
    Quality,
    Severity,
    Text,
    Truth,
    Value,
)

ROOT = Path(__file__).parents[2]
RULES = ROOT / "config" / "rules"
MINUTE = 60 * SECOND


@functools.cache
def read_yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text("utf-8"))


def pack(name: str) -> list[dict[str, Any]]:
    """A rule pack's mappings."""
    rules: list[dict[str, Any]] = read_yaml(RULES / f"{name}.yaml")
    return rules


def packs() -> list[dict[str, Any]]:
    return [rule for path in sorted(RULES.glob("*.yaml")) for rule in pack(path.stem)]


@functools.cache
def catalogue() -> dict[str, dict[str, Point]]:
    """gateway/points.yaml as points."""
    systems = read_yaml(ROOT / "gateway" / "points.yaml")
    return {
        system: {
            name: Point(name, PointType(each["type"]), each.get("unit"), codes=tuple(each.get("codes", ())))
            for name, each in points.items()
        }
        for system, points in systems.items()
    }


def device(name: str, system: str, fitted: Sequence[Point], **changes: Any) -> Device:
    fields = {
        "id": name,
        "system": system,
        "name": Text(name, name),
        "profile": None,
        "location": Location("1"),
        "poll_ns": SECOND,
        "points": (*fitted, HEALTH_POINT),
    }
    return Device(**{**fields, **changes})


LIFT = [
    "speed",
    "rated_speed",
    "floor",
    "floor_text",
    "position",
    "load",
    "mode",
    "motion",
    "moving",
    "door_open",
    "door_closed",
    "overload",
    "full_load",
    "fault_code",
    "hall_fire",
    "mains_failed",
    "final_limit",
    "door_zone",
]
SUMP = ("floor_level", "sump_level", "high_high_float", "level", "distance")


def lift(name: str = "lift-1", **changes: Any) -> Device:
    """What the controller and the three contacts of the demo tell."""
    return device(name, "elevator", standard("elevator", *LIFT), **{"profile": "inovance-nice3000-plus", **changes})


def sump(name: str = "water-east", zone: str = "garage-east", **changes: Any) -> Device:
    whole = standard("garage-water", *SUMP)
    parts = [
        Point(each, PointType.BOOL, part=part) for part in ("pump-1", "pump-2") for each in ("pump_run", "pump_fault")
    ]
    return device(name, "garage-water", [*whole, *parts], **{"location": Location("1", "B2", zone), **changes})


EAST, WEST = Location("1", "B2", "garage-east"), Location("1", "B2", "garage-west")
KITCHEN = Location(None, "3", "kitchen-3a")
PARTS = {"L1D1": KITCHEN, "L1D2": KITCHEN, "L1D3": EAST, "L1D4": WEST, "L1M1": EAST}
PHASES = ("current_l1", "current_l2", "current_l3")


def standard(system: str, *names: str) -> list[Point]:
    """Standard points by name; without names all of the system."""
    points = catalogue()[system]
    return [points[name] for name in names or points]


def panel(name: str = "panel-1", parts: Mapping[str, Location] = PARTS, **changes: Any) -> Device:
    """A fire panel in building 1 whose parts have these places."""
    of_part = ("fire", "prealarm", "supervisory", "fault", "disabled", "test")
    own = standard("fire", "panel_fault", "mains_fault", "battery_fault")
    each = [replace(point, part=part) for part in parts for point in standard("fire", *of_part)]
    named = {part: Part(part, None, place) for part, place in parts.items()}
    fixed = {"profile": "notifier-modbus-gw", "location": Location("1", "1"), "parts": named}
    return device(name, "fire", [*own, *each], **{**fixed, **changes})


def charger(name: str, place: Location = EAST, points: Sequence[str] = (), **changes: Any) -> Device:
    return device(name, "ev-charging", standard("ev-charging", *points), **{"location": place, **changes})


GATEWAY = [
    "disk_used",
    "outbox_pending",
    "notices_late",
    "queue_depth",
    "loop_lag",
    "samples_dropped",
    "reload_refused",
    "storage_slow",
    "storage_fault",
    "clock_offset",
    "clock_synced",
    "unclean_starts",
    "certificate_days",
    "rule_fault",
]


def gateway(links: Sequence[str] = ("garage", "broker")) -> Device:
    """The gateway with a historian and these links; the last one is of MQTT."""
    own = standard("gateway", *GATEWAY)
    sink = [replace(each, part="historian") for each in standard("gateway", "sink_behind", "sink_refused", "sink_lost")]
    of_link = standard("gateway", "link_up", "bad_replies", "offline_share")
    up = [replace(each, part=link) for link in links for each in of_link]
    told = standard("gateway", "data_gap", "poison", "unknown_device", "conflict", "storm")
    said = [replace(each, part=link) for link in links[-1:] for each in told]
    return device("gateway", "gateway", [*own, *sink, *up, *said], location=Location())


KEBA = ("charger_state", *PHASES, "current_limit", "power")
OPENEVSE = ("charger_state", "current", "pilot_current", "temperature")


def demo() -> list[Device]:
    residual = standard("electrical-fire", "residual_current", "residual_setpoint", "residual_state")
    return [
        lift("lift-1"),
        lift("lift-2"),
        sump("water-east", "garage-east"),
        sump("water-west", "garage-west"),
        panel(),
        charger("feeder-east", EAST, (*PHASES, "power")),
        charger("charger-east-1", EAST, KEBA),
        charger("charger-west-1", WEST, OPENEVSE, poll_ns=0),
        device("residual-east", "electrical-fire", residual, location=EAST),
        gateway(),
    ]


def text(word: str = "words") -> dict[str, str]:
    return {"en": word, "zh": word}


def guidance(**changes: Any) -> dict[str, Any]:
    keys = ("cause", "consequence", "corrective_action", "confirm_how", "owner", "basis")
    return {**{key: text(key) for key in keys}, "time_to_respond": "10min", **changes}


def rule_mapping(when: Any = None, **changes: Any) -> dict[str, Any]:
    """A valid rule on the floor level; `class_` becomes `class`."""
    mapping = {
        "rule": "T-01",
        "title": text("Test"),
        "severity": "high",
        "class": "property",
        "on": {"system": "garage-water", "point": "floor_level"},
        "when": {"at_least": "10 cm"} if when is None else when,
        "guidance": guidance(),
        **changes,
    }
    if "class_" in mapping:
        mapping["class"] = mapping.pop("class_")
    return mapping


def rule(when: Any = None, **changes: Any) -> Rule:
    return Rule.model_validate(rule_mapping(when, **changes))


class Table:
    """Current values of some devices, and the bound instances over them."""

    def __init__(self, bound: Bound) -> None:
        assert bound.problems == ()
        self.bound = bound
        self.columns = bound.columns
        self.by_key = {(each.rule.rule, each.source): each for each in bound.instances}
        self.now_ns = 0

    def set(self, at_s: float, device: str, values: Mapping[str, Value], quality: int = Quality.GOOD) -> None:
        """One frame: samples of some points of a device, then everything is judged."""
        self.now_ns = round(at_s * SECOND)
        for key, value in values.items():
            slot = self.columns.slots.get((device, key))
            if slot is not None:
                self.columns.put(slot, None if quality >= 0x80 else value, quality, self.now_ns)
        self.judge_all()

    def wait(self, at_s: float) -> None:
        self.now_ns = round(at_s * SECOND)
        self.judge_all()

    def judge_all(self) -> None:
        for instance in self.bound.instances:
            truth = instance.condition.judge(self.columns, self.now_ns)
            self.columns.alarm_active[instance.rule.rule, instance.source] = truth

    def truth(self, rule: str, source: str) -> Truth:
        return self.instance(rule, source).condition.judge(self.columns, self.now_ns)

    def severity(self, rule: str, source: str) -> Severity | None:
        return self.instance(rule, source).condition.severity

    def instance(self, rule: str, source: str) -> Instance:
        return self.by_key[rule, source]


def table(rules: Sequence[Rule], devices: Sequence[Device]) -> Table:
    return Table(bind(rules, devices, catalogue()))


class One:
    """One condition on a device with one point `x`; plays samples at it."""

    def __init__(
        self, when: Any, point: Point | None = None, *, class_: str = "life_safety", poll_s: float = 1
    ) -> None:
        self.columns = Columns()
        point = point or Point("x", PointType.FLOAT, "m")
        own = rule(when, on={"system": "test", "point": "x"}, class_=class_)
        others = [Point("y", PointType.FLOAT, "m"), Point("b", PointType.BOOL)]
        self.device = device("d", "test", [point, *others], poll_ns=round(poll_s * SECOND))
        scope = Scope(
            device=self.device,
            fitted=Fitted(self.device),
            part=None,
            own_point="x",
            severity=own.severity,
            columns=self.columns,
            unknown_for_ns=60 * SECOND,
            sources=lambda rule, same: [(rule, "d")],
            codes=lambda name: (),
            compile=build,
            life_safety=class_ == "life_safety",
        )
        self.node: Node = build(own.when, scope, ("when",))
        self.now_ns = 0

    def put(self, at_s: float, value: Value, quality: int = Quality.GOOD, point: str = "x") -> Truth:
        self.now_ns = round(at_s * SECOND)
        slot = self.columns.slot("d", point)
        self.columns.put(slot, None if quality >= 0x80 else value, quality, self.now_ns)
        return self.node.judge(self.columns, self.now_ns)

    def tick(self, at_s: float) -> Truth:
        self.now_ns = round(at_s * SECOND)
        return self.node.tick(self.columns, self.now_ns)
