"""Compose and the Dockerfiles, as far as they can be judged without a Docker engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hotline.settings import Manager, Settings
from lab.programs import PROJECT

DOCKER = PROJECT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILES = sorted(DOCKER.glob("*/Dockerfile"))
ENV = DOCKER / "env.example"


def lines(dockerfile: Path) -> list[tuple[str, str]]:
    """(instruction, rest) in order, continued lines joined."""
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.M))
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())
    ]


def test_a_linter_finds_nothing_in_the_dockerfiles() -> None:
    command = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if command is None:
        pytest.skip("hadolint is not installed; on x86-64 scripts/setup installs it")
    done = subprocess.run(
        [command, "--no-color", *DOCKERFILES], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda each: each.parent.name)
def test_images_run_as_an_ordinary_user_and_take_signals_themselves(dockerfile: Path) -> None:
    steps = lines(dockerfile)
    users = [rest for word, rest in steps if word == "USER"]
    assert users[-1] not in ("root", "0", "0:0")
    for word, rest in steps:
        if word in ("ENTRYPOINT", "CMD"):
            assert rest.startswith("["), "a shell in between would swallow SIGTERM"
    assert any(word == "HEALTHCHECK" for word, _ in steps)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda each: each.parent.name)
def test_everything_that_is_copied_exists_and_is_not_ignored(dockerfile: Path) -> None:
    kept = [
        line[1:]
        for line in dockerfile.with_name("Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    for word, rest in lines(dockerfile):
        if word == "COPY" and "--from" not in rest:
            *sources, _ = [each for each in rest.split() if not each.startswith("--")]
            for source in sources:
                assert (PROJECT / source).exists(), source
                assert any(f"{source}/".startswith(f"{each}/") for each in kept), source


def test_the_spool_is_shared_by_asterisk_and_the_services_with_one_group() -> None:
    made = [
        rest
        for dockerfile in DOCKERFILES
        for word, rest in lines(dockerfile)
        if word == "RUN" and "/var/spool/hotline/tmp" in rest
    ]
    assert len(made) == 2
    assert all(
        "-m 2770 /var/spool/hotline /var/spool/hotline/tmp /var/spool/hotline/fallback" in each for each in made
    )
    assert all("--gid 2000 hotline" in dockerfile.read_text() for dockerfile in DOCKERFILES)
    for name in ("asterisk", "hotline-1", "hotline-2"):
        assert "spool:/var/spool/hotline" in SERVICES[name]["volumes"]


def test_two_services_differ_in_nothing_but_the_port_that_shows_them() -> None:
    one, two = (
        {key: value for key, value in SERVICES[name].items() if key != "ports"} for name in ("hotline-1", "hotline-2")
    )
    assert one == two
    servers = SERVICES["asterisk"]["environment"]["HOTLINE_SERVERS"].split(",")
    assert servers == ["hotline-1:4573", "hotline-2:4573"]


def test_the_services_read_what_compose_tells_them() -> None:
    told = SERVICES["hotline-1"]["environment"]
    ami = re.sub(r"\$\{[^}]*\}", "secret", told["HOTLINE_AMI"])
    (manager,) = Manager.parse_list(ami)
    assert (manager.name, manager.user, str(manager.address)) == ("pbx1", "hotline", "asterisk:5038")
    in_image = dict(re.findall(r"(HOTLINE_[A-Z]+)=(\S+)", (DOCKER / "hotline" / "Dockerfile").read_text()))
    names = {field.upper() for field in Settings.__dataclass_fields__}
    assert {name.removeprefix("HOTLINE_") for name in (*told, *in_image)} <= names


def test_the_configuration_is_read_only_and_what_is_kept_has_a_volume() -> None:
    for name in ("asterisk", "hotline-1", "hotline-2", "prompts"):
        assert "../config:/etc/hotline:ro" in SERVICES[name]["volumes"]
    named = {
        each.split(":")[0] for service in SERVICES.values() for each in service["volumes"] if each[0] not in "./"
    }
    assert named == set(COMPOSE["volumes"])
    assert "--appendonly" in SERVICES["redis"]["command"]


def test_only_telephones_reach_it_from_outside() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:") or (name == "asterisk" and port.endswith("/udp")), port
    sip = next(rest for word, rest in lines(DOCKER / "asterisk" / "Dockerfile") if word == "EXPOSE")
    assert {each.split(":")[-1] for each in SERVICES["asterisk"]["ports"]} == set(sip.split())
    rtp = (DOCKER / "asterisk" / "etc" / "rtp.conf").read_text()
    assert "rtpstart=10000" in rtp
    assert "rtpend=10099" in rtp


def test_no_secret_is_written_down() -> None:
    needed = set(re.findall(r"\$\{([A-Z_]+):\?", (DOCKER / "compose.yaml").read_text()))
    example = dict(line.split("=", 1) for line in ENV.read_text().splitlines() if line and not line.startswith("#"))
    assert needed == {"HOTLINE_AMI_SECRET", "HOTLINE_PHONE_PASSWORD", "GRAFANA_PASSWORD"}
    assert all(example[name] == "" for name in needed)
    assert ".env" in (DOCKER / ".gitignore").read_text().split()


def test_prometheus_scrapes_every_service() -> None:
    (job,) = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    targets = [target for each in job["static_configs"] for target in each["targets"]]
    assert targets == [f"{name}:9273" for name in SERVICES if name.startswith("hotline-")]


def test_every_long_running_service_says_how_it_is() -> None:
    built = {"asterisk", "hotline-1", "hotline-2"}  # their images carry the check
    for name, service in SERVICES.items():
        if service["restart"] != "no":
            assert "healthcheck" in service or name in built, name


def test_every_variable_of_asterisks_templates_is_filled_in() -> None:
    entrypoint = (DOCKER / "asterisk" / "entrypoint").read_text()
    filled = set(re.findall(r"\$(HOTLINE_\w+)", re.search(r"^names='(.*)'$", entrypoint, re.M)[1]))  # type: ignore[index]
    for template in (DOCKER / "asterisk" / "etc").glob("*.conf"):
        assert set(re.findall(r"\$\{(HOTLINE_\w+)\}", template.read_text())) <= filled, template.name
    checked = subprocess.run(["sh", "-n", DOCKER / "asterisk" / "entrypoint"], check=False)
    assert checked.returncode == 0


def test_the_telephones_of_the_example_have_accounts() -> None:
    config = yaml.safe_load((PROJECT / "config" / "hotline.yaml").read_text())
    accounts = (DOCKER / "asterisk" / "etc" / "pjsip.conf").read_text()
    for agent in config["agents"].values():
        name = agent["phone"].removeprefix("PJSIP/")
        assert f"\n[{name}](telephone)\ncontext = from-agents\n" in accounts
