"""CFG16, CFG17: references are filled in, a missing one is told by name, and what they give is told to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli.main import main
from tests.config.conftest import Folder

CANARY = "canary-7f3a9c2e51d84b06"
HOOK = 'notify: {{webhooks: [{{url: "https://hooks.example/x", secret: "{secret}"}}]}}\nrules: {{'
PLACE = "site.yaml:14:62: "


def hook(folder: Folder, secret: str) -> None:
    folder.change(("rules: {", HOOK.format(secret=secret)))


def test_cfg16_env_cred_and_file_work(folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    monkeypatch.setenv("ANLOU_HOOK", CANARY)
    for file in (credentials / "hook", folder.path / "hook.secret"):
        file.write_text(f"{CANARY}\n")
        file.chmod(0o400)
    hook(folder, "${env:ANLOU_HOOK}")
    for reference in (
        "${env:ANLOU_HOOK}",
        "${cred:hook}",
        "${file:hook.secret}",
        f"${{file:{folder.path}/hook.secret}}",
    ):
        folder.change(("${env:ANLOU_HOOK}", reference))
        site = folder.load()
        assert site.notify[0].secret.get_secret_value() == CANARY
        assert CANARY not in repr(site) and site.warnings == ()
        folder.change((reference, "${env:ANLOU_HOOK}"))


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("${env:ANLOU_MISSING}", "the environment variable ANLOU_MISSING is not set, or empty"),
        ("${env:ANLOU_EMPTY}", "the environment variable ANLOU_EMPTY is not set, or empty"),
        ("${cred:hook}", "the credential 'hook' cannot be read: CREDENTIALS_DIRECTORY is not set"),
        ("${file:nowhere}", "the file 'nowhere' is missing or unfit: cannot be read: no such file or directory"),
        ("${file:/dev/zero}", "the file '/dev/zero' is missing or unfit: a regular file is expected"),
        ("${file:open.secret}", "the file 'open.secret' is open to everybody; chmod o-rwx it"),
        ("${file:binary.secret}", "the file 'binary.secret' is not UTF-8"),
        ("${file:lines.secret}", "the file 'lines.secret' must hold one line of text"),
        ("${file:big.secret}", "the file 'big.secret' is missing or unfit: the file is larger than 65,536 bytes"),
        ("${cred:../../etc/passwd}", "'${cred:../../etc/passwd}': a name of letters, digits, - and _ is expected"),
        ("${port:hook}", "the port 'hook' is not known; the environment variable ANLOU_PORT_HOOK would give it"),
        ("${vault:x}", "'${vault:x}' is no reference"),
        ("${x}", "'${x}' is no reference"),
        ("${env:A", "'${env:A' is no reference"),
        ("${}", "'${}' is no reference"),
    ],
)
def test_cfg16_a_missing_one_is_told_by_name(
    folder: Folder, reference: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("ANLOU_EMPTY", "")
    folder.write("open.secret", CANARY, 0o644)
    folder.write("binary.secret", b"\xff" + CANARY.encode(), 0o400)
    folder.write("lines.secret", f"{CANARY}\n{CANARY}\n", 0o400)
    folder.write("big.secret", CANARY * 4000, 0o400)
    hook(folder, reference)
    (problem,) = folder.problems()
    assert problem.startswith(PLACE + told) and CANARY not in problem, problem


def test_cfg16_check_exits_2(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    hook(folder, "${env:ANLOU_MISSING}")
    assert main(["check", "--site", str(folder.path / "site.yaml")]) == 2
    assert "ANLOU_MISSING" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("timezone: Asia/Shanghai", 'timezone: "${env:ANLOU_CANARY}"'),
        ("id: t", 'id: "${env:ANLOU_CANARY}!"'),
        ("tcp://10.0.0.7", "tcp://${env:ANLOU_CANARY}_!"),
        ("tcp://10.0.0.7", "${env:ANLOU_CANARY}"),
        ("link: bus", 'link: "${env:ANLOU_CANARY}"'),
        ("profile: box", 'profile: "${env:ANLOU_CANARY}"'),
        ("system: garage-water", 'system: "${env:ANLOU_CANARY}"'),
        ("from: io.ai0", 'from: "io.${env:ANLOU_CANARY}"'),
        ("from: io.ai0", 'from: "${env:ANLOU_CANARY}.ai0"'),
        ("[rules.yaml]", '["${env:ANLOU_CANARY}"]'),
        ("[rules.yaml]", '[rules.yaml], override: {T-01: {severity: "${env:ANLOU_CANARY}"}}'),
        ("[rules.yaml]", '[rules.yaml], override: {T-01: {when: {at_least: "${env:ANLOU_CANARY}"}}}'),
        ("unit: 3", 'unit: 3, poll: "${env:ANLOU_CANARY}"'),
        ("{building: 1", '{building: "${env:ANLOU_CANARY}${env:ANLOU_CANARY}${env:ANLOU_CANARY}"'),
    ],
)
def test_cfg16_what_a_reference_gives_is_never_told(
    folder: Folder, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANLOU_CANARY", CANARY)
    folder.change((old, new))
    told = folder.problems()
    assert told
    for size in range(6, len(CANARY)):
        assert not any(CANARY[:size] in line or CANARY[-size:] in line for line in told), told


def test_cfg16_a_secret_in_clear_is_a_warning(folder: Folder) -> None:
    hook(folder, CANARY)
    (warning,) = folder.warnings()
    assert warning.startswith("site.yaml:14:54: a secret stands here in clear") and CANARY not in warning


def test_cfg16_a_wrong_secret_in_clear_is_not_told(folder: Folder) -> None:
    hook(folder, "short-canary")
    (problem,) = folder.problems()
    assert problem.startswith("site.yaml:14:") and "short-canary" not in problem, problem


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o641])
def test_cfg17_a_file_with_a_secret_is_closed_to_others(folder: Folder, mode: int) -> None:
    hook(folder, CANARY)
    (folder.path / "site.yaml").chmod(mode)
    assert folder.problems() == [PLACE + "everybody may read this file and the secret in it; chmod o-rwx it"]
    (folder.path / "site.yaml").chmod(0o640)
    assert folder.problems() == []


def test_ports_come_from_the_caller_or_the_environment(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.change((":502", ":${port:pump-room}"))
    assert folder.problems() == [
        "site.yaml:4:17: the port 'pump-room' is not known; the environment variable ANLOU_PORT_PUMP_ROOM would give it"
    ]
    assert folder.load({"pump-room": 1502}).links["bus"].endpoint == "tcp://10.0.0.7:1502"
    monkeypatch.setenv("ANLOU_PORT_PUMP_ROOM", "2502")
    assert folder.load().links["bus"].endpoint == "tcp://10.0.0.7:2502"
    for wrong in ("0", "65536", "+5", "502 ", "x"):
        monkeypatch.setenv("ANLOU_PORT_PUMP_ROOM", wrong)
        assert folder.problems() == ["site.yaml:4:17: the port 'pump-room' must lie within 1 … 65535"]


def test_check_assumes_a_port_that_only_run_needs(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.change((":502", ":${port:pump-room}"))
    assert main(["check", "--site", str(folder.path / "site.yaml")]) == 0
    assert "set ANLOU_PORT_PUMP_ROOM" in capsys.readouterr().out


def test_an_escaped_reference_is_a_text(folder: Folder) -> None:
    folder.change(("{building: 1", '{building: "$${env:HOME}"'))
    assert folder.load().devices[0].location.building == "${env:HOME}"


def test_an_unquoted_reference_in_braces_gets_a_hint(folder: Folder) -> None:
    folder.change(("{building: 1", "{building: ${env:HOME}"))
    assert folder.problems() == ['site.yaml:10:21: quote a text that holds ${…}: "${…}"']
