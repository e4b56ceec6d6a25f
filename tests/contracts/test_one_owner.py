"""What has one owner is done nowhere else: replacing files, reading metrics, loading weights, a view of a run."""

import ast

import pytest

import elbowroom
from elbowroom.comparing.entry import Entry
from elbowroom.doctor.evidence import Evidence
from elbowroom.runs.run_view import RunView
from elbowroom.studio.services.loaded_model import LoadedModel
from tests.contracts.sources import method_calls


def call_sites(name):
    """Return the files of the package that call a function or method, as ``os.replace`` or ``*.read_bytes``."""
    owner, function = name.split(".")

    def is_owners(value):
        return owner == "*" or (isinstance(value, ast.Name) and value.id == owner)

    return {path for path, called in method_calls() if called.attr == function and is_owners(called.value)}


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
