#!/usr/bin/env python3
"""The clients' own test suites, against Hearth.

    python3 tests/client_suites.py huggingface_hub CHECKOUT [TEST ...]
    python3 tests/client_suites.py datasets CHECKOUT [TEST ...]
    python3 tests/client_suites.py huggingface.js CHECKOUT [TEST ...]

CHECKOUT is a clone of the client's repository; it is copied, not changed.  Its tests know a hub for tests by address, with users and
tokens that must be there: here they are made, and the address becomes that of a server which is started for the purpose
($HEARTH_BIN, or build/hearth).  Whatever else a suite asks of the public hub fails for want of it, and is counted by itself.  Not a part
of ./test: the packages that clients are installed from come without their tests."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

sys.path.insert(0, str(pathlib.Path(__file__).parent / "e2e"))
import hearth  # noqa: E402

TEST_HUB = "https://hub-ci.huggingface.co"
# name: password, token
USERS = {
    "__DUMMY_HUB_USER__": ("__DUMMY_TRANSFORMERS_PASS__", "hf_HubCITokenXXXXXXXXXXXXXXXXXXXXX"),
    "__DUMMY_DATASETS_USER__": ("a password of tests", "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"),
    "DVUser": ("a password of tests", "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"),
    "EnterpriseAdmin": ("a password of tests", "hf_enterprise_admin_token"),
    "hub.js": ("a password of tests", "hf_hub_js_of_the_tests"),
}
REPLACED = {'"hf_hub.js"': '"hf_hub_js_of_the_tests"'}  # too short to be a token here
NO_PUBLIC_HUB = re.compile(r"ConnectError|Name or service not known|ENOTFOUND|LocalEntryNotFound|fetch failed|extensions.duckdb.org")

SUITES = {  # where the package is, and what its tests of the hub are
    "huggingface_hub": (".", ["tests/test_hf_api.py", "tests/test_hf_file_system.py", "tests/test_snapshot_download.py", "tests/test_file_download.py",
                              "tests/test_commit_scheduler.py", "tests/test_upload_large_folder.py", "tests/test_copy_files.py", "tests/test_buckets.py",
                              "tests/test_buckets_cli.py", "tests/test_buckets_hf_file_system.py", "tests/test_xet_upload.py", "tests/test_cli.py",
                              "tests/test_cli_discussions.py", "tests/test_auth.py", "tests/test_repocard.py", "tests/test_hub_mixin.py", "tests/test_lfs.py",
                              "tests/test_tree_cache.py", "tests/test_upload_pipeline.py", "tests/test_verification.py", "tests/test_eval_results.py"]),
    "datasets": (".", ["tests/test_upstream_hub.py", "tests/test_hub.py"]),
    "huggingface.js": ("packages/hub", []),
}


def copy(checkout, folder, address):
    shutil.copytree(checkout, folder, ignore=shutil.ignore_patterns(".git", "node_modules"))
    for path in folder.rglob("*"):
        if path.suffix not in (".py", ".ts") or not path.is_file():
            continue
        text = changed = path.read_text()
        for old, new in ((TEST_HUB, address), *REPLACED.items()):
            changed = changed.replace(old, new)
        if changed != text:
            path.write_text(changed)


def run_python(folder, report, tests, env):
    python = folder / "env/bin/python"
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    package = ".[testing]" if (folder / "src/huggingface_hub").is_dir() else "."
    subprocess.run([python, "-m", "pip", "install", "-q", "-e", package, "pytest", "pytest-xdist", "httpx", "absl-py", "decorator"], check=True, cwd=folder)
    subprocess.run([python, "-m", "pytest", "-q", "-n", "2", "--tb=short", f"--junitxml={report}", *tests], cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run_js(folder, report, tests, env):
    """The package alone: its neighbours of the workspace come from the registry."""
    package = folder / "package.json"
    text = re.sub(r'"workspace:[^"]*"', '"*"', package.read_text())
    package.write_text(re.sub(r'"prepare": "[^"]*"', '"prepare": ""', text))
    for above in ("package.json", "pnpm-workspace.yaml"):
        (folder.parent.parent / above).unlink(missing_ok=True)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts", "vitest@3", "@types/node"], check=True, cwd=folder)
    subprocess.run(["npx", "vitest", "run", "--reporter=junit", f"--outputFile={report}", *tests], cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def tell(report):
    passed, skipped, apart, failed = 0, 0, 0, []
    for case in xml.parse(report).iter("testcase"):
        bad = [x for x in case if x.tag in ("failure", "error")]
        if not bad:
            passed, skipped = (passed, skipped + 1) if case.find("skipped") is not None else (passed + 1, skipped)
        elif NO_PUBLIC_HUB.search("".join((x.get("message") or "") + (x.text or "") for x in bad)):
            apart += 1
        else:
            failed.append((f"{case.get('classname')}::{case.get('name')}", (bad[0].get("message") or "").split("\n")[0][:160]))
    for name, why in failed:
        print(f"FAILED {name}: {why}")
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped; {apart} need the public hub")
    return not failed


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in SUITES:
        sys.exit(__doc__)
    client, checkout, tests = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:]
    where, usual = SUITES[client]
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        server = hearth.Server(work / "home")
        for name, (password, token) in USERS.items():
            server.cli("user", "add", name, "--fullname", "Dummy User", "--password-stdin", stdin=password + "\n")
            server.cli("token", "create", name, "--role", "admin", "--value-stdin", stdin=token + "\n")
        server.cli("org", "create", "EnterpriseOrgPrivate", "--private")
        server.cli("org", "add-member", "EnterpriseOrgPrivate", "EnterpriseAdmin", "--role", "admin")
        server.start()
        try:
            copy(checkout, work / "client", server.base)
            env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HEARTH_"))}
            run = run_js if client == "huggingface.js" else run_python
            run(work / "client" / where, work / "report.xml", tests or usual, env)
        finally:
            server.stop()
        sys.exit(0 if tell(work / "report.xml") else 1)


if __name__ == "__main__":
    main()
