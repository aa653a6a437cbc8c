#!/usr/bin/env python3
"""lighthouse.py [PAGE...] - Google's Lighthouse on pages of a Hearth with 1,000 repositories, in Debian's Chromium.

Each page twice: as Lighthouse does by itself (a middling telephone on a slow line, simulated), and on this machine as it is, where first paint
and layout shift are what a visitor on loopback has.  As a visitor, and for /chat and the like signed in.  Lighthouse comes from npm, once."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import web_page

sys.path.insert(0, str(web_page.ROOT / "tests" / "e2e"))
import clients  # noqa: E402

PAGES = ["/", "/models", "/alice/story", "/alice/story/tree/main", "/alice/story/blob/main/README.md", "/alice/story/metrics", "/login"]
MEMBER = ["/alice/story", "/chat"]
clients.JS["lighthouse"] = ["lighthouse@12.8.2"]


def run(tool, url, out, headers, is_here):
    args = [str(tool), url, "--quiet", "--output=json", f"--output-path={out}", "--only-categories=performance,accessibility,best-practices",
            "--chrome-flags=--headless=new --no-sandbox --disable-gpu"]
    args += ["--preset=desktop", "--throttling-method=provided"] if is_here else []
    if headers:
        args.append("--extra-headers=" + json.dumps(headers))
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    subprocess.run(args, check=True, env={**os.environ, "CHROME_PATH": chromium}, stdout=subprocess.DEVNULL, timeout=300)
    doc = json.loads(Path(out).read_text())
    value = lambda audit: doc["audits"][audit]["numericValue"]
    wrong = [a["id"] for a in doc["audits"].values() if a.get("score") is not None and a["score"] < 0.9 and a.get("scoreDisplayMode") == "binary"]
    return {"scores": [round(doc["categories"][c]["score"] * 100) for c in ("performance", "accessibility", "best-practices")],
            "fcp": value("first-contentful-paint"), "cls": value("cumulative-layout-shift"), "bytes": value("total-byte-weight"), "wrong": wrong}


def main():
    tool = clients.js_client("lighthouse") / "node_modules" / ".bin" / "lighthouse"
    work = Path(tempfile.mkdtemp(prefix="hearth-lighthouse-"))
    s = web_page.house(work, 1000)
    try:
        cookie = {"Cookie": web_page.cookie_of(s)}
        jobs = [(p, {}) for p in sys.argv[1:] or PAGES] + ([] if sys.argv[1:] else [(p, cookie) for p in MEMBER])
        for path, headers in jobs:
            slow, here = (run(tool, s.base + path, work / "out.json", headers, is_here) for is_here in (False, True))
            print(f"{path}{' (signed in)' if headers else ''}: performance {slow['scores'][0]} / {here['scores'][0]}, accessibility {slow['scores'][1]}, "
                  f"best practices {slow['scores'][2]}; first paint here {here['fcp']:.0f} ms, layout shift {max(slow['cls'], here['cls']):.3f}, {here['bytes'] / 1000:.0f} kB"
                  + (f"; {', '.join(sorted(set(slow['wrong'] + here['wrong'])))}" if slow["wrong"] or here["wrong"] else ""), flush=True)
    finally:
        s.stop()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
