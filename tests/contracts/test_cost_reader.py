"""What a reader of files costs: one file."""

from tests.contracts.package_copy import run_with_files

READER = '''
"""Reader of bitmaps written as text, each row of digits a line."""

import numpy as np

from elbowroom.data.raw import RawDataset, split_from_arrays
from elbowroom.data.readers.registry import reader


@reader("digits-text", "a .digits file of rows of digits", (".digits",))
def read_digits(listing, options):
    """Read one example from each line."""
    lines = listing.path.read_text(encoding="utf-8").split()
    return RawDataset(split_from_arrays(np.array([list(map(float, line)) for line in lines]), where=listing.path.name))
'''

FILES = {"data/readers/digits_text.py": READER}


def test_a_reader_in_a_new_file_loads_data_and_is_named_in_the_error_and_the_form(tmp_path):
    shape, error, option_error, form, name = run_with_files(
        tmp_path,
        FILES,
        """
        from pathlib import Path
        import elbowroom as er

        Path("data").mkdir()
        Path("data/codes.digits").write_text("0123 " * 20)
        Path("data/codes.xls").write_text("0")

        def error_of(*arguments, **options):
            try:
                er.load_data(*arguments, **options)
            except ValueError as error:
                return str(error)
        """,
        "print(er.load_data('data/codes.digits').shape)",
        "print(error_of('data/codes.xls'))",
        "print(error_of('data/codes.digits', resize=8))",
        """
        from elbowroom.studio.services.data_sources import list_data

        print([entry["name"] for entry in list_data([Path("data")])][-1])
        """,
        "print(er.data.load_like('data/codes.digits', er.load_data('data/codes.digits').protocol).name)",
    )
    assert shape == "(4,)"
    assert "a .digits file of rows of digits" in error
    assert "resize=8 is for images in files, and codes.digits is none of them" in option_error
    assert form == "data/codes.digits"
    assert name == "codes"
