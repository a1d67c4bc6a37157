"""The site in a browser. `make test-docs` builds it, and runs these tests."""

import shutil
import threading
from functools import cache, partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(__file__).parents[2] / "build" / "html"
# Sphinx's own: an index of names, and a page that is empty without a script.
NOT_OURS = {"genindex.html", "py-modindex.html", "search.html"}
PAGES = sorted(
    page.relative_to(SITE).as_posix()
    for page in SITE.rglob("*.html")
    if page.name not in NOT_OURS and "_static" not in page.parts
)
PHONE, SCREEN = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]

pytestmark = pytest.mark.site


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def address():
    assert (SITE / "index.html").exists(), "Build the site first: make docs"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "These tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def problems(browser, address):
    """Give a function that opens a page, and what went wrong on the way."""
    contexts = []

    def open_page(name, viewport=SCREEN, scheme="light"):
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        contexts.append(context)
        page, found = context.new_page(), []
        page.on("console", lambda it: it.type == "error" and found.append(f"console: {it.text}"))
        page.on("pageerror", lambda error: found.append(f"script: {error}"))
        page.on("requestfailed", lambda request: found.append(f"failed: {request.url}"))
        page.on(
            "request",
            lambda it: (
                it.url.startswith((address, "data:", "blob:")) or found.append(f"outside: {it.url}")
            ),
        )
        page.goto(f"{address}/{name}", wait_until="load")
        return page, found

    yield open_page
    for context in contexts:
        context.close()


def test_the_site_has_its_pages():
    assert {"index.html", "get_started.html", "api/index.html", "gallery/index.html"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_a_screen(name, problems):
    page, found = problems(name)
    assert found == []
    page.evaluate("document.querySelectorAll('img').forEach(it => it.loading = 'eager')")
    page.wait_for_load_state("networkidle")
    broken = "[...document.images].filter(it => !it.naturalWidth).map(it => it.src)"
    assert page.evaluate(broken) == []
    assert page.title()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_a_phone(name, scheme, problems):
    from axe_playwright_python.sync_playwright import Axe

    page, _ = problems(name, PHONE, scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    violations = Axe().run(page).response["violations"]
    serious = {
        it["id"]: [node["target"] for node in it["nodes"]]
        for it in violations
        if it["impact"] in ("serious", "critical")
    }
    assert serious == {}


def test_search_finds_the_transformer(problems):
    page, found = problems("search.html?q=AutoencoderTransformer")
    page.wait_for_selector("#search-results li a")
    names = page.locator("#search-results li a").all_inner_texts()
    assert any("AutoencoderTransformer" in name for name in names)
    assert found == []


class Links(HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = set(), {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "a" and attributes.get("href"):
            self.links.add(attributes["href"])
        self.anchors.add(attributes.get("id") or attributes.get("name") or "")


links_of = cache(Links)


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    page = SITE / name
    for link in links_of(page).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        assert target.exists(), link
        if target.suffix == ".html" and parts.fragment:
            assert unquote(parts.fragment) in links_of(target).anchors, link
