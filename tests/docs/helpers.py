"""The code and the commands of a page, with trainings as short as a test needs them."""

import re
import shlex

BLOCKS = re.compile(r"^```(python|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: What says how long a training or an evaluation takes, as Python and as commands have it, and the most it may be.
MOST = {"epochs": 1, "steps": 3, "samples": 5, "start": 1, "pretraining": 3}
LENGTHS = re.compile(rf'((?<![\w-])(?:--)?({"|".join(MOST)})"?(?:=|: | ))(\d+)\b')


def shorten(code):
    """The same code or command with numbers of epochs, steps and samples that are no larger than a test needs."""
    return LENGTHS.sub(lambda found: f"{found[1]}{min(int(found[3]), MOST[found[2]])}", code)


def read_blocks(root, page):
    """The blocks of a page with their language, in their order."""
    return BLOCKS.findall((root / "docs" / f"{page}.md").read_text(encoding="utf-8"))


def read_commands(code):
    """The words of each ``elbowroom`` command of a block, which has nothing else, on the digits instead of MNIST."""
    for line in code.splitlines():
        program, *words = shlex.split(shorten(line).replace("--data mnist", "--data digits"), comments=True)
        assert program == "elbowroom", line
        yield words
