"""What has one owner is done nowhere else: replacing files, reading metrics, loading weights, a view of a run."""

import ast
from pathlib import Path

import pytest

import elbowroom
from elbowroom.comparing.entry import Entry
from elbowroom.doctor.evidence import Evidence
from elbowroom.runs.run_view import RunView
from elbowroom.studio.services.loaded_model import LoadedModel

PACKAGE = Path(elbowroom.__file__).parent


def call_sites(name):
    """Return the files of the package that call a function or method, as ``os.replace`` or ``*.read_bytes``."""
    owner, function = name.split(".")
    sites = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == function:
                is_owner = owner == "*" or (isinstance(node.func.value, ast.Name) and node.func.value.id == owner)
                sites |= {path.relative_to(PACKAGE).as_posix()} if is_owner else set()
    return sites


@pytest.mark.parametrize(
    ("call", "owners"),
    [
        # The trash moves whole runs; nothing is written there.
        ("os.replace", {"serialization.py", "studio/services/trash.py"}),
        ("metrics_log.read_rows", {"runs/run.py", "studio/api/runs.py"}),
        ("*.load_weights", {"runs/run.py", "doctor/evidence.py", "workbench/continuation.py"}),
    ],
)
def test_a_call_stands_with_its_owner(call, owners):
    assert call_sites(call) == owners


def test_doctor_comparison_and_studio_look_at_a_run_through_a_view(tmp_path):
    run = elbowroom.Run(tmp_path)
    assert isinstance(Evidence(run).view, RunView)
    assert Entry("", {}, None, view=RunView(run)).run is run
    assert issubclass(LoadedModel, RunView)
