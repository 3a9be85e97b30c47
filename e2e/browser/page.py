#!/usr/bin/env python3
"""Tests the page at /_local/ in Chromium, with a shop that it starts.

    page.py [--screenshots DIR] BINARIES

BINARIES is the folder with the emulator, the functions and the seed program, such as target/debug. With
--screenshots a flash sale runs, and screenshots of it are written to DIR.
Needs selenium, chromium and chromedriver. Exit code 0: all tests passed. 1: one failed.
"""

import argparse
import base64
import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 30
TURNTABLE = "019a49b2-1940-7228-ac0d-8e970c8af6aa"
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
]


class Shop:
    """A shop on free ports, with the seed's products."""

    def __init__(self, binaries):
        command = [binaries / "emulator", "--port", "0", "--edge-port", "0", "--binaries", binaries]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.output = []
        self.api_url = self._wait_for(r"HTTP API\s+(http://\S+)")
        self.page_url = self._wait_for(r"Live page\s+(http://\S+/_local/)")
        # The emulator would block if its output were not read.
        threading.Thread(target=self._listen, daemon=True).start()
        self.token = self.ask(f"{self.page_url}token", {"sub": "ada"})["access_token"]

    def _wait_for(self, pattern):
        for line in self.process.stdout:
            self.output.append(line)
            if found := re.search(pattern, line):
                return found[1]
        sys.exit("the shop didn't open:\n" + "".join(self.output))

    def _listen(self):
        for line in self.process.stdout:
            self.output = [*self.output[-200:], line]

    def ask(self, url, body=None, token=None):
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(url, data, headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)

    def buy(self, product, quantity=1):
        """Checks out. Returns the order's id, or None if the shop answers at once that the product is sold out."""
        lines = [{"product_id": product, "quantity": quantity}]
        try:
            return self.ask(f"{self.api_url}/checkouts", {"lines": lines}, self.token)["order_id"]
        except urllib.error.HTTPError as error:
            if error.code == 409:
                return None
            raise

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Page:
    """The page in a browser."""

    def __init__(self, url, profile, dark=False):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser")
        for flag in [*CHROMIUM_FLAGS, f"--user-data-dir={profile}", "--window-size=1360,1500"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options, service)
        self.scheme("dark" if dark else "light")
        self.driver.get(url)

    def scheme(self, name):
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def text(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def texts(self, selector):
        script = "return [...document.querySelectorAll(arguments[0])].map(node => node.textContent)"
        return self.driver.execute_script(script, selector)

    def number(self, selector):
        return float(self.text(selector).replace(",", "").replace("–", "-1"))

    def wait(self, what, condition):
        """Waits until the condition holds."""
        try:
            return WebDriverWait(self.driver, TIMEOUT_SECONDS, 0.1).until(lambda _: condition())
        except Exception:
            shown = self.text("body")
            sys.exit(f"waited {TIMEOUT_SECONDS} s for {what}; the page shows:\n{shown}")

    def enter_order(self, order_id):
        field = self.driver.find_element(By.ID, "order-id")
        field.clear()
        field.send_keys(order_id, Keys.ENTER)

    def errors(self):
        """The errors in the browser's log, violations of the page's policy among them."""
        log = self.driver.get_log("browser")
        # Chromium also logs the 404 of the unknown order.
        return [it["message"] for it in log if it["level"] == "SEVERE" and " 404 " not in it["message"]]

    def save(self, path, width=1360):
        """Takes a screenshot of the whole page."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1.5, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.wait("the page to settle", lambda: self.driver.execute_script("return innerWidth") == width)
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(picture["data"]))

    def close(self):
        self.driver.quit()


def check(truth, message):
    if not truth:
        sys.exit(f"failed: {message}")


def orders_arrive(shop, page):
    page.wait("the page to be live", lambda: page.text("#state") == "live")
    check(page.text("#details").startswith(shop.api_url), page.text("#details"))
    check("None so far." in page.text("#problems"), page.text("#problems"))

    orders = [shop.buy(TURNTABLE) for _ in range(6)]
    too_much = shop.buy(TURNTABLE, 10_000)
    page.wait("7 accepted", lambda: page.number("#accepted-total") == 7)
    page.wait("6 of them bought", lambda: page.number("#decided-accepted") == 6)
    page.wait("one of them rejected", lambda: page.number("#decided-rejected") == 1)
    page.wait("an empty queue", lambda: page.number("#waiting") == page.number("#in-flight") == 0)
    page.wait("the batches", lambda: page.driver.find_elements(By.CSS_SELECTOR, "#strip .accepted"))
    page.wait("the turntables that are left", lambda: "Turntable" in "".join(page.texts("#shelves li:first-child .name")))
    check("44 of 50" in page.text("#shelves li:first-child"), page.text("#shelves"))
    routes = dict(zip(page.texts("#routes td:first-child"), page.texts("#routes td:last-child")))
    check(routes["POST /checkouts"] == "7", routes)
    functions = dict(zip(page.texts("#functions td:first-child"), page.texts("#functions td:nth-child(2)")))
    check(int(functions["CheckoutBatchFunction"]) >= 1, functions)
    return orders, too_much


def a_trace_is_a_waterfall(page, order_id, status, writes):
    page.enter_order(order_id)
    page.wait(f"{order_id} to be {status}", lambda: page.text("#summary").startswith(status))
    names = page.texts("#rows .what b")
    for name in ["POST /checkouts", "SQS.SendMessage", "checkout decided", "decide checkouts", *writes]:
        check(name in names, f"{name} is not in {names}")
    check("in the queue" in page.texts("#rows .what"), page.texts("#rows .what"))
    # Later spans begin further to the right.
    script = "return [...document.querySelectorAll('#rows .bar')].map(bar => bar.getBoundingClientRect().left)"
    lefts = page.driver.execute_script(script)
    decided = page.texts("#rows .what b, #rows .wait .what").index("checkout decided")
    check(lefts[0] < lefts[decided], lefts)


def the_keyboard_is_enough(page, order_id):
    row = page.driver.find_element(By.CSS_SELECTOR, "#rows .span:not(.wait) > button")
    row.send_keys(Keys.ENTER)
    detail = page.wait("the span's details", lambda: page.text("#rows .detail"))
    check(order_id in detail, detail)
    focused = page.driver.switch_to.active_element.get_attribute("aria-expanded")
    check(focused == "true", "the opened row has lost the focus")
    strip = page.driver.find_element(By.ID, "strip")
    latest = page.text("#readout b")
    strip.send_keys(Keys.HOME)
    page.wait("the first batch", lambda: page.text("#readout b") == "#1")
    strip.send_keys(Keys.END)
    page.wait("the latest batch", lambda: page.text("#readout b") == latest)


def an_unknown_order_has_a_message(page):
    page.enter_order("<b>nobody</b>")
    page.wait("words", lambda: "No trace mentions the order <b>nobody</b>" in page.text("#message"))
    check(not page.driver.find_element(By.ID, "order-trace").is_displayed(), "another order's trace is still shown")


def a_lost_shop_has_a_message(shop, page):
    shop.close()
    page.wait("the loss", lambda: page.text("#state") == "no answer; trying again")


def flash_sale(shop, page, folder):
    """Takes screenshots during a sale, when some products are sold out and others are not."""
    listing = shop.ask(f"{shop.api_url}/products?limit=100")["products"]
    # Some have few units and sell out; others have enough.
    products = [product["product_id"] for product in sorted(listing, key=lambda product: product["available"])][:14]
    over = threading.Event()
    bought = []

    def crowd(number):
        turn = 0
        while not over.is_set():
            turn += 1
            wanted = products[min(turn * 5 % 17, turn * 7 % 19) % len(products)]
            if order_id := shop.buy(wanted, 1 + number % 2):
                bought.append(order_id)

    def sold_out():
        return int(re.search(r"(\d+) sold out", page.text("#stock-note"))[1])

    with ThreadPoolExecutor(12) as people:
        visits = [people.submit(crowd, number) for number in range(12)]
        try:
            page.wait("some products to be sold out", lambda: sold_out() >= 5)
            page.enter_order(bought[-150])
            page.wait("a decided order", lambda: page.driver.find_elements(By.CSS_SELECTOR, "#rows .wait"))
            page.driver.execute_script("document.activeElement.blur()")
            for scheme in ["light", "dark"]:
                page.scheme(scheme)
                page.save(folder / f"local-page-{scheme}.png")
        finally:
            over.set()
    for visit in visits:
        visit.result()
    print(f"{len(bought)} checkouts were accepted in the sale")


def main():
    parser = argparse.ArgumentParser(description="Tests the page at /_local/ in Chromium.")
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        profile = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        shop = Shop(arguments.binaries.resolve())
        stack.callback(shop.close)
        page = Page(shop.page_url, profile)
        stack.callback(page.close)
        if arguments.screenshots:
            flash_sale(shop, page, arguments.screenshots)
            return
        orders, too_much = orders_arrive(shop, page)
        # A rejected order takes no stock, so there is no transaction.
        a_trace_is_a_waterfall(page, too_much, "rejected", ["DynamoDB.BatchExecuteStatement"])
        writes = ["DynamoDB.TransactWriteItems", "DynamoDB.BatchExecuteStatement", "DynamoDB.DeleteItem"]
        a_trace_is_a_waterfall(page, orders[0], "waiting payment", writes)
        the_keyboard_is_enough(page, orders[0])
        an_unknown_order_has_a_message(page)
        check(page.errors() == [], page.errors())
        a_lost_shop_has_a_message(shop, page)
    print("the page shows orders as they arrive, and each one's way")


if __name__ == "__main__":
    main()
