"""Web pages of others (CORS, Fetch standard): only the configured origins may ask and read; never with cookies."""

from collections.abc import Collection, Mapping

HEADERS = "Authorization, Content-Type, Content-Encoding, X-API-Key"
METHODS = "GET, POST, OPTIONS"
MAX_AGE = "600"


def allowed(origin: str | None, origins: Collection[str]) -> bool:
    """May a page of this origin ask? Who is no page sends none."""
    return origin is None or origin in origins


def foreign_page(origin: str | None, origins: Collection[str]) -> bool:
    """Is this a page of others? Its own site's name may lead here (DNS rebinding), then its browser asks nobody first.
    `null` hides a page; extensions, which are no pages, have schemes of their own."""
    return not allowed(origin, origins) and str(origin).startswith(("http://", "https://", "null"))


def headers(origin: str | None, origins: Collection[str]) -> dict[str, str]:
    """What an answer says to the browser. `Vary` keeps caches from giving one page's answer to another."""
    if not origins:
        return {}
    if origin is None or origin not in origins:
        return {"Vary": "Origin"}
    return {"Vary": "Origin", "Access-Control-Allow-Origin": origin}


def preflight(request: Mapping[str, str], origins: Collection[str]) -> dict[str, str] | None:
    """The answer's headers to a browser that asks beforehand, or None if it may not."""
    origin = request.get("Origin")
    if origin is None or origin not in origins or "Access-Control-Request-Method" not in request:
        return None
    return headers(origin, origins) | {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": HEADERS,
        "Access-Control-Max-Age": MAX_AGE,
    }
