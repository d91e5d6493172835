#!/usr/bin/env python3
"""The page in Debian's chromium, headless: from the drop of a 16-bit radiograph of 2500 x 3056 pixels
to its first picture, and repaints while the window is dragged.

    bench/page.py build/release/bin/biovl [--drops 9] [--moves 120] [--profile]

The file is an uncompressed DICOM object, made here and handed to the page as a drop. The first
picture is the end of the animation frame that drew it. Needs python3-selenium, chromium and
chromium-driver.
"""
import argparse
import base64
import json
import os
import re
import statistics
import struct
import subprocess
import tempfile
import time

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROWS, COLUMNS = 3056, 2500


def element(group, number, kind, value):
    if isinstance(value, str):
        value = value.encode()
    value += (b"\0" if kind in ("UI", "OB") else b" ") * (len(value) % 2)
    head = struct.pack("<HH2s", group, number, kind.encode())
    size = struct.pack("<HI", 0, len(value)) if kind in ("OB", "OW") else struct.pack("<H", len(value))
    return head + size + value


def radiograph():
    """A DX object with noise over a gradient, 12 of 16 bits used."""
    us = lambda value: struct.pack("<H", value)
    meta = (element(2, 2, "UI", "1.2.840.10008.5.1.4.1.1.1.1") + element(2, 3, "UI", "2.25.1")
            + element(2, 0x10, "UI", "1.2.840.10008.1.2.1"))
    noise = os.urandom(COLUMNS)
    rows = [struct.pack(f"<{COLUMNS}H", *(min(4095, (x + y) * 4096 // (ROWS + COLUMNS) + noise[(x * 7 + y * 13) % COLUMNS])
                                          for x in range(COLUMNS))) for y in range(ROWS)]
    return (b"\0" * 128 + b"DICM" + element(2, 0, "UL", struct.pack("<I", len(meta))) + meta
            + element(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.1.1") + element(8, 0x18, "UI", "2.25.1")
            + element(8, 0x60, "CS", "DX") + element(0x18, 0x5101, "CS", "PA")
            + element(0x28, 2, "US", us(1)) + element(0x28, 4, "CS", "MONOCHROME2")
            + element(0x28, 0x10, "US", us(ROWS)) + element(0x28, 0x11, "US", us(COLUMNS))
            + element(0x28, 0x100, "US", us(16)) + element(0x28, 0x101, "US", us(12))
            + element(0x28, 0x102, "US", us(11)) + element(0x28, 0x103, "US", us(0))
            + element(0x28, 0x1050, "DS", "2048") + element(0x28, 0x1051, "DS", "4096")
            + element(0x7fe0, 0x10, "OW", b"".join(rows)))


def open_browser(folder):
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900",
                 "--force-device-scale-factor=1", f"--user-data-dir={folder}/profile"):
        options.add_argument(flag)
    return webdriver.Chrome(service=webdriver.chrome.service.Service("/usr/bin/chromedriver"), options=options)


# Times of one drop, in milliseconds after it: answers of the service, and the frame of the first picture.
DROP = """
    const done = arguments[0], data = new DataTransfer();
    data.items.add(new File([window.file], 'made.dcm'));
    performance.clearResourceTimings();
    const paint = viewer.paint, began = performance.now();
    const before = viewer.image;
    viewer.paint = function (...a) {
        const at = performance.now();
        paint.apply(this, a);
        if (!this.image || this.image === before) return;
        viewer.paint = paint;
        const painted = performance.now();
        requestAnimationFrame(() => {
            const ends = {};
            for (const e of performance.getEntriesByType('resource'))
                ends[e.name.replace(/.*\\/v1\\//, '').replace(/[0-9a-f]{16,}/, 'ID').replace(/\\d+$/, 'N')] = [e.startTime, e.responseStart, e.responseEnd].map(t => Math.round(t - began));
            done({ first: painted - began, paint: painted - at, ends });
        });
    };
    document.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }));"""

WATCH = """
    window.frames_ = []; window.paints = [];
    const paint = viewer.paint;
    viewer.paint = function (...a) { const t = performance.now(); paint.apply(this, a); window.paints.push(performance.now() - t); };
    (function next(t) { window.frames_.push(t); requestAnimationFrame(next); })(performance.now());"""


def drag(browser, moves):
    box = browser.find_element(By.ID, "canvas").rect
    x, y = box["x"] + 100, box["y"] + 100
    mouse = lambda kind, x, y: browser.execute_cdp_cmd("Input.dispatchMouseEvent", {
        "type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1})
    mouse("mousePressed", x, y)
    for i in range(moves):
        mouse("mouseMoved", x + i % 60 * 4, y + i % 40 * 3)
    mouse("mouseReleased", x, y)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("biovl")
    parser.add_argument("--drops", type=int, default=9)
    parser.add_argument("--moves", type=int, default=120)
    options = parser.parse_args()
    folder = tempfile.TemporaryDirectory()
    service = subprocess.Popen([options.biovl, "serve"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    browser = open_browser(folder.name)
    try:
        browser.get(service.stdout.readline().strip())
        WebDriverWait(browser, 60).until(lambda b: b.execute_script("return state.models.length > 0"))
        browser.set_script_timeout(120)
        coded = base64.b64encode(radiograph()).decode()
        browser.execute_script("window.file = Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0));", coded)
        firsts = []
        for i in range(options.drops):
            told = browser.execute_async_script(DROP)
            firsts.append(told["first"])
            print(json.dumps(told))
            WebDriverWait(browser, 120).until(lambda b: b.execute_script("return state.results.first !== undefined"))
            time.sleep(1)
        browser.execute_script(WATCH)
        drag(browser, options.moves)
        paints = browser.execute_script("return window.paints")
        with open("/proc/loadavg") as file:
            load = file.read().split()[0]
        print(f"first picture: median {statistics.median(firsts):.0f} ms, least {min(firsts):.0f}, most {max(firsts):.0f}")
        print(f"repaint: median {statistics.median(paints):.1f} ms, 95 % {sorted(paints)[int(0.95 * len(paints))]:.1f}, "
              f"of {len(paints)}; load {load}")
    finally:
        browser.quit()
        service.terminate()
        service.wait()
        folder.cleanup()


if __name__ == "__main__":
    main()
