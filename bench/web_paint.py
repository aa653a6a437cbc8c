#!/usr/bin/env python3
"""web_paint.py - first contentful paint of the pages in Debian's Chromium on this machine, without a cache, the median and the worst of seven loads.

What the browser says itself (PerformancePaintTiming), as bench/lighthouse.py reads it, in a tenth of the time."""
import os
import shutil
import statistics
import tempfile
from pathlib import Path

import web_page
from playwright.sync_api import sync_playwright

PAGES = ["/", "/models", "/alice/story", "/alice/story/tree/main", "/alice/story/blob/main/README.md", "/alice/story/metrics", "/login"]
MEMBER = ["/alice/story", "/chat"]
LOADS = 7
PAINT = """() => new Promise((done) => { const ask = () => { const e = performance.getEntriesByName("first-contentful-paint")[0];
  if (e) done(e.startTime); else requestAnimationFrame(ask); }; ask(); })"""


def main():
    work = Path(tempfile.mkdtemp(prefix="hearth-web-paint-"))
    s = web_page.house(work, 1000)
    try:
        cookie = web_page.cookie_of(s)
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=["--no-sandbox"])
            print("| page | first paint | worst |\n| --- | --- | --- |")
            for path, extra in [(p, {}) for p in PAGES] + [(p, {"Cookie": cookie}) for p in MEMBER]:
                took = []
                for _ in range(LOADS):
                    context = browser.new_context(viewport={"width": 1350, "height": 940}, extra_http_headers=extra)  # a cache of its own, empty
                    page = context.new_page()
                    page.goto(s.base + path, wait_until="load")
                    took.append(page.evaluate(PAINT))
                    context.close()
                print(f"| {path}{', signed in' if extra else ''} | {statistics.median(took):.0f} ms | {max(took):.0f} ms |", flush=True)
            browser.close()
    finally:
        s.stop()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
