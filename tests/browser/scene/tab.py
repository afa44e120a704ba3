"""A tab of the browser: what it shows, and all that goes wrong in it."""

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, expect

DEADLINE_S = 30.0
TOTAL = "current_gpu_usage.total_gpus"
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`));
"""


class Tab:
    """A page, what it has asked for, and what it may not do.

    `check` fails on an error in the console, an exception, a violation of the content security policy, a
    request to another origin, and a token in an URL. What a test provokes it names by `forgive` first.
    """

    def __init__(self, context: BrowserContext, base: str, *secrets: str) -> None:
        """Open an empty tab for what is at ``base``; ``secrets`` may be in no URL but the first fragment."""
        self.base = base
        self.requests: list[Request] = []
        self._secrets = secrets
        self._wrong: list[str] = []
        self._forgiven: list[re.Pattern[str]] = []
        self.page: Page = context.new_page()
        self.page.add_init_script(REPORT_VIOLATIONS)
        self.page.set_default_timeout(1000 * DEADLINE_S)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self._wrong.append(f"exception: {error}"))
        self.page.on("request", self._on_request)

    def open(self, path: str = "/") -> None:
        """Open an address below the base."""
        self.page.goto(f"{self.base}{path}")

    def sign_in(self, token: str, view: str = "") -> None:
        """Open a view of the page with a token in the address, and wait until it is live."""
        self.open(f"/#token={quote(token)}{view and f'&{view}'}")
        self.expect_state("live")

    def forgive(self, *patterns: str) -> None:
        """Let an error be that a pattern is found in, such as one of a refused connection."""
        self._forgiven += map(re.compile, patterns)

    def check(self) -> None:
        """Fail if anything went wrong so far."""
        wrong = [each for each in self._wrong if not any(one.search(each) for one in self._forgiven)]
        assert not wrong, "\n".join(wrong)

    # What it shows

    @property
    def header(self) -> Locator:
        """Return the page's head."""
        return self.page.locator("header[data-state]")

    @property
    def dialog(self) -> Locator:
        """Return the dialog that asks for the token."""
        return self.page.get_by_role("dialog", name="token")

    @property
    def main(self) -> Locator:
        """Return the view."""
        return self.page.get_by_role("main")

    @property
    def map(self) -> Locator:
        """Return the grid of the first product's GPUs."""
        return self.main.get_by_role("grid").first

    def figure(self, path: str) -> Locator:
        """Return the first place that shows a figure of ``status``."""
        return self.page.locator(f'[data-figure="{path}"]').first

    def expect_state(self, state: str) -> None:
        """Wait until the header is in a state: live, stale, lost, denied, hidden."""
        expect(self.header).to_have_attribute("data-state", state)

    def until(
        self,
        condition: Callable[[], bool],
        what: Callable[[], object] | str,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """Look until a condition holds. Raise AssertionError past the deadline."""
        deadline = time.monotonic() + deadline_s
        while not condition():
            missing = what if isinstance(what, str) else what()
            assert time.monotonic() < deadline, f"not in {deadline_s:g} s: {missing}"
            self.page.wait_for_timeout(50)

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Return the value of an expression in the page."""
        return self.page.evaluate(script, argument)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._wrong.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        self.requests.append(request)
        asked, own = urlsplit(request.url), urlsplit(self.base)
        if asked.scheme not in ("data", "blob") and asked[:2] != own[:2]:
            self._wrong.append(f"request to another origin: {request.url}")
        without_fragment = unquote(request.url.partition("#")[0])
        if any(secret in without_fragment for secret in self._secrets):
            self._wrong.append(f"token in an URL: {request.url}")
