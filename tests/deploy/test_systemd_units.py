"""The systemd units: sound for systemd where it is installed, and for what every unit must hold anywhere."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from manifests import DEPLOY

from orchestrator.dispatch.raytune.cluster import _temporary_folder

UNITS = sorted((DEPLOY / "systemd").iterdir())
_SECTIONS = {".service": {"Unit", "Service", "Install"}, ".timer": {"Unit", "Timer", "Install"}}


def parsed(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Return sections of (key, value), refusing what is neither a comment nor one of the two."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), [])
            continue
        key, equals, value = line.partition("=")
        assert equals, f"{path.name}: {line!r}"
        assert key.isidentifier(), f"{path.name}: {line!r}"
        section.append((key, value))
    return sections


def settings(name: str, section: str) -> dict[str, str]:
    return dict(parsed(DEPLOY / "systemd" / name)[section])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_have_the_sections_of_their_kind(unit: Path) -> None:
    found = set(parsed(unit))
    assert found <= _SECTIONS[unit.suffix]
    assert {"Unit", unit.suffix.strip(".").title()} <= found


def _verify(folder: Path, changes: dict[str, str]) -> subprocess.CompletedProcess[str]:
    names = []
    for unit in UNITS:
        text = unit.read_text().replace("/opt/kerasweep/bin/kerasweep", "/bin/true")
        for old, new in changes.items():
            text = text.replace(old, new)
        name = unit.name.replace("@.", "@night.")
        (folder / unit.name).write_text(text)
        names.append(folder / name)
    return subprocess.run(["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False)


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        assert len(UNITS) == 3  # then the other tests of this file are all there is
        return
    done = _verify(tmp_path, {})
    assert (done.returncode, done.stderr) == (0, "")
    broken = _verify(tmp_path, {"Persistent=true": "Persistant=true"})
    assert "Persistant" in broken.stderr


@pytest.mark.parametrize("name", ["kerasweep-scheduler.service", "kerasweep-sweep@.service"])
def test_services_run_as_nobody_special_and_write_only_to_their_own_folder(name: str) -> None:
    service = settings(name, "Service")
    assert service["User"] == service["Group"] == "kerasweep"
    assert service["WorkingDirectory"] == "/var/lib/kerasweep"
    assert service["StateDirectory"].split()[0] == "kerasweep"
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == service["ProtectHome"] == service["PrivateTmp"] == "true"
    assert "MemoryDenyWriteExecute" not in service  # compiled programs are written and run
    assert "PrivateDevices" not in service  # GPUs are devices
    assert service["OOMPolicy"] == "continue"


def environment(name: str) -> dict[str, str]:
    lines = [value for key, value in parsed(DEPLOY / "systemd" / name)["Service"] if key == "Environment"]
    return dict(pair.split("=", 1) for line in lines for pair in line.split())


def test_a_restart_of_the_scheduler_leaves_its_sweeps_alone() -> None:
    assert settings("kerasweep-scheduler.service", "Service")["KillMode"] == "process"


@pytest.mark.parametrize("name", [unit.name for unit in UNITS if "KillMode=process\n" in unit.read_text()])
def test_temporary_folders_outlive_a_unit_that_its_processes_outlive(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private /tmp is emptied when the unit stops, and with KillMode=process its sweeps live on without it."""
    service = settings(name, "Service")
    temporary = environment(name)["TMPDIR"]
    assert temporary in [f"/var/lib/{folder}" for folder in service["StateDirectory"].split()]
    assert service.get("PrivateTmp") != "true" or not temporary.startswith(("/tmp", "/var/tmp"))  # noqa: S108 (none is made)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: temporary)
    assert _temporary_folder() == temporary  # Ray's session as well


def test_no_credential_of_the_unit_is_what_sweeps_need_after_a_restart() -> None:
    readme = (DEPLOY / "README.md").read_text()
    assert "PGPASSFILE=/etc/kerasweep/pgpass" in readme
    assert "LoadCredential" not in readme


def test_what_a_crash_left_in_the_temporary_folder_goes_at_boot_only(tmp_path: Path) -> None:
    rules = DEPLOY / "tmpfiles" / "kerasweep.conf"
    temporary = environment("kerasweep-scheduler.service")["TMPDIR"]
    (rule,) = [line for line in rules.read_text().splitlines() if not line.startswith("#")]
    assert rule == f"R! {temporary}/*"
    left = tmp_path / temporary.strip("/") / "kerasweep-left"
    if shutil.which("systemd-tmpfiles") is None:
        return
    for boot, there in (([], True), (["--boot"], False)):
        left.mkdir(parents=True, exist_ok=True)
        command = ["systemd-tmpfiles", "--remove", f"--root={tmp_path}", *boot, str(rules)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, left.exists()) == (0, there), done.stderr


def test_the_timer_makes_up_for_a_missed_night_once_and_no_run_is_cut_short() -> None:
    assert settings("kerasweep-sweep@.timer", "Timer") == {"OnCalendar": "*-*-* 02:00:00", "Persistent": "true"}
    sweep = settings("kerasweep-sweep@.service", "Service")
    assert sweep["Type"] == "oneshot"
    assert sweep["ExecStart"].endswith(" --occasion now")  # a night that was left unfinished binds no later one
    assert sweep["TimeoutStartSec"] == "infinity"
    assert sweep["SuccessExitStatus"] == "130"
    assert "Install" not in parsed(DEPLOY / "systemd" / "kerasweep-sweep@.service")  # only its timer starts it


def test_no_password_stands_in_a_unit() -> None:
    for unit in UNITS:
        for key, value in [setting for section in parsed(unit).values() for setting in section]:
            assert not (key == "Environment" and any(word in value for word in ("PASSWORD", "TOKEN", "SECRET"))), unit.name
