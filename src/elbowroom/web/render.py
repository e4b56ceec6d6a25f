"""HTML pages of one file: Jinja2 templates with their style, script and data inside, under a strict policy."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from torch import Tensor

from elbowroom import __version__
from elbowroom.serialization import atomic_path

#: Styles of every page, before its own.
KIT_STYLES = ("vendor/uplot/uPlot.min.css", "static/kit.css")


@cache
def environment() -> Environment:
    """Return the Jinja2 environment: every value is escaped, and a name that is not given is an error."""
    loader = PackageLoader("elbowroom.web")
    env = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters |= {"capital": _capitalize, "sentence": lambda text: _capitalize(text.rstrip(".") + ".")}
    return env


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def render_page(
    name: str, title: str, data: Any, *, css: str = "", scripts: Iterable[str] = (), policy: str = "", **fields: Any
) -> str:
    """Return a page as HTML: ``templates/NAME.html`` with ``static/NAME.css`` and ``static/NAME.js`` after the kit's.

    Args:
        name: of the page.
        title: its title.
        data: JSON for its script.
        css: more rules for its style.
        scripts: texts of more scripts, before its own.
        policy: directives for what else the page may do, besides showing its own images.
        **fields: what the template shows.
    """
    style = "\n".join([*map(read_asset, KIT_STYLES), read_asset(f"static/{name}.css"), css])
    script = _join_scripts(read_asset(f"static/{name}.js"), scripts)
    template = environment().get_template(f"{name}.html")
    return template.render(
        name=name,
        title=title,
        css=Markup(style),
        js=Markup(script),
        data=Markup(to_script_json(data)),
        policy=Markup(content_security_policy(style, script, policy)),
        icon=icon_url(),
        written=f"elbowroom {__version__}, {datetime.now(UTC):%d %B %Y, %H:%M} UTC",
        **fields,
    )


def _join_scripts(own: str, others: Iterable[str]) -> str:
    """Return uPlot with its licence, the kit, other scripts and the page's own as one module."""
    licence = f"/* uPlot\n\n{read_asset('vendor/uplot/LICENSE')}*/"
    uplot = read_asset("vendor/uplot/uPlot.iife.min.js").partition("\n")[2]
    return "\n".join(
        [licence, uplot, kit_script(), *map(_without_imports, others), "setUpPage();", _without_imports(own)]
    )


@cache
def kit_script() -> str:
    """Return the modules that ``static/kit.js`` exports, in its order, as one: each in a scope of its own."""
    paths = re.findall(r'^export \* from "\./(.*)";$', read_asset("static/kit.js"), flags=re.MULTILINE)
    return "\n".join(_scope_module(read_asset(f"static/{path}")) for path in paths)


def _scope_module(script: str) -> str:
    """Return a module as a function that returns its exports, which are its only names outside it.

    >>> print(_scope_module("const half = 0.5;\\nexport const one = 2 * half;\\n"))
    const { one } = (() => {
    const half = 0.5;
    const one = 2 * half;
    return { one };
    })();
    """
    export = re.compile(r"^export (?=(?:async )?(?:const|let|function\*?|class) (\w+))", re.MULTILINE)
    names = f"{{ {', '.join(export.findall(script))} }}"
    return f"const {names} = (() => {{\n{export.sub('', _without_imports(script))}return {names};\n}})();"


def _without_imports(script: str) -> str:
    return re.sub(r"^import [^;]*;\n", "", script, flags=re.MULTILINE)


@cache
def icon_url() -> str:
    """Return the icon of all pages as a data URL."""
    return "data:image/svg+xml," + quote(read_asset("static/icon.svg").strip())


def read_asset(path: str) -> str:
    """Return the text of a file of this package, such as ``"static/kit.css"``."""
    return files("elbowroom.web").joinpath(path).read_text(encoding="utf-8")


def write_html(path: Path, html: str) -> None:
    """Write a page atomically: an interrupted write leaves the old file.

    Raises:
        ValueError: the file cannot be written.
    """
    try:
        path.parent.stat()  # A folder that is not there is more likely mistyped than meant.
        with atomic_path(path) as temporary:
            temporary.write_text(html, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot write {path} ({error.strerror or error}): give an --out you may write to") from None


def content_security_policy(css: str, js: str, extra: str = "") -> str:
    """Return the Content-Security-Policy of a page that loads and runs nothing but its own style and script.

    Args:
        css: the text of its ``<style>``, allowed by its hash.
        js: the text of its ``<script>``, allowed by its hash.
        extra: a directive for what else is allowed.
    """
    directives = ["default-src 'none'", "img-src data:", extra, f"style-src '{csp_hash(css)}'"]
    directives += [f"script-src '{csp_hash(js)}'", "base-uri 'none'", "form-action 'none'"]
    return "; ".join(filter(None, directives))


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
