#!/usr/bin/env python3
"""Opens a report in headless Chromium and checks what a reader would notice.

usage: check_report_page.py REPORT.html [--screenshots FOLDER] [--browser PATH]

At 1440 and 390 pixels, light and dark: no error on the console, no request that leaves the page,
every figure drawn, no sideways scrolling, every figure with a text alternative. Standard library
only: it speaks to the browser over its DevTools pipe. Exit status 1 when something is wrong.
"""

import argparse
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

WIDTHS = (1440, 390)
THEMES = ("light", "dark")
PATIENCE = 240.0
# The tallest picture that Chromium makes in one piece.
TALLEST = 16000


class Browser:
    """A headless browser and one page in it."""

    def __init__(self, path, folder):
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()
        flags = [
            "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={folder}/profile",
            "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
            "--disable-extensions", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--force-color-profile=srgb",
        ]
        flags += ["--no-sandbox"] if os.geteuid() == 0 else []
        # The browser reads descriptor 3 and writes descriptor 4.
        command = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", command, path, *flags, "about:blank"],
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.partial, self.events, self.number, self.page = b"", [], 0, None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.page = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.page:
            message["sessionId"] = self.page
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.partial:
                part = os.read(self.input, 1 << 20)
                if not part:
                    raise SystemExit(f"{method}: the browser has ended")
                self.partial += part
            line, self.partial = self.partial.split(b"\0", 1)
            answer = json.loads(line)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def evaluate(self, expression):
        result = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return result["result"].get("value")

    def open(self, address, width):
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
            mobile=False)
        self.call("Page.navigate", url=address)
        deadline = time.monotonic() + PATIENCE
        while self.evaluate("document.documentElement?.dataset.ready ?? ''") != "true":
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def screenshot(self, path, width):
        height = min(TALLEST, self.evaluate("document.documentElement.scrollHeight"))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        picture = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        pathlib.Path(path).write_bytes(base64.b64decode(picture["data"]))

    def problems(self):
        for event in self.events:
            parameters = event.get("params", {})
            match event.get("method"):
                case "Runtime.consoleAPICalled" if parameters["type"] == "error":
                    yield f"console: {parameters['args']}"
                case "Runtime.exceptionThrown":
                    yield f"exception: {parameters['exceptionDetails']}"
                case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                    yield f"log: {parameters['entry']['text']}"
                case "Network.requestWillBeSent":
                    address = parameters["request"]["url"]
                    if not address.startswith(("file:", "data:", "blob:", "about:")):
                        yield f"request: {address}"


def check(browser, address, width, theme):
    if not browser.open(f"{address}?theme={theme}", width):
        yield "the page does not say that it is ready"
    yield from browser.problems()
    count = lambda selector: browser.evaluate(  # noqa: E731
        f"document.querySelectorAll({json.dumps(selector)}).length")
    drawn, all_figures = count("[data-drawn=true]"), count("figure[data-figure]")
    if drawn != all_figures or drawn == 0:
        yield f"{drawn} of {all_figures} figures are drawn"
    if count(".canvas[aria-label]") != all_figures:
        yield "a figure has no text alternative"
    scroll = browser.evaluate("document.documentElement.scrollWidth")
    if scroll > width:
        yield f"the page is {scroll} pixels wide: it scrolls sideways"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("page", type=pathlib.Path)
    arguments.add_argument("--screenshots", type=pathlib.Path)
    arguments.add_argument("--browser", default=os.environ.get("MOHD_BROWSER"))
    options = arguments.parse_args()
    names = ("chromium", "chromium-browser", "google-chrome")
    path = options.browser or next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        sys.exit("no browser: install chromium, or name one with --browser")
    bad = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(path, folder)
        try:
            for width in WIDTHS:
                for theme in THEMES:
                    found = list(check(browser, options.page.resolve().as_uri(), width, theme))
                    bad += len(found)
                    for problem in found:
                        print(f"{width} {theme}: {problem}")
                    if options.screenshots:
                        options.screenshots.mkdir(parents=True, exist_ok=True)
                        browser.screenshot(options.screenshots / f"{width}-{theme}.png", width)
        finally:
            browser.process.terminate()
            browser.process.wait(10)
    print(f"{options.page}: {bad} problems")
    sys.exit(1 if bad else 0)


main()
