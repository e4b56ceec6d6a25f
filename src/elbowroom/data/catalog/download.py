"""Finding the files of a named set: in ELBOWROOM_DATA, in the cache, or by download."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np


def decompress_gzip(data: bytes) -> bytes:
    """The content of a file, whether it lies gzipped or not."""
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


@dataclass(frozen=True)
class DatasetFile:
    """A file of a named set.

    ``path`` is where it lies below a data folder, with or without ``.gz``. ``content`` is the hash
    (``algorithm:hex``) of what ``decode`` makes of it, so that a file packed anew is as good; ``sent`` is the hash
    of what the ``urls`` serve, where that is known too.
    """

    path: str
    content_hash: str
    urls: tuple[str, ...] = ()
    download_hash: str | None = None
    decode: Callable[[bytes], bytes] = decompress_gzip


def cache_dir() -> Path:
    """The folder for downloads: ELBOWROOM_CACHE, or the user's cache."""
    import pooch

    return Path(os.environ.get("ELBOWROOM_CACHE") or pooch.os_cache("elbowroom"))


def user_data_dir() -> Path | None:
    """The folder named by ELBOWROOM_DATA."""
    named = os.environ.get("ELBOWROOM_DATA")
    return Path(named).expanduser() if named else None


def describe_user_data_dir() -> str:
    """What ELBOWROOM_DATA is, for an error."""
    named = user_data_dir()
    return "is not set" if named is None else f"is {named}" + ("" if named.is_dir() else ", which is no folder")


def find_file(path: str, root: Path | None) -> Path | None:
    """Where a file lies below ``root``, gzipped or not; the first of those that match a pattern."""
    if root is None:
        return None
    names = sorted(root.glob(path)) if "*" in path else (root / path, root / f"{path}.gz")
    return next((name for name in names if name.is_file()), None)


def find_local(path: str) -> Path | None:
    """Where a file lies in the user's own folder or, failing that, in the cache."""
    return find_file(path, user_data_dir()) or find_file(path, cache_dir())


def fetch_contents(name: str, files: Sequence[DatasetFile]) -> list[bytes]:
    """The checked contents of all ``files`` of the set ``name``, downloading those that are not on this machine.

    Raises:
        ValueError: a damaged file in the user's own folder, or files that cannot be had.
    """
    held: list[bytes] = []
    missing: list[DatasetFile] = []
    failures: list[str] = []
    for file in files:
        content = read_local(file)
        # one file that cannot be had is enough: do not wait for the others to fail as well
        if content is None and not missing:
            content = download(file, failures)
        held.append(content or b"")
        if content is None:
            missing.append(file)
    if missing:
        names = ", ".join(Path(file.path).name for file in missing)
        raise ValueError(
            f"data set '{name}' is not on this machine: ELBOWROOM_DATA {describe_user_data_dir()}, the cache {cache_dir()} lacks it and "
            f"downloading failed ({'; '.join(failures)}). Put {names} into FOLDER/{Path(missing[0].path).parent} "
            "(gzipped or not) and set ELBOWROOM_DATA=FOLDER"
        )
    return held


def read_local(file: DatasetFile) -> bytes | None:
    """The checked content of a file on this machine; damage in the cache only means that it is fetched again."""
    if own := find_file(file.path, user_data_dir()):
        return read_verified(file, own)
    if cached := find_file(file.path, cache_dir()):
        try:
            return read_verified(file, cached)
        except ValueError:
            with suppress(OSError):
                cached.unlink()
    return None


def read_verified(file: DatasetFile, path: Path) -> bytes:
    """The content of ``path``, if it is the one that is expected."""
    try:
        content = file.decode(path.read_bytes())
        algorithm, expected = file.content_hash.split(":")
        found = hashlib.new(algorithm, content).hexdigest()
        trouble = "" if found == expected else f"{algorithm} {found[:12]}... where {expected[:12]}... is expected"
    except PermissionError as error:
        raise ValueError(f"no permission to read {path}: change its permissions or copy it") from error
    except (OSError, EOFError, ValueError, TypeError, KeyError, zlib.error) as error:
        trouble = str(error).splitlines()[0] if str(error) else type(error).__name__
    if trouble:
        raise ValueError(f"{path} is damaged or another file ({trouble}): replace it, or remove it to download it")
    return content


def download(file: DatasetFile, failures: list[str]) -> bytes | None:
    """The checked content of a file from the first mirror that has it; the others' failures are noted."""
    import pooch

    pooch.get_logger().setLevel("WARNING")  # its notes are for whoever keeps a registry of hashes
    folder = cache_dir() / Path(file.path).parent
    for url in file.urls:
        try:
            name = Path(url).name
            place = pooch.retrieve(url, file.download_hash, name, folder, progressbar=sys.stderr.isatty())
            try:
                return read_verified(file, Path(place))
            except ValueError:
                Path(place).unlink()
                raise
        except Exception as error:  # whatever a mirror's trouble is, the next one may be well
            status = getattr(getattr(error, "response", None), "status_code", None)
            why = f"status {status}" if status else "another file" if isinstance(error, ValueError) else ""
            failures.append(f"{url}: {why or type(error).__name__}")
    if not file.urls:
        failures.append(f"{file.path} has no address")
    return None


def load_or_build(path: str, build: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of ``build``, kept in the cache as ``path`` so that they are made only once."""
    place = cache_dir() / path
    try:
        with np.load(place, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile):
        made = build()  # not there yet, or damaged
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            np.savez_compressed(Path(folder, place.name), **made)  # type: ignore[arg-type]
            os.replace(Path(folder, place.name), place)
    except OSError:
        pass  # a cache that cannot be written costs time, not the data
    return made
