"""Take the pictures of docs/images/: ``python docs/make_screenshots.py [--only NAME]``, about four minutes.

A collector is started on an empty directory and gets a month of sample traffic; then Chromium opens each page. Needs
Debian's ``chromium`` and fonts for Latin and Korean (``fonts-inter``, ``fonts-nanum``).
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Browser, sync_playwright

IMAGES = Path(__file__).parent / "images"
BYTES_MAX = 250_000
HISTORY = (
    ("720h", "0.0019", "11"),
    ("360h", "0.0038", "12"),
    ("120h", "0.011", "13"),
    ("48h", "0.028", "14"),
    ("24h", "0.057", "15"),
)
"""Past traffic: how long, traces per second, and the seed."""

SWITCHES = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
LAPTOP, SMALL, PHONE = ({"width": w, "height": h} for w, h in ((1400, 900), (1280, 760), (390, 844)))


@dataclass(frozen=True)
class Picture:
    """One picture: of which path, and for which reader."""

    name: str
    path: str
    theme: str = "light"
    language: str = "en"
    size: Any = None


PICTURES = (
    Picture("overview", "/?from=-24h"),
    Picture("overview-dark", "/?from=-24h", theme="dark"),
    Picture("overview-ko", "/?from=-24h", language="ko"),
    Picture("overview-phone", "/?from=-24h", size=PHONE),
    Picture("latency", "/latency?from=-24h&group_by=prompt_version"),
    Picture("costs", "/costs?from=-24h"),
    Picture("traces", "/traces?from=-24h", size=SMALL),
    Picture("trace", "/traces/{trace}"),
    Picture("sessions", "/sessions?from=-24h"),
    Picture("compare", "/compare?from=-24h"),
    Picture("sql", "/query", theme="dark"),
)


@contextmanager
def collector(directory: Path) -> Iterator[str]:
    """Run a collector with a month of sample traffic; the address of its page."""
    ports = [text for door in ("grpc", "http", "web", "store") for text in (f"--{door}-port", "0")]
    command = [sys.executable, "-m", "haechi_collector", "serve", "--data-dir", str(directory), *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        try:
            ready = next(line for line in child.stdout or () if line.startswith("ready"))
            doors = dict(part.split("=") for part in ready.split()[1:])
            for backfill, rate, seed in HISTORY:
                demo = [sys.executable, "-m", "haechi_collector", "demo", "--endpoint", f"http://{doors['http']}"]
                options = ["--backfill", backfill, "--rate", rate, "--seed", seed, "--duration", "0"]
                subprocess.run([*demo, *options], check=True, stdout=subprocess.DEVNULL)
            time.sleep(5)  # what was acknowledged is on its way into the table
            yield f"http://{doors['web']}"
        finally:
            child.terminate()


def dearest_trace(url: str) -> str:
    """The id of a trace with much to see."""
    found = httpx2.get(f"{url}/api/v1/traces?from=-24h&order=dearest&limit=1", trust_env=False, timeout=60).json()
    trace: str = found["traces"][0]["trace_id"]
    return trace


def take(browser: Browser, url: str, picture: Picture, trace: str) -> None:
    """Open the page, wait for its answers, and keep what is to be seen."""
    context = browser.new_context(viewport=picture.size or LAPTOP)
    cookies = {"haechi_theme": picture.theme, "haechi_language": picture.language}
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
    page = context.new_page()
    page.goto(url + picture.path.format(trace=trace))
    page.wait_for_selector("html[data-ready]", state="attached")
    page.wait_for_function("!document.querySelector('.h-main .h-skeleton')")
    page.wait_for_timeout(1_000)  # charts are painted
    file = IMAGES / f"{picture.name}.png"
    page.screenshot(path=file)
    context.close()
    if file.stat().st_size > BYTES_MAX:
        raise ValueError(f"{file.name} has {file.stat().st_size} bytes, the limit is {BYTES_MAX}")


def main() -> None:
    """Take all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="the name of one picture")
    parser.add_argument("--url", help="of a page that is served already")
    options = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    wanted = [picture for picture in PICTURES if options.only in {None, picture.name}]
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=SWITCHES.split())
        if options.url:
            _take_all(browser, options.url, wanted)
            return
        with collector(Path(scratch)) as url:
            _take_all(browser, url, wanted)


def _take_all(browser: Browser, url: str, wanted: list[Picture]) -> None:
    trace = dearest_trace(url)
    for picture in wanted:
        take(browser, url, picture, trace)
    browser.close()


if __name__ == "__main__":
    main()
