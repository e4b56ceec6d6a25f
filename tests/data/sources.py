"""Arrays, images and files that the tests of data load."""

import io
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

WHOLE = {"validation": 0, "test": 0}
N = 90


def numbered_images(n=20, shape=(1, 2, 2)):
    """Images that each hold their own number, so that an example can be told wherever it went."""
    return torch.arange(n, dtype=torch.uint8).add(1).reshape(-1, *([1] * len(shape))).expand(n, *shape).contiguous()


def numbers_in(split):
    """The numbers of a split's examples."""
    return [int(v) for b in split.batches(7) for v in (b.x.flatten(1)[:, 0] * 255).round()]


def noise(seed, shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encode(image, kind="PNG", **how):
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **how)
    return file.getvalue()


def write_archive(path, contents):
    """A folder, a zip or a tar of these contents by name."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
    elif path.suffix == ".tar":
        with tarfile.open(path, "w") as archive:
            for name, content in contents.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    else:
        for name, content in contents.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    return path


def face_files(n=20, shape=(10, 8, 3)):
    """Images of two people, in three formats that lose nothing."""
    kinds = ("PNG", "BMP", "WebP")
    return {
        f"all/{'ann' if i % 2 else 'bob'}/{i:03}.{kinds[i % 3].lower()}": encode(
            noise(i, shape), kinds[i % 3], **({"lossless": True} if i % 3 == 2 else {})
        )
        for i in range(n)
    }


def face_array(n=20, shape=(10, 8, 3)):
    """The pixels of the same, in the order of their names."""
    rows = sorted(range(n), key=lambda i: f"{'ann' if i % 2 else 'bob'}/{i:03}")
    return np.stack([noise(i, shape).transpose(2, 0, 1) for i in rows])


def random_images(n=N, shape=(6, 5), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def cyclic_labels(n=N):
    return np.arange(n) * 7 % 10


def encode_png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_tar(path, members):
    """A tar file of these names and contents."""
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def tar_members(x, y=None, start=0):
    for i, pixels in enumerate(x):
        yield f"{start + i:06}.png", encode_png(pixels)
        if y is not None:
            yield f"{start + i:06}.cls", str(y[i]).encode()


def write_npy(folder, x, y):
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)


def write_tar_shards(folder, x, y):
    for k in range(0, len(x), 40):
        write_tar(folder / f"a-{k:03}.tar", tar_members(x[k : k + 40], y[k : k + 40], k))


def write_parquet_shards(folder, x, y):
    for k in range(0, len(x), 40):
        column = [{"bytes": encode_png(pixels), "path": None} for pixels in x[k : k + 40]]
        table = pa.table({"image": column, "label": y[k : k + 40], "caption": ["a digit"] * len(column)})
        pq.write_table(table, folder / f"a-{k:03}.parquet", row_group_size=9)


def write_parquet_lists(folder, x, y):
    pq.write_table(pa.table({"pixels": x.tolist(), "y": [f"c{label}" for label in y]}), folder / "a.parquet", 9)


FORMATS = {"npy": write_npy, "tar": write_tar_shards, "parquet": write_parquet_shards, "lists": write_parquet_lists}


def random_order(split, seed=0):
    return split.random_order(torch.Generator().manual_seed(seed))


def concatenate(batches):
    return [torch.cat(part) for part in zip(*batches, strict=True)]


def all_equal(a, b):
    assert len(a) == len(b)
    return all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


def gray_image(seed=0, size=(6, 5)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8))


def color_image(seed=0, size=(6, 5)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))
