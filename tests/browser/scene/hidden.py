"""A tab behind others: Chromium hides none where there is no screen, so the page is told that it is."""

HIDEABLE = """
globalThis.behind = false;
Object.defineProperty(document, "hidden", {get: () => behind});
Object.defineProperty(document, "visibilityState", {get: () => (behind ? "hidden" : "visible")});
"""
"""Before the page's own scripts."""

HIDE = "behind = true; document.dispatchEvent(new Event('visibilitychange'))"
SHOW = "behind = false; document.dispatchEvent(new Event('visibilitychange'))"
