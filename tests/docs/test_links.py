"""Links, files, commands, flags and names that the pages mention exist."""

import ast
import importlib
import re
import shlex
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType

import click
import pytest

import elbowroom as er
from elbowroom.cli.main import commands

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/**/*.md")
    for path in ROOT.glob(pattern)
    if "generated" not in path.parts  # made from the code when the site is built, which checks their links
)
#: Pages that tell what once was, under the names of then.
HISTORY = ("CHANGELOG.md", "docs/LOG.md")
CURRENT = [page for page in PAGES if page not in HISTORY]
#: Flags of other programs.
FOREIGN_FLAGS = {
    *("--nproc-per-node", "--nnodes", "--rdzv-backend", "--rdzv-endpoint", "--max-restarts"),
    *("--slow", "--exhaustive", "--data-binary"),
}
#: Names that stand for the reader's own.
PLACEHOLDERS = {"RECIPE", "KIND", "COMMAND", "NAME"}


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def fences(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\b[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def inline_code(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def indented(text: str) -> str:
    return "\n".join(re.findall(r"^    (\S.*)$", text, re.MULTILINE))


def command_lines(text: str) -> list[list[str]]:
    """The elbowroom commands of bash blocks and of indented lines, as words after ``elbowroom``."""
    found = []
    text = re.sub(r"\\\n *", "", text)
    for line in "\n".join([*fences(text, "bash"), indented(text)]).splitlines():
        if match := re.match(r"(?:[A-Z_]+=\S+ )*(?:torchrun .*-m )?elbowroom (.*)", line):
            found.append(shlex.split(match[1], comments=True))
    return found


def flags_of(command: click.Command) -> set[str]:
    return {flag for param in command.params for flag in (*param.opts, *param.secondary_opts) if flag.startswith("-")}


def find_command(words: list[str]) -> click.Command:
    context = click.Context(commands)
    command = commands.get_command(context, words[0])
    if isinstance(command, click.Group) and len(words) > 1 and not words[1].startswith("-"):
        return command.get_command(click.Context(command), words[1])
    return command


@cache
def every_flag() -> set[str]:
    """The flags of all commands and of the benchmarks."""
    flags = {"--help", "--version"} | FOREIGN_FLAGS
    for command in commands.commands.values():
        flags |= flags_of(command)
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                flags |= flags_of(command.get_command(context, name))
    scripts = (ROOT / "benchmarks").rglob("*.py")
    return flags | {flag for path in scripts for flag in re.findall(r"--[a-z][\w-]*", path.read_text(encoding="utf-8"))}


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def resolve(dotted: str) -> object:
    """The object of a dotted name that begins with a module; attributes of anything but a module are not followed."""
    first, *rest = dotted.split(".")
    current = importlib.import_module(first)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in rest:
            if not isinstance(current, ModuleType):
                break
            try:
                current = getattr(current, name)
            except AttributeError:
                current = importlib.import_module(f"{current.__name__}.{name}")
    return current


@pytest.mark.parametrize("page", PAGES)
def test_links_and_images_exist(page):
    text, folder = read(page), (ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:|generated/", target):
            continue
        path, _, anchor = target.partition("#")
        linked = folder / path if path else ROOT / page
        assert linked.exists(), target
        if anchor and linked.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), target


@pytest.mark.parametrize("page", CURRENT)
def test_files_and_folders_exist(page):
    text = read(page)
    for code in (*inline_code(text), *fences(text, "bash"), indented(text)):
        for path in re.findall(r"(?<![\w./])((?:src|tests|docs|labs|benchmarks|tools)/[\w./-]+)", code):
            assert (ROOT / path.rstrip(".")).exists(), path


@pytest.mark.parametrize("page", CURRENT)
def test_commands_and_their_flags_are_known(page):
    for words in command_lines(read(page)):
        if words[0].isupper() or set(words) & PLACEHOLDERS:
            continue
        known = flags_of(find_command(words)) | {"--help"}
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= known, words


@pytest.mark.parametrize("page", CURRENT)
def test_flags_in_the_text_are_known(page):
    used = {flag for code in inline_code(read(page)) for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", code)}
    assert used <= every_flag()


@pytest.mark.parametrize("page", CURRENT)
def test_python_names_exist(page):
    """In code blocks and in code within the text, without a warning that a name is an old one."""
    text = read(page)
    code = "\n".join([*fences(text, "python"), *inline_code(text)])
    for dotted in re.findall(r"(?<![\w.])er((?:\.[A-Za-z_]\w*)+)", code):
        resolve(f"elbowroom{dotted}")
    for dotted in re.findall(r"(?<![\w./-])elbowroom(?:\.[A-Za-z_]\w*)+", code):
        resolve(dotted)


@pytest.mark.parametrize("page", CURRENT)
def test_imports_exist(page):
    for block in fences(read(page), "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == er.__name__:
                for alias in node.names:
                    resolve(f"{node.module}.{alias.name}")
