"""Errors in files that are read in parts, in one line."""

import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elbowroom.data import load_data
from tests.data.sources import WHOLE, cyclic_labels, encode_png, random_images, tar_members, write_tar


def invalid_files(folder):
    """Sources that cannot be used, with the words of the error; those that show only on reading are read."""
    x, y = random_images(), cyclic_labels()

    def at(name):
        (folder / name).parent.mkdir(exist_ok=True)
        return folder / name

    def table(name, columns, **more):
        pq.write_table(pa.table(columns), at(name), **more)
        return name

    numbers = np.zeros((3000, 4), dtype=np.float32)
    numbers[1000, 2] = np.nan
    np.save(at("nan.npy"), numbers)
    yield "nan.npy", r"row 1000 of nan.npy has NaN or infinite values: expected finite numbers; remove or fill them"
    numbers[1000, 2] = 1
    np.save(at("huge.npy"), np.where(numbers > 0, 1e300, 0))
    yield "huge.npy", "row 1000 of huge.npy has NaN or infinite values"
    bits = np.zeros((3000, 4), dtype=np.uint8)
    bits[1000, 1] = 9
    np.save(at("bits.npy"), bits)
    yield "bits.npy", r"row 1000 of bits.npy has the value 9, and the values are to be from 0 to 1"
    wide = np.full((3000, 2, 2), 99)
    wide[1000, 1, 1] = -3
    np.save(at("wide.npy"), wide)
    yield "wide.npy", "row 1000 of wide.npy has the value -3, and the values are to be from 0 to 255"
    np.save(at("cut.npy"), x)
    at("cut.npy").write_bytes(at("cut.npy").read_bytes()[:1000])
    yield "cut.npy", "cut.npy is not a whole .npy file .* fetch it again"
    np.save(at("flat.npy"), np.zeros(9))
    yield "flat.npy", r"flat.npy has shape \(9,\): expected \(N, D\)"

    write_tar(at("broken.tar"), [*tar_members(x[:20]), ("oops.png", b"no image"), *tar_members(x[20:], start=20)])
    yield "broken.tar", r"oops.png in .*broken.tar cannot be read \(not an image\): mend it or take it out"
    write_tar(at("cut.tar"), tar_members(x))
    at("cut.tar").write_bytes(at("cut.tar").read_bytes()[:20_000])
    yield "cut.tar", "cut.tar is not a whole .tar file .* it is damaged or cut short"
    at("no.tar").write_text("hello" * 999)
    yield "no.tar", "no.tar is not a whole .tar file"
    with tarfile.open(at("packed.tar.gz"), "w:gz"):
        pass
    yield "packed.tar.gz", r"packed.tar.gz is compressed, .*: unpack it \(gunzip packed.tar.gz\)"
    write_tar(at("none.tar"), [("readme.md", b"nothing")])
    yield "none.tar", "none.tar holds no images: expected .bmp, .* or .npy members"
    write_tar(at("sizes/0.tar"), tar_members(x))
    write_tar(at("sizes/1.tar"), tar_members(random_images(9, (4, 4))))
    yield "sizes", r"000000.png in .*1.tar is 4x4 of uint8, and those looked at first are 6x5 of uint8: .* resize=28"
    write_tar(
        at("colour.tar"),
        tar_members([*random_images(800, (2, 2)), *random_images(3, (2, 2, 3)), *random_images(800, (2, 2))]),
    )
    yield "colour.tar", "000800.png in .*colour.tar is in colour, and those looked at first are grey"
    write_tar(at("labels.tar"), [*tar_members(x, y), ("odd.png", encode_png(x[0]))])
    yield "labels.tar", "1 of 91 examples have no label, such as odd in .*labels.tar: expected a .cls"
    write_tar(at("words.tar"), [("a.png", encode_png(x[0])), ("a.cls", b"cat")])
    yield "words.tar", r"a.cls in .*words.tar is b'cat': expected the whole number of a class"
    write_tar(at("twice.tar"), [("a.png", encode_png(x[0])), ("a.jpg", encode_png(x[0]))])
    yield "twice.tar", "twice.tar holds more than one image called a: expected one"

    yield table("text.parquet", {"a": [1.0], "name": ["x"]}), "column 'name' of .*text.parquet holds string values"
    yield table("bare.parquet", {"label": [1, 2]}), "bare.parquet has no columns for examples"
    yield table("empty.parquet", {"a": pa.array([], pa.float32())}), "empty.parquet is empty: expected at least one row"
    yield table("two.parquet", {"a": [[1]], "b": [[2]]}), r"has 2 columns of lists \(a, b\): expected one"
    uneven = [[1.0, 2.0]] * 5 + [[1.0]]
    yield table("uneven.parquet", {"a": uneven}), "row 5 of .*uneven.parquet has a list of 1 where others have 2"
    groups = [[1.0, 2.0]] * 30 + [[1.0]] * 30
    yield (
        table("groups.parquet", {"a": groups}, row_group_size=10),
        "row 30 of .*groups.parquet is 1 of float64, and the first row of .* is 2 of float64: expected one length",
    )
    gap = {"a": [1.0, None, 3.0]}
    yield table("gap.parquet", gap), "row 1 of .*gap.parquet has a field with nothing in it: fill it, or leave the row"
    unlabelled = {"a": [1.0, 2.0, 3.0], "label": [1, 2, None]}
    yield table("unlabelled.parquet", unlabelled), "the label of row 2 of .*unlabelled.parquet has a field with nothing"
    yield table("nan.parquet", {"a": [1.0, float("nan")]}), "row 1 of .*nan.parquet has NaN or infinite values"
    table("differ/0.parquet", {"a": [1.0], "b": [1.0]})
    table("differ/1.parquet", {"a": [1.0], "c": [1.0]})
    yield "differ", "the column 'b' is missing in .*1.parquet and double in .*0.parquet: expected the same columns"
    yield (
        table("bad.parquet", {"image": [encode_png(x[0]), b"oops"]}),
        r"row 1 of .*bad.parquet cannot be read \(not an image\)",
    )
    at("cut.parquet").write_bytes(at("bare.parquet").read_bytes()[:100])
    yield "cut.parquet", "cut.parquet is not a whole .parquet file"

    write_tar(at("mixed/a.tar"), tar_members(x))
    table("mixed/a.parquet", {"a": [1.0]})
    yield "mixed", r"shards of several kinds \(.parquet, .tar\) in .*mixed: name those of one by a pattern"
    write_tar(at("beside/a.tar"), tar_members(x))
    at("beside/b.png").write_bytes(encode_png(x[0]))
    yield "beside", r"beside holds shards \(a.tar\) and other examples \(b.png\): name the shards by a pattern"
    yield "sizes/{0..2}.tar", r"no file matches .*sizes/2.tar \(looked for"
    yield "sizes/x*.tar", r"no file matches .*sizes/x\*.tar"
    yield "*.npy", r"bits.npy matches .* and is no shard: expected .tar, .parquet or .csv files; narrow it"


def test_what_cannot_be_used_is_told_in_one_line(tmp_path):
    for name, words in invalid_files(tmp_path):
        with pytest.raises(ValueError, match=words) as error:
            for _ in load_data(tmp_path / name, buffer=5000, **WHOLE).train.batches(100):
                pass
        assert "\n" not in str(error.value), name


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (
            "digits",
            {"buffer": 10},
            "buffer=10 is for what is read in parts: .npy files, shards, .* and digits is none of them: leave it out",
        ),
        (random_images(), {"buffer": 10}, "buffer=10 is for what is read in parts: .* and an array is none of them"),
        ("a.png", {"buffer": 10}, "buffer=10 is for what is read in parts: .* and a.png is none of them: leave it out"),
        ("a.npy", {"buffer": 0}, "buffer=0: expected a whole number, at least 1"),
        ("a.npy", {"buffer": 0.5}, "buffer=0.5: expected a whole number, at least 1"),
        ("a.npy", {"resize": 4}, "resize=4 is for images in files, and a.npy is none of them"),
        ("t.parquet", {"resize": 4}, "resize=4 is for images in files, and t.parquet is none of them: leave it out"),
        ("n.tar", {"resize": 4}, r"0.npy in .*n.tar cannot be read \(an array, and resize=4 is for images\)"),
        ("f.npy", {"binarize": "dynamic", "buffer": 99}, "row 0 of the source .* has 7: rescale them"),
        (
            "s.npy",
            {"binarize": "threshold", "buffer": 99},
            r"row 1000 of s.npy has values outside \[0, 1\]: rescale",
        ),
    ],
)
def test_options_that_do_not_fit_are_told(tmp_path, source, options, words):
    (tmp_path / "a.png").write_bytes(encode_png(random_images()[0]))
    np.save(tmp_path / "a.npy", random_images())
    np.save(tmp_path / "f.npy", np.full((20, 3), 7.0))
    seldom = np.zeros((3000, 2), dtype=np.float32)
    seldom[1000] = 7
    np.save(tmp_path / "s.npy", seldom)
    pq.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / "t.parquet")
    np.save(file := io.BytesIO(), np.zeros((4, 4)))
    write_tar(tmp_path / "n.tar", [("0.npy", file.getvalue())])
    source = tmp_path / source if isinstance(source, str) and "." in source else source
    with pytest.raises(ValueError, match=words) as error:
        list(load_data(source, **WHOLE, **options).train.batches(100))
    assert "\n" not in str(error.value)


def test_values_are_judged_by_a_part_of_them_and_the_record_says_so(tmp_path):
    x = np.zeros((30_000, 3), dtype=np.float32)
    x[0, 1] = 2.0  # among those looked at
    np.save(tmp_path / "x.npy", x)
    data = load_data(tmp_path / "x.npy", buffer=1000)
    assert data.find_out_of_range(0, 1)[1:] == (0, 2.0)
    assert not data.binary
    assert data.protocol["preprocessing"] == "values judged by 1,024 of 30,000 examples"
    assert load_data(tmp_path / "x.npy").protocol["preprocessing"] == "none"
