"""A person at a browser: visits pages, and finds what is wrong with each of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
from playwright.sync_api import ConsoleMessage, Page, Request, Response

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE, NARROW = 1400, 390

# The browser reports what the policy forbids; the list is read after each visit. Neither this
# script nor axe is loaded by the page, so the page's own policy need not let them in.
WATCH = """
window.__forbidden = [];
document.addEventListener("securitypolicyviolation", (event) => {
    window.__forbidden.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""

UNSTICK = """
document.querySelectorAll(".submit-row").forEach((row) => { row.style.position = "static"; });
"""


# Where a table has become a column of cards, each label needs the room of all its lines.
SPILT = """
[...document.querySelectorAll("table.stack [data-label]")]
    .filter((cell) => cell.scrollHeight > cell.clientHeight + 2)
    .map((cell) => cell.dataset.label)
"""


# The words that were chosen, measured, against the room beside the arrow.
CUT = """
[...document.querySelectorAll("select:not([multiple])")].filter((select) => {
    const style = getComputedStyle(select), pen = document.createElement("canvas").getContext("2d");
    pen.font = style.font;
    const words = pen.measureText(select.selectedOptions[0]?.text ?? "").width;
    const sides = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
    return select.checkVisibility() && words + sides + 14 > select.clientWidth;
}).map((select) => select.selectedOptions[0].text)
"""


@dataclass
class Reader:
    """`page` is a tab of somebody signed in; `problems` are those found so far."""

    page: Page
    base: str
    screenshots: Path | None = None
    problems: list[str] = field(default_factory=list)
    expected_status: int = 200

    def __post_init__(self) -> None:
        self.page.add_init_script(WATCH)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self._note(f"script error: {error}"))
        self.page.on("requestfailed", self._request_failed)
        self.page.on("request", self._requested)
        self.page.on("response", self._answered)

    def go(self, path: str, *, status: int = 200) -> None:
        self.expected_status = status
        self.page.goto(f"{self.base}{path}", wait_until="load")
        self._note_forbidden()

    def look(self, path: str, name: str, *, status: int = 200, dark: bool = True) -> None:
        """The page wide and narrow, light and dark: nothing forbidden, nothing cut, no barrier."""
        self.page.set_viewport_size({"width": WIDE, "height": 900})
        self.go(path, status=status)
        self.study(name, dark=dark)

    def study(self, name: str, *, dark: bool = True) -> None:
        """The same for the page that is there already."""
        for width in (WIDE, NARROW):
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.emulate_media(color_scheme="light")
            self._note_overflow(width)
            self.examine(f"{name}, {width} wide, light")
            self._photograph(f"{name}-{width}-light")
            self.page.emulate_media(color_scheme="dark")
            if dark:  # what is not a matter of colours is the same as in the light
                self.examine(f"{name}, {width} wide, dark", only_colours=True)
            self._photograph(f"{name}-{width}-dark")

    def examine(self, what: str, *, only_colours: bool = False) -> None:
        """What axe finds on the page as it is."""
        only: dict[str, Any] = {"type": "tag", "values": WCAG}
        if only_colours:
            only = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
        options = {"runOnly": only, "resultTypes": ["violations"], "preload": False}
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(f"() => {{ {AXE} }}")
        found = self.page.evaluate("options => axe.run(document, options)", options)
        for violation in found["violations"]:
            for node in violation["nodes"]:
                html = node["html"][:160]
                why = " ".join(node.get("failureSummary", "").split())[:300]
                self._note(f"axe, {what}: {violation['id']}: {html} — {why}")

    def _photograph(self, name: str) -> None:
        if self.screenshots is not None:
            # What sticks to the window's edge would hide the middle of a long picture.
            self.page.evaluate(UNSTICK)
            path = self.screenshots / f"{name}.png"
            self.page.screenshot(path=path, full_page=True, animations="disabled")

    def _note(self, problem: str) -> None:
        where = urlsplit(self.page.url).path
        if (line := f"{where}: {problem}") not in self.problems:
            self.problems.append(line)

    def _note_forbidden(self) -> None:
        for forbidden in self.page.evaluate("window.__forbidden"):
            self._note(f"forbidden by the content security policy: {forbidden}")

    def _note_overflow(self, width: int) -> None:
        for words in self.page.evaluate(SPILT):
            self._note(f"spills over what follows, {width} wide: {words}")
        for words in self.page.evaluate(CUT):
            self._note(f"a choice is cut, {width} wide: {words}")
        needed = self.page.evaluate("document.documentElement.scrollWidth")
        if needed > width:
            self._note(f"needs {needed} pixels where there are {width}")

    def _heard(self, message: ConsoleMessage) -> None:
        expected = f"status of {self.expected_status} " in message.text
        if message.type in ("error", "warning") and not expected:
            self._note(f"console {message.type}: {message.text}")

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.base, "about:")):
            self._note(f"asks another host: {request.url}")

    def _request_failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # we went on before it was answered
            self._note(f"request failed: {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        is_page = response.request.is_navigation_request()
        allowed = {200, 302, 304, self.expected_status} if is_page else {200, 302, 304}
        if response.status not in allowed:
            self._note(f"{response.status} for {response.url}")


@contextmanager
def all_well(reader: Reader) -> Iterator[Reader]:
    """Fails at the end with everything that was found."""
    yield reader
    found, reader.problems = reader.problems, []
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)
