"""What every page is put together from: assets, content security policy, numbers and JSON inside the page."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from torch import Tensor


def read_asset(path: str) -> str:
    """Return the text of a file of this package, such as ``"static/report.css"``."""
    return files("elbowroom.web").joinpath(path).read_text(encoding="utf-8")


def write_html(path: Path, html: str) -> None:
    """Write a page atomically: an interrupted write leaves the old file.

    Raises:
        ValueError: the file cannot be written.
    """
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_text(html, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise ValueError(f"cannot write {path} ({error.strerror or error}): give an --out you may write to") from None


def content_security_policy(css: str, js: str, extra: str = "img-src data:") -> str:
    """Return the Content-Security-Policy of a page that loads and runs nothing but its own style and script.

    Args:
        css: the text of its ``<style>``, allowed by its hash.
        js: the text of its ``<script>``, allowed by its hash.
        extra: a directive for what else is allowed; images inside the page by default.
    """
    return (
        f"default-src 'none'; {extra}; style-src '{csp_hash(css)}'; style-src-attr 'unsafe-inline'; "
        f"script-src '{csp_hash(js)}'; base-uri 'none'; form-action 'none'"
    )


def csp_hash(text: str) -> str:
    """Return the SHA-256 source expression by which a policy allows an inline style or script (CSP Level 2).

    >>> csp_hash("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def to_script_json(data: Any) -> str:
    """Return JSON that is safe inside a ``<script>`` element.

    >>> to_script_json({"name": "</script>"})
    '{"name":"\\\\u003c/script>"}'
    """
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def round_digits(value: float | Tensor, digits: int = 6) -> float:
    """Round to significant digits, more than a screen shows.

    >>> round_digits(1234.5678), round_digits(0.00012345678, 3)
    (1234.57, 0.000123)
    """
    return float(f"{float(value):.{digits}g}")


def round_values(values: Tensor, digits: int = 6) -> list[float]:
    """Round every number of a vector (N,) to significant digits."""
    return [round_digits(value, digits) for value in values.tolist()]
