"""Adds up what the suites wrote and ends with `N passed, N failed, N skipped`.

    summary.py FOLDER             FOLDER/SUITE/*.xml (JUnit), and FOLDER/SUITE/cmocka/*.xml beside meson's own meson.json
    summary.py --failed SUITE     what of one suite's folder is worth a second run: meson's programs, or pytest's tests, by name

What failed and passed in a second run (FOLDER/SUITE/again/) is counted as passed and listed as UNSTABLE, with its first failure: it
is a fault, of the test or of Hearth, and is to be looked for; but it says nothing of the change that was tested.
"""
import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path


MANY = 5  # more failures than this are not chance


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped, self.unstable = 0, [], [], []

    def add(self, suite, case):
        name = f"{suite}: {case.get('classname') or ''}.{case.get('name')}".replace(": .", ": ")
        trouble = case.find("failure") if case.find("failure") is not None else case.find("error")
        skip = case.find("skipped")
        if trouble is not None:
            text = (trouble.get("message") or trouble.text or "").strip()
            self.failed.append((name, text.splitlines()[0][:200] if text else "failed"))
        elif skip is not None:
            self.skipped.append((name, (skip.get("message") or skip.text or "what it needs is not at hand; the program says what").strip().splitlines()[0][:200]))
        else:
            self.passed += 1

    def add_again(self, again):
        """Takes the verdict of a second run of what failed here."""
        if not again.passed:
            return
        still = {name for name, _ in again.failed + again.skipped}
        self.unstable = [f for f in self.failed if f[0] not in still]
        self.failed = [f for f in self.failed if f[0] in still]
        self.passed += len(self.unstable)

    def join(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.unstable += other.unstable


def cases(path):
    try:
        return list(ET.parse(path).getroot().iter("testcase"))
    except ET.ParseError as e:
        broken = ET.Element("testcase", name=path.name)
        ET.SubElement(broken, "error", message=f"unreadable report: {e}")
        return [broken]


def last_words(program):
    """Why a program failed that says no function of it did: the sanitizer's summary, or its last line."""
    lines = [l.strip() for l in (program.get("stdout", "") + "\n" + program.get("stderr", "")).splitlines() if l.strip()]
    told = [l for l in lines if l.startswith(("SUMMARY:", "ERROR:", "FATAL:"))] or lines[-1:]
    return f"{program['result'].lower()} after {program['duration']:.0f} s; " + (told[-1] if told else "it said nothing")


def meson_suite(tally, suite, folder):
    """cmocka's reports count functions, meson's counts programs: a program's own verdict counts only when it
    says more (it crashed, raced, leaked, hung, or is not made with cmocka)."""
    by_program = {p.stem: cases(p) for p in sorted((folder / "cmocka").glob("*.xml"))}
    for group in by_program.values():
        for case in group:
            tally.add(suite, case)
    report = folder / "meson.json"
    for line in report.read_text().splitlines() if report.exists() else []:
        program = json.loads(line)
        group = by_program.get(re.sub(r"^.* / ", "", program["name"]))
        case = ET.Element("testcase", name=program["name"])
        if program["result"] == "SKIP":
            ET.SubElement(case, "skipped")
        elif program["result"] not in ("OK", "EXPECTEDFAIL"):
            ET.SubElement(case, "failure", message=last_words(program))
        told = group is not None and any(c.find("failure") is not None or c.find("error") is not None for c in group)
        if group is None or (case.find("failure") is not None and not told):
            tally.add(suite, case)
    for path in sorted(folder.glob("*.xml")):
        for case in cases(path):
            tally.add(suite, case)


def failed(folder):
    """Names for a second run, or none when too many failed."""
    report = folder / "meson.json"
    if report.exists():
        programs = [json.loads(line) for line in report.read_text().splitlines()]
        names = [re.sub(r"^.* / ", "", p["name"]) for p in programs if p["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")]
    else:
        names = [c.get("name") for path in folder.glob("*.xml") for c in cases(path) if c.find("failure") is not None or c.find("error") is not None]
    return names if len(names) <= MANY else []


def main():
    if sys.argv[1] == "--failed":
        print("\n".join(failed(Path(sys.argv[2]))))
        return 0
    total = Tally()
    for folder in sorted(p for p in Path(sys.argv[1]).iterdir() if p.is_dir()):
        tally, again = Tally(), Tally()
        meson_suite(tally, folder.name, folder)
        meson_suite(again, folder.name, folder / "again")
        tally.add_again(again)
        print(f"{folder.name:<14} {tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
        total.join(tally)
    for name, why in total.skipped:
        print(f"skipped  {name}: {why}")
    for name, why in total.unstable:
        print(f"UNSTABLE {name}: passed when run again; first {why}")
    for name, why in total.failed:
        print(f"FAILED   {name}: {why}")
    print(f"{total.passed} passed, {len(total.failed)} failed, {len(total.skipped)} skipped")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
