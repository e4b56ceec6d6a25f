"""Reader of tars that hold images alone, which are decoded at once as those of a zip are."""

from __future__ import annotations

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.image_archive import has_only_images, open_image_archive
from elbowroom.data.readers.image_cache import cache_path
from elbowroom.data.readers.image_folder import decoded_version, read_images
from elbowroom.data.readers.listing import Listing
from elbowroom.data.readers.registry import reader


def is_image_tar(listing: Listing, options: ReadOptions) -> bool:
    """Return whether a tar holds images alone; a cached one is not looked at again.

    With a buffer it is one whose folders are splits or classes, which shards know nothing of.
    """
    if not (listing.is_file and listing.suffix == ".tar"):
        return False
    archive = open_image_archive(listing.path)
    if options.buffer is not None:
        return has_only_images(listing.path) and any("/" in name for name in archive.list_members())
    return cache_path(decoded_version(archive, options.crop_resize)).exists() or has_only_images(listing.path)


@reader(
    "image-tar",
    "a .tar of images",
    (".tar",),
    options=("resize", "crop", "bad_images", "buffer"),
    matches=is_image_tar,
)
def read_image_tar(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read every image of a tar, as of a zip."""
    return read_images(listing, options)
