"""A tab of the browser, and all that goes wrong in it."""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

DEADLINE_S = 30.0
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
        context.add_init_script(REPORT_VIOLATIONS)
        self.page: Page = context.new_page()
        self.page.set_default_timeout(1000 * DEADLINE_S)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self._wrong.append(f"exception: {error}"))
        self.page.on("request", self._asked)

    def open(self, path: str = "/") -> None:
        """Open an address below the base."""
        self.page.goto(f"{self.base}{path}")

    def forgive(self, *patterns: str) -> None:
        """Let an error be that a pattern is found in, such as one of a refused connection."""
        self._forgiven += map(re.compile, patterns)

    def check(self) -> None:
        """Fail if anything went wrong so far."""
        wrong = [each for each in self._wrong if not any(one.search(each) for one in self._forgiven)]
        assert not wrong, "\n".join(wrong)

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Return the value of an expression in the page."""
        return self.page.evaluate(script, argument)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._wrong.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _asked(self, request: Request) -> None:
        self.requests.append(request)
        asked, own = urlsplit(request.url), urlsplit(self.base)
        if asked.scheme not in ("data", "blob") and asked[:2] != own[:2]:
            self._wrong.append(f"request to another origin: {request.url}")
        without_fragment = unquote(request.url.partition("#")[0])
        if any(secret in without_fragment for secret in self._secrets):
            self._wrong.append(f"token in an URL: {request.url}")
