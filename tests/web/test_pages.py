"""Pages: HTML is in templates alone, and nothing in a page needs what its policy forbids."""

import ast
import re

import pytest

from elbowroom.plotting.style import CLASS_COLORS, LINE_COLORS, SCALE_COLORS
from elbowroom.web.render import content_security_policy, environment, read_asset, write_html

TAG = re.compile(r"</?(a|b|p|i|h[1-6]|br|div|dl|dt|dd|table|t[rdh]|span|section|article|script|style|svg|img|button)\b")


def python_files(root):
    return sorted((root / "src").rglob("*.py"))


def is_templating(node):
    return {"Template", "escape"} & {name.name for name in node.names}


def test_no_html_is_put_together_in_python(root):
    """No f-string and no other template than Jinja2's."""
    found = []
    for path in python_files(root):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
                found += [f"{path}:{node.lineno}"] if TAG.search(text) else []
            if isinstance(node, ast.ImportFrom) and node.module in ("html", "string") and is_templating(node):
                found.append(f"{path}:{node.lineno}")
    assert found == []


def test_templates_have_no_inline_style_and_no_handlers():
    names = environment().list_templates()
    assert {"base.html", "report.html", "comparison.html"} <= set(names)
    for name in names:
        text = read_asset(f"templates/{name}")
        assert not re.search(r"<[^>]*\s(style|on\w+)=", text), name
        assert "|safe" not in text, name


def test_policy_allows_nothing_from_elsewhere():
    policy = content_security_policy("a{}", "1", "worker-src blob:")
    assert policy.startswith("default-src 'none'; img-src data:; worker-src blob:; style-src 'sha256-")
    assert "unsafe" not in policy


def css_variables(block):
    return dict(re.findall(r"--([\w-]+): ([^;]+);", block))


def test_pages_and_figures_have_the_same_colors():
    light = css_variables(read_asset("static/kit.css").partition("@media")[0])
    assert tuple(light[f"class-{i}"] for i in range(len(CLASS_COLORS))) == CLASS_COLORS
    assert {name: light[name].lower() for name in LINE_COLORS} == {k: v.lower() for k, v in LINE_COLORS.items()}
    assert tuple(re.findall(r"#\w{6}", light["scale"])) == SCALE_COLORS


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    write_html(tmp_path / "a.html", "one")
    write_html(tmp_path / "a.html", "two")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.html", "two")]
    with pytest.raises(ValueError, match=r"cannot write .*no/a.html \(No such file or directory\): give an --out"):
        write_html(tmp_path / "no" / "a.html", "three")
    assert not (tmp_path / "no").exists()
