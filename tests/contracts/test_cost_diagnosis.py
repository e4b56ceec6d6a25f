"""What a diagnosis, a check of likelihoods and a named data set cost: one file each."""

from tests.contracts.package_copy import run_with_files

DIAGNOSIS = '''
"""Diagnosis of long names."""

from elbowroom.doctor.finding import Finding
from elbowroom.doctor.registry import diagnosis


@diagnosis("long name")
def find_long_name(evidence):
    """Report a run whose directory has a name of more than five letters."""
    if len(evidence.run.path.name) > 5:
        yield Finding("long name", "its name is long", "it is hard to read", "rename it", "note")
'''
CHECK = '''
"""Check of the module's name."""

from elbowroom.auditor.outcome import CheckFailedError
from elbowroom.auditor.registry import check


@check("the module has a name")
def check_name(claim):
    """A likelihood belongs to a module."""
    raise CheckFailedError("it has none")
'''
DATASET = '''
"""Zeros and ones."""

import numpy as np

from elbowroom.data.catalog.registry import dataset
from elbowroom.data.raw import RawDataset, split_from_arrays


@dataset("bits", summary="zeros and ones", source="nobody", license="none", shape=(4,), sizes={"train": 400})
def bits():
    """Four hundred rows of bits."""
    return RawDataset(split_from_arrays(np.tile(np.eye(4), (100, 1))))
'''

FILES = {
    "doctor/checks/names.py": DIAGNOSIS,
    "auditor/names.py": CHECK,
    "data/catalog/bits.py": DATASET,
}


def test_a_diagnosis_a_check_and_a_data_set_in_new_files(tmp_path):
    listed, found, outcome = run_with_files(
        tmp_path,
        FILES,
        """
        import elbowroom as er

        data = er.load_data("bits")
        run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=2, out="run-of-bits", device="cpu")
        """,
        "print({entry.name: entry.location for entry in er.data.datasets()}['bits'], data.shape)",
        "print([finding.evidence for finding in er.doctor.examine(run) if finding.title == 'long name'])",
        "print(er.audit(run)['the module has a name'].evidence)",
    )
    assert listed == "embedded (4,)"
    assert found == "['its name is long']"
    assert outcome == "it has none"
