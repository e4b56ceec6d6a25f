"""Find the files of a named data set in ELBOWROOM_DATA or the cache, or download them, and verify their hashes."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from elbowroom.data.cache import cache_dir


def decompress_gzip(data: bytes) -> bytes:
    """Return the content of a file that may be gzipped."""
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


@dataclass(frozen=True)
class DatasetFile:
    """A file of a named data set.

    Attributes:
        path: where it lies below a data folder, with or without ``.gz``.
        content_hash: hash (``algorithm:hex``) of what ``decode`` returns for it, so that a file packed anew is as good.
        urls: mirrors that serve it, in the order they are tried.
        download_hash: hash of what the ``urls`` serve, where that is known too.
        decode: from the bytes of the file to its content.
    """

    path: str
    content_hash: str
    urls: tuple[str, ...] = ()
    download_hash: str | None = None
    decode: Callable[[bytes], bytes] = decompress_gzip


def user_data_dir() -> Path | None:
    """Return the folder named by ELBOWROOM_DATA, if it is set."""
    named = os.environ.get("ELBOWROOM_DATA")
    return Path(named).expanduser() if named else None


def describe_user_data_dir() -> str:
    """Return the state of ELBOWROOM_DATA in words, for an error message."""
    named = user_data_dir()
    return "is not set" if named is None else f"is {named}" + ("" if named.is_dir() else ", which is no folder")


def find_file(path: str, root: Path | None) -> Path | None:
    """Return where a file lies below ``root``, gzipped or not; for a pattern, its first match."""
    if root is None:
        return None
    candidates = sorted(root.glob(path)) if "*" in path else (root / path, root / f"{path}.gz")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def find_local(path: str) -> Path | None:
    """Return where a file lies in the user's data folder or, failing that, in the cache."""
    return find_file(path, user_data_dir()) or find_file(path, cache_dir())


def fetch_contents(name: str, files: Sequence[DatasetFile]) -> list[bytes]:
    """Return the verified contents of all ``files`` of the data set ``name``, downloading those not on this machine.

    Raises:
        ValueError: a damaged file in the user's data folder, or files that cannot be downloaded.
    """
    contents: list[bytes] = []
    missing: list[DatasetFile] = []
    failures: list[str] = []
    for file in files:
        content = read_local(file)
        # one file that cannot be downloaded is enough: do not wait for the others to fail as well
        if content is None and not missing:
            content = download(file, failures)
        contents.append(content or b"")
        if content is None:
            missing.append(file)
    if missing:
        names = ", ".join(Path(file.path).name for file in missing)
        raise ValueError(
            f"data set '{name}' is not on this machine: ELBOWROOM_DATA {describe_user_data_dir()}, the cache "
            f"{cache_dir()} lacks it and downloading failed ({'; '.join(failures)}). Put {names} into "
            f"FOLDER/{Path(missing[0].path).parent} (gzipped or not) and set ELBOWROOM_DATA=FOLDER"
        )
    return contents


def read_local(file: DatasetFile) -> bytes | None:
    """Return the verified content of a file on this machine; one that is damaged in the cache is removed."""
    if in_data_dir := find_file(file.path, user_data_dir()):
        return read_verified(file, in_data_dir)
    if cached := find_file(file.path, cache_dir()):
        try:
            return read_verified(file, cached)
        except ValueError:
            with suppress(OSError):
                cached.unlink()
    return None


def read_verified(file: DatasetFile, path: Path) -> bytes:
    """Return the content of ``path``, if its hash is the expected one."""
    try:
        content = file.decode(path.read_bytes())
        algorithm, expected = file.content_hash.split(":")
        actual = hashlib.new(algorithm, content).hexdigest()
        problem = "" if actual == expected else f"{algorithm} {actual[:12]}... where {expected[:12]}... is expected"
    except PermissionError as error:
        raise ValueError(f"no permission to read {path}: change its permissions or copy it") from error
    except (OSError, EOFError, ValueError, TypeError, KeyError, zlib.error) as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
    if problem:
        raise ValueError(f"{path} is damaged or another file ({problem}): replace it, or remove it to download it")
    return content


def download(file: DatasetFile, failures: list[str]) -> bytes | None:
    """Return the verified content of a file from the first mirror that has it; append the others' ``failures``."""
    import pooch

    pooch.get_logger().setLevel("WARNING")  # its notes are for whoever keeps a registry of hashes
    folder = cache_dir() / Path(file.path).parent
    for url in file.urls:
        try:
            path = Path(
                pooch.retrieve(url, file.download_hash, Path(url).name, folder, progressbar=sys.stderr.isatty())
            )
            try:
                return read_verified(file, path)
            except ValueError:
                path.unlink()
                raise
        except Exception as error:  # whatever one mirror's failure is, the next may work
            status = getattr(getattr(error, "response", None), "status_code", None)
            reason = f"status {status}" if status else "another file" if isinstance(error, ValueError) else ""
            failures.append(f"{url}: {reason or type(error).__name__}")
    if not file.urls:
        failures.append(f"{file.path} has no address")
    return None
