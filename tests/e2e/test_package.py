"""The Debian package, made of the program that is there already."""
import os
import re
import shutil
import subprocess

import pytest

import hearth

pytestmark = pytest.mark.skipif(not (shutil.which("dpkg-deb") and shutil.which("dh")), reason="dpkg-deb and debhelper are not here")


def test_the_debian_package_has_what_a_server_needs(tmp_path):
    def run(*args, **kw):
        return subprocess.run(args, capture_output=True, text=True, check=True, cwd=tmp_path, **kw).stdout

    quick = {**os.environ, "DPKG_DEB_COMPRESSOR_TYPE": "none", "DEB_BUILD_OPTIONS": "nostrip"}
    run(str(hearth.ROOT / "packaging/deb"), str(hearth.BIN.parent), env=quick)
    package, = tmp_path.glob("hearth_*.deb")
    root = tmp_path / "root"
    run("dpkg-deb", "-R", str(package), str(root))
    depends = run("dpkg-deb", "-f", str(package), "Depends")
    assert {"libc6", "libgit2-1.5", "libsqlite3-0", "git", "adduser"} <= set(re.findall(r"[\w.+-]+", depends)), depends
    assert run("dpkg-deb", "-f", str(package), "Version").strip() == run(str(root / "usr/bin/hearth"), "--version").split()[1]
    assert (root / "DEBIAN/conffiles").read_text() == "/etc/hearth/hearth.conf\n"
    assert (root / "usr/share/man/man1/hearth.1.gz").exists()
    assert "-F _hearth" in run("bash", "-c", f"source {root}/usr/share/bash-completion/completions/hearth && complete -p hearth")

    unit, = root.glob("**/hearth.service")
    command = re.search(r"^ExecStart=(.*)$", unit.read_text(), re.M).group(1).replace(" /", f" {root}/").split()
    assert command[0] == "/usr/bin/hearth" and (root / "usr/bin/hearth").exists()
    assert "would start" in run(str(root / "usr/bin/hearth"), "config", "check", *command[2:])

    scripts = "".join((root / f"DEBIAN/{name}").read_text() for name in ("preinst", "postinst", "prerm", "postrm") if (root / f"DEBIAN/{name}").exists())
    assert "debian-installed 'hearth.service'" in scripts, "it would be enabled, and started before there is an administrator"
    assert "_dh_action=restart" in scripts and "deb-systemd-invoke $_dh_action 'hearth.service'" in scripts, "an upgrade restarts what runs"
    assert "= remove" in scripts and "deb-systemd-invoke stop 'hearth.service'" in scripts
    assert not re.search(r"^\s*(rm|deluser)\b[^\n]*hearth", scripts, re.M), "the data outlives the package"
