"""The image, as far as it can be seen without an engine: what it installs, sets and asks itself."""
import json
import os
import re
import shutil
import subprocess

import pytest

import hearth

FILE = (hearth.ROOT / "packaging/container/Containerfile").read_text()
WORD = re.compile(r"[a-z][\w.+-]+")


def installed(stage):
    """What apt-get installs in a stage, the comments cut out."""
    text = re.search(r"apt-get install -y --no-install-recommends(.*?)(?:&& rm -rf|\nWORKDIR)", FILE.split("\nFROM ")[stage + 1], re.S).group(1)
    return set(WORD.findall(text))


def libraries(names):
    return {n for n in names if n.endswith("-dev")}


def test_it_is_built_from_what_the_package_is_built_from():
    control = re.search(r"^Build-Depends:(.*?)^\w", (hearth.ROOT / "packaging/debian/control").read_text(), re.S | re.M).group(1)
    script = re.search(r'build_packages="(.*?)"', (hearth.ROOT / "tools/debian.sh").read_text(), re.S).group(1)
    here = installed(0)
    assert here == set(script.split()) - {"git", "curl", "ca-certificates", "bubblewrap", "python3-venv"}  # which ./run wants
    comes_along = {"libc6-dev", "libgnutls28-dev"}  # with gcc, with libmicrohttpd-dev
    assert libraries(here) - comes_along == libraries(WORD.findall(control)) - comes_along


@pytest.mark.skipif(not shutil.which("objdump") or "bookworm" not in open("/etc/os-release").read(), reason="no Debian 12 with objdump, so packages are called otherwise")
def test_it_has_the_libraries_that_the_program_is_linked_with():
    def run(*args):
        return subprocess.run(args, capture_output=True, text=True).stdout

    needed = set(re.findall(r"NEEDED +(\S+)", run("objdump", "-p", str(hearth.BIN)))) - {"libm.so.6", "libc.so.6"}
    needed = {so for so in needed if not re.match(r"lib(asan|ubsan|tsan)\.", so)}
    packages = {so: set(re.findall(r"^([^:\s]+)", run("dpkg", "-S", f"/*/{so}"), re.M)) for so in needed}
    listed = installed(1) - {"ca-certificates", "git", "tini", "bubblewrap", "python3-venv"}  # which it starts
    assert len(needed) > 10 and not [so for so in needed if not packages[so] & listed], packages
    confines = {"libseccomp2"}  # not in a build with sanitizers, which confines no worker
    assert listed - confines <= set().union(*packages.values()), "what is not needed"


def test_its_settings_are_settings(tmp_path):
    text = FILE + (hearth.ROOT / "packaging/container/compose.yml").read_text()
    env = {name: value for name, value in re.findall(r"\b(HEARTH_[A-Z_]+)[=:] ?\"?([^\s\"]+)", text) if name != "HEARTH_HOST"}
    assert {"HEARTH_HOME", "HEARTH_LISTEN", "HEARTH_PUBLIC_URL", "HEARTH_TRUST_PROXY"} <= env.keys()
    env.update(HEARTH_PUBLIC_URL="https://hub.example.org", HEARTH_HOME=str(tmp_path))
    out = subprocess.run([hearth.BIN, "config", "list"], env={**os.environ, **env}, capture_output=True, text=True, check=True).stdout
    for name, value in env.items():
        key = name.removeprefix("HEARTH_").lower().replace("_", "-")
        assert re.search(rf"^{key} .*{re.escape(value)}.*environment", out, re.M), (key, out)


def test_its_health_check_tells_a_server_that_answers(server):
    check = json.loads(re.search(r"^HEALTHCHECK.*\n\s+(\[.*\])$", FILE, re.M).group(1))

    def status(port):
        return subprocess.run(check, env={"PATH": os.environ["PATH"], "HEARTH_LISTEN": f"0.0.0.0:{port}"}, capture_output=True, timeout=30).returncode

    assert status(server.port) == 0
    assert status(hearth.free_port()) != 0
