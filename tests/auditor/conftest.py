"""Data for the tests of the auditor."""

import pytest

import elbowroom as er


@pytest.fixture(scope="session")
def binary_digits():
    return er.load_data("digits", binarize="threshold")
