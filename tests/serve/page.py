"""The page in a real browser: Debian's chromium, headless, driven through chromedriver."""
import base64
import json
import math
import os
import shutil
import struct
import sys
import tempfile
import time
import unittest

from service import ROOT, SAMPLE, Service, command

try:
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait
except ImportError:
    print("skipped: python3-selenium is not installed")
    sys.exit(77)
if not shutil.which("chromium") or not shutil.which("chromedriver"):
    print("skipped: chromium and chromium-driver are not installed")
    sys.exit(77)

PICTURES = os.environ.get("BIOVL_PICTURES")  # a folder for screenshots to look at
STORED = os.path.join(ROOT, "tests/serve/pictures")
RENEW = os.environ.get("BIOVL_RENEW_PICTURES")  # write the stored pictures anew
FONT_WIDTH = 259.4  # of a sentence in the font of the stored pictures

# Blocks of 8 x 8 pixels whose means differ by more than 24 of 255: the seam of a glyph may lie
# elsewhere, a control may not.
COMPARE = """
    const done = arguments[2], read = text => new Promise((good, bad) => {
        const image = new Image();
        image.onerror = bad;
        image.onload = () => {
            const canvas = document.createElement('canvas');
            canvas.width = image.width; canvas.height = image.height;
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            good(context.getImageData(0, 0, image.width, image.height));
        };
        image.src = 'data:image/jpeg;base64,' + text;
    });
    Promise.all([read(arguments[0]), read(arguments[1])]).then(([a, b]) => {
        if (a.width !== b.width || a.height !== b.height) return done(['another size']);
        const side = 8, columns = Math.ceil(a.width / side), rows = Math.ceil(a.height / side);
        const sums = new Float64Array(columns * rows), counts = new Uint32Array(columns * rows), wrong = [];
        for (let y = 0; y < a.height; y++) for (let x = 0; x < a.width; x++) {
            const i = (y / side | 0) * columns + (x / side | 0), p = 4 * (y * a.width + x);
            for (let c = 0; c < 3; c++) sums[i] += a.data[p + c] - b.data[p + c];
            counts[i] += 3;
        }
        sums.forEach((s, i) => { if (Math.abs(s) > 24 * counts[i]) wrong.push([i % columns * side, (i / columns | 0) * side]); });
        done(wrong);
    });"""


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        index = os.path.join(cls.folder.name, "i.biovl")
        report = os.path.join(cls.folder.name, "report.txt")
        with open(report, "w") as file:
            file.write("Small left pleural effusion. No pneumothorax.\n")
        command("index", "create", index)
        command("index", "add", index, SAMPLE, report)
        cls.service = Service("--index", index, "--root", os.path.join(ROOT, "assets"))
        options = webdriver.ChromeOptions()
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--window-size=1280,900", "--force-device-scale-factor=1",
                     f"--user-data-dir={cls.folder.name}/profile"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.add_experimental_option("prefs", {"download.default_directory": cls.folder.name})
        service = webdriver.chrome.service.Service("/usr/bin/chromedriver")
        cls.browser = webdriver.Chrome(service=service, options=options)
        cls.browser.get(cls.service.opening)

    @classmethod
    def tearDownClass(cls):
        said = [entry["message"] for entry in cls.browser.get_log("browser")
                if "willReadFrequently" not in entry["message"]]  # these tests read the canvas
        cls.browser.quit()
        cls.service.__exit__(None, None, None)
        cls.folder.cleanup()
        assert not said, said  # nothing against the policy, no script that failed

    def find(self, id):
        return self.browser.find_element(By.ID, id)

    def run_script(self, text, *arguments):
        return self.browser.execute_script(text, *arguments)

    def wait(self, script, seconds=60):
        WebDriverWait(self.browser, seconds).until(lambda b: b.execute_script("return " + script))

    def press(self, *keys):
        self.find("canvas").send_keys(*keys)

    def picture(self, name):
        if PICTURES:
            time.sleep(0.4)
            self.browser.save_screenshot(os.path.join(PICTURES, name + ".png"))

    def emulate(self, width, height, scheme):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                     {"width": width, "height": height, "deviceScaleFactor": 1,
                                      "mobile": False})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": scheme}]})

    def setUp(self):
        self.emulate(1280, 900, "light")
        if not self.run_script("return state.image !== null"):
            self.drop()

    def drop(self, data=None):
        """Drops a file, or the sample, on the page as a hand would."""
        if data is None:
            with open(SAMPLE, "rb") as file:
                data = file.read()
        self.run_script("""
            state.results = {}; viewer.image = null; viewer.milliseconds = 0;
            const bytes = Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], 'drawing.dcm'));
            document.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }));""",
                        base64.b64encode(data).decode())
        self.wait("state.results.first !== undefined && viewer.milliseconds > 0 && viewer.image && "
                  "viewer.levels[0].width === viewer.image.width && state.presets.length > 3")

    def test_1_address_holds_no_token(self):
        self.assertNotIn("token", self.browser.current_url)
        self.assertEqual(self.run_script("return document.cookie"), "")

    def test_2_scores_are_those_of_the_command(self):
        labels = os.path.join(self.folder.name, "labels")
        with open(labels, "w") as file:
            file.write("\n".join(self.run_script("return state.labels")))
        printed = json.loads(command("classify", SAMPLE, "--labels", labels, "--json"))["scores"]
        shown = [cell.text for cell in self.browser.find_elements(By.CSS_SELECTOR, "td.score")]
        self.assertEqual(shown, [f"{s['score']:.4f}" for s in printed])

    def test_2_how_well_each_label_was_found(self):
        rows = [row.text for row in self.browser.find_elements(By.CSS_SELECTOR, "#scores tbody tr")]
        effusion = next(row for row in rows if "Pleural effusion" in row)
        self.assertIn("AUROC 0.77 (0.68–0.83)", effusion)
        self.assertTrue(any("too few to say" in row for row in rows if row.startswith("Edema")))

    def test_3_window(self):
        say = lambda: self.find("window").text
        self.press("r")
        self.wait("document.getElementById('window').textContent.startsWith('Window 3499')")
        before = self.run_script("return [viewer.center, viewer.width]")
        actions = webdriver.ActionChains(self.browser)
        actions.click_and_hold(self.find("canvas")).move_by_offset(100, -50).release().perform()
        center, width = self.run_script("return [viewer.center, viewer.width]")
        self.assertGreater(width, before[1])
        self.assertNotEqual(center, before[0])
        self.press("r")
        self.press("i")
        self.wait("document.getElementById('window').textContent.includes('inverted')")
        self.assertEqual(self.find("invert").get_attribute("aria-pressed"), "true")
        self.press("i")
        self.press("4")
        self.assertIn("4:", self.run_script(
            "return document.getElementById('presets').selectedOptions[0].textContent"))
        self.press("+", Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.SHIFT + Keys.ARROW_LEFT)
        self.press("f", "1")
        self.assertIn("zoom", say())
        self.press("?")
        self.assertTrue(self.run_script("return document.getElementById('keys').open"))
        self.browser.switch_to.active_element.send_keys(Keys.ESCAPE)

    def test_4_pixels_are_as_stored(self):
        """The canvas shows at each place what the window makes of the stored value."""
        wrong = self.run_script("""
            viewer.reset(); viewer.scale = 1; viewer.x = 0; viewer.y = 0; viewer.paint();
            const got = viewer.canvas.getContext('2d').getImageData(0, 0, 200, 200).data;
            let wrong = 0;
            for (let y = 0; y < 200; y++) for (let x = 0; x < 200; x++) {
                const v = viewer.levels[0].values[y * viewer.image.width + x];
                if (got[4 * (y * 200 + x)] !== (viewer.table[v] & 255)) wrong++;
            }
            viewer.fit();
            return wrong;""")
        self.assertEqual(wrong, 0)

    def shown(self, data):
        """A file's stored values, and what the canvas shows of each, 0 to 255."""
        self.drop(data)
        return self.run_script("""
            viewer.scale = 1; viewer.x = 0; viewer.y = 0; viewer.paint();
            const got = viewer.canvas.getContext('2d').getImageData(0, 0, 300, 300).data, seen = {};
            for (let y = 0; y < 300; y++) for (let x = 0; x < 300; x++) {
                const i = viewer.image, v = i.low + i.step * viewer.levels[0].values[y * i.width + x];
                seen[v] = got[4 * (y * 300 + x)];
            }
            return Object.entries(seen).map(([v, g]) => [Number(v), g]);""")

    def test_4_curves_of_the_file(self):
        """What PS3.3 C.11.2 makes of each value, whichever way the file says it."""
        with open(SAMPLE, "rb") as file:
            sample = file.read()

        def added(before, *elements):
            at = sample.index(before)
            return sample[:at] + b"".join(elements) + sample[at:]

        def function(name):
            return added(b"\x28\0\x10\x21CS", b"\x28\0\x56\x10CS" + struct.pack("<H", len(name)) + name)

        # 1000 entries of 10 bits for values from 500 on: a curve that falls and rises.
        entries = [abs(1023 - 2 * i) if i < 1000 else 0 for i in range(1000)]
        descriptor = struct.pack("<HH2sHHhH", 0x28, 0x3002, b"US", 6, 1000, 500, 10)
        data = struct.pack("<HH2sH1000H", 0x28, 0x3006, b"US", 2000, *entries)
        item = b"\xfe\xff\0\xe0" + struct.pack("<I", len(descriptor + data)) + descriptor + data
        table = added(b"\x40\0\x55\x05SQ", struct.pack("<HH2sHI", 0x28, 0x3010, b"SQ", 0, len(item)), item)
        clamp = lambda x: min(1, max(0, x))
        # The sample's window is 1850, 3500.
        for data, curve in (
                (sample, lambda v: clamp((v - 1849.5) / 3499 + 0.5)),
                (function(b"LINEAR_EXACT"), lambda v: clamp((v - 1850) / 3500 + 0.5)),
                (function(b"SIGMOID "), lambda v: 1 / (1 + math.exp(-4 * (v - 1850) / 3500))),
                (table, lambda v: entries[int(min(999, max(0, v - 500)))] / 1023)):
            seen = self.shown(data)
            self.assertGreater(len(seen), 500)
            wrong = [(v, g) for v, g in seen if g != math.floor(curve(v) * 255 + 0.5)]
            self.assertEqual(wrong, [])
        self.assertIn("by the curve of the file", self.find("window").text)
        # The file's own window is the next preset, and R shows the curve again.
        self.press("2")
        self.assertEqual(self.run_script("return viewer.shape"), "linear")
        self.press("r")
        self.assertEqual(self.run_script("return viewer.shape"), "table")
        self.drop()

    def test_5_fed_pixels_and_map(self):
        self.press("p")
        self.wait("document.querySelector('#fedside figcaption').textContent.includes('160 × 160')")
        self.browser.find_element(By.CSS_SELECTOR, "button[aria-label='heat map of Pleural effusion']").click()
        self.wait("viewer.heatOn === true")
        self.assertRegex(self.find("mapsays").text, r"“Pleural effusion”, \w+ \(")
        self.picture("map-1280-light")
        self.press("h")
        self.assertFalse(self.run_script("return viewer.heatOn"))
        self.press("p")

    def test_6_a_phrase_is_scored_while_it_is_typed(self):
        self.find("phrase").send_keys("enlarged heart = enlarged heart | cardiomegaly")
        self.wait("document.querySelector('tr.preview summary') && "
                  "document.querySelector('tr.preview summary').textContent === 'enlarged heart'")
        rows = len(self.browser.find_elements(By.CSS_SELECTOR, "tbody tr"))
        self.find("phrase").send_keys(Keys.ENTER)
        self.wait("!document.querySelector('tr.preview') && !document.getElementById('phrase').value")
        self.assertEqual(len(self.browser.find_elements(By.CSS_SELECTOR, "tbody tr")), rows)
        self.browser.find_element(By.CSS_SELECTOR, "button[aria-label='remove enlarged heart']").click()
        self.wait(f"document.querySelectorAll('tbody tr').length === {rows - 1}")

    def test_7_search_and_match(self):
        self.find("query").send_keys("effusion", Keys.ENTER)
        self.wait("document.querySelectorAll('#hits li').length === 1")
        self.assertIn("similarity", self.find("hits").text)
        self.assertIn("pleural effusion", self.find("hits").text)
        self.find("byimage").click()
        self.find("question").send_keys("a small left pleural effusion", Keys.ENTER)
        self.wait("document.querySelectorAll('#answers li').length === 1")
        self.assertIn("match softmax", self.find("answers").text)

    def test_8_saving(self):
        self.find("json").click()
        path = os.path.join(self.folder.name, "biovl.json")
        WebDriverWait(self.browser, 20).until(lambda b: os.path.exists(path))
        with open(path) as file:
            self.assertEqual(json.load(file)["intended_use"], "research")
        for name, mark in (("sr", b"1.2.840.10008.5.1.4.1.1.88.34"), ("sc", b"1.2.840.10008.5.1.4.1.1.7")):
            self.find(name).click()
            path = os.path.join(self.folder.name, f"biovl-{name}.dcm")
            WebDriverWait(self.browser, 60).until(lambda b: os.path.exists(path))
            with open(path, "rb") as file:
                self.assertIn(mark, file.read())
        self.assertEqual(self.run_script("return csv().split('\\n')[0]"), "path,model,label,score,kind")

    def test_9_sizes_schemes_and_names(self):
        for width in (390, 1280, 3840):
            for scheme in ("light", "dark"):
                self.emulate(width, 2160 if width > 2000 else 900, scheme)
                time.sleep(0.3)
                self.run_script("viewer.fit(); scrollTo(0, 0)")
                wide = self.run_script("return document.documentElement.scrollWidth")
                self.assertLessEqual(wide, width, self.run_script("""
                    return [...document.querySelectorAll('*')].filter(e =>
                        e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '#' + e.id)"""))
                self.assertTrue(self.run_script("""
                    const box = document.querySelector('footer').getBoundingClientRect();
                    return box.bottom <= innerHeight + 1 && box.height > 0;"""))
                self.picture(f"page-{width}-{scheme}")
                if width == 390:
                    self.run_script("document.getElementById('panels').scrollIntoView()")
                    self.picture(f"panels-{width}-{scheme}")
        # Every control has a name; colours differ enough from what is behind them.
        self.assertEqual(self.run_script("""
            return [...document.querySelectorAll('button, input, select, canvas')].filter(e =>
                e.offsetParent && !(e.getAttribute('aria-label') || e.labels && e.labels.length ||
                e.textContent.trim() || e.getAttribute('aria-labelledby'))).map(e => e.id || e.outerHTML)"""), [])

    def differences(self, name):
        """Places where the page differs from the stored picture."""
        shown = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "jpeg", "quality": 60})["data"]
        path = os.path.join(STORED, name + ".jpg")
        self.picture(name)
        if RENEW:
            with open(path, "wb") as file:
                file.write(base64.b64decode(shown))
        with open(path, "rb") as file:
            stored = base64.b64encode(file.read()).decode()
        return self.browser.execute_async_script(COMPARE, stored, shown)

    def still(self, width, scheme, place):
        """A page that does not change any more: nothing focused, chosen, or being drawn."""
        self.emulate(width, 900, scheme)
        self.run_script("""
            document.activeElement.blur();
            for (const e of document.querySelectorAll('details')) e.open = false;
            const at = document.getElementById(arguments[0]).getBoundingClientRect().top + scrollY;
            scrollTo(0, arguments[0] === 'panels' ? at : 0);
            viewer.fit();""", place)
        self.browser.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => "
                                          "requestAnimationFrame(() => setTimeout(done, 300)))")

    def test_9_stored_pictures(self):
        """The page looks as when its pictures were looked at."""
        width = self.run_script("""
            const context = document.createElement('canvas').getContext('2d');
            context.font = '15px system-ui, sans-serif';
            return context.measureText('For research; not a medical device').width;""")
        if abs(width - FONT_WIDTH) > 0.5:
            self.skipTest(f"another font than that of the stored pictures: {width}")
        self.browser.set_script_timeout(120)
        self.browser.refresh()
        self.wait("state.models.length > 0")
        self.drop()
        for width, place in ((1280, "view"), (390, "view"), (390, "panels")):
            for scheme in ("light", "dark"):
                self.still(width, scheme, place)
                self.assertEqual(self.differences(f"{place}-{width}-{scheme}"), [])
        # A control that moved, and one that went, are seen.
        for change in ("document.getElementById('invert').style.marginLeft = '20px'",
                       "document.getElementById('help').style.visibility = 'hidden'",
                       "document.querySelector('#scores button').style.visibility = 'hidden'"):
            self.run_script(change)
            self.still(1280, "light", "view")
            self.assertGreater(len(self.differences("view-1280-light") if not RENEW else [1]), 0, change)
            self.run_script("for (const e of document.querySelectorAll('[style]')) "
                            "if (e.tagName === 'BUTTON') e.removeAttribute('style')")

    def test_a_keyboard_alone(self):
        """Every control that is shown can be reached by Tab."""
        self.emulate(1280, 900, "light")
        self.run_script("document.activeElement.blur()")
        reached = set()
        for _ in range(90):
            webdriver.ActionChains(self.browser).send_keys(Keys.TAB).perform()
            reached.add(self.run_script("return document.activeElement.id"))
        shown = self.run_script("""return [...document.querySelectorAll(
            'button[id], input[id], select[id], canvas[tabindex]')].filter(e => e.offsetParent).map(e => e.id)""")
        self.assertEqual(set(shown) - reached, set())

    def test_b_speed(self):
        """A large image: its first picture, then all its values, and repaints while the window is dragged."""
        told = self.run_script("""
            const width = 2500, height = 3056, values = new Uint16Array(width * height);
            for (let i = 0; i < values.length; i++) values[i] = (i * 2654435761 >>> 20) + (i / width | 0);
            const quarter = Viewer.halve(Viewer.halve({ values, width, height }));
            const facts = { width, height, columns: quarter.width, rows: quarter.height, low: 0, step: 1 };
            let began = performance.now();
            viewer.show(quarter.values, facts, { center: 3000, width: 6000 });
            viewer.paint();
            const first = performance.now() - began;
            began = performance.now();
            viewer.refine(values);
            const all = performance.now() - began, times = [];
            for (let i = 0; i < 30; i++) {
                viewer.drag(3, 2); viewer.paint(); times.push(viewer.milliseconds);
            }
            times.sort((a, b) => a - b);
            return { first, all, median: times[15], most: times[29] };""")
        print("ms:", json.dumps(told))
        # Measured by bench/page.py: see docs/service.md. A busy machine takes many times as long.
        self.assertLess(told["median"], 200)
        self.browser.refresh()
        self.wait("state.models.length > 0")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
