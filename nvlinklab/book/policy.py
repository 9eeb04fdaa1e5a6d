"""The content security policy of a page: nothing runs and nothing paints that did not come with the book."""

import base64
import hashlib
import re

from nvlinklab.book.errors import BookError

BLOCK = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.DOTALL)
_HANDLER = re.compile(r"<[a-zA-Z][^<>]*?\s(on[a-z]+)\s*=\s*[\"']")
_STYLE = re.compile(r"<[a-zA-Z][^<>]*?\sstyle\s*=\s*[\"']|<style\b")
_HEAD = re.compile(r"<head[^>]*>\s*(?:<meta charset=[^>]*>)?")


def runs(attributes: str) -> bool:
    """Return whether a `<script>` with these attributes holds a program of its own, not data and not an address."""
    kind = re.search(r"""\btype=["']?([^"'\s>]*)""", attributes)
    return not re.search(r"\bsrc=", attributes) and (kind is None or kind[1] in ("", "module", "text/javascript"))


def digest(content: str) -> str:
    """Return the source expression that allows one inline block."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def policy(scripts: list[str] = (), styles: list[str] = ()) -> str:  # type: ignore[assignment]
    """Return the policy of a page with these inline blocks."""
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *sorted(map(digest, scripts))]),
            " ".join(["style-src 'self'", *sorted(map(digest, styles))]),
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
        ]
    )


def guard(text: str, page: str, sheet: str = "") -> str:
    """Return a page with its policy, which allows the style sheet that the book wrote into it.

    Raises:
        BookError: the page has an event handler or another style written into it, which the policy would block.
    """
    scripts = sorted({m[2] for m in BLOCK.finditer(text) if runs(m[1])})
    rest = BLOCK.sub("", text)
    rest = rest.replace(f"<style>{sheet}</style>", "", 1) if sheet else rest
    for what, pattern in (("an event handler", _HANDLER), ("a style", _STYLE)):
        found = pattern.search(rest)
        if found:
            raise BookError(f"{page} has {what} written into it: {found[0][:120]}")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(scripts, [sheet] if sheet else [])}">'
    return _HEAD.sub(lambda m: f"{m[0]}{meta}", text, count=1)
