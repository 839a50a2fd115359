"""What stands in a weight file's place: Git LFS and DVC pointers, error pages, formats that are known and not read."""

import re
from pathlib import Path

from gate.errors import MissingFileError, UnreadableError

LFS = b"version https://git-lfs.github.com/spec/v1"  # the first line of a pointer, git-lfs/docs/spec.md
_DVC = re.compile(rb"\A(?:#[^\n]*\n)*(?:md5:|outs:\s*\n\s*- (?:md5|etag|hash|path|size|nfiles):)")
_HTML = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<!doctype html|<html|<\?xml|<head|<error)", re.IGNORECASE)
TABLE_MAGIC = bytes.fromhex("57fb808b247547db")  # the footer of a LevelDB table, as TensorFlow's .index is one


def refuse_pointer(head: bytes, shown: str) -> None:
    """Say how to fetch the file when only a pointer to it is here."""
    if head.startswith(LFS):
        raise MissingFileError(
            f"{shown} is a Git LFS pointer, not the weights",
            "run `git lfs pull`; in a workflow give actions/checkout `lfs: true`",
        )
    if _DVC.match(head):
        raise MissingFileError(f"{shown} is a DVC pointer, not the weights", f"run `dvc pull {shown}`")
    if _HTML.match(head):
        raise MissingFileError(
            f"{shown} is a web page, not the weights: a download went wrong",
            "download it again and look at the status code (`curl --fail`)",
        )


def missing(path: Path, shown: str) -> MissingFileError:
    """The error for a path where nothing is."""
    if path.with_name(f"{path.name}.dvc").exists():
        return MissingFileError(f"{shown} is not there, but {shown}.dvc is", f"run `dvc pull {shown}`")
    if path.is_symlink():
        return MissingFileError(f"{shown} is a link to a file that is not there", "fetch the file it points to")
    return MissingFileError(f"{shown} does not exist", "check the path, and that the file was fetched or built")


def folder(path: Path, shown: str) -> UnreadableError:
    """The error for a directory that is none of those that hold weights."""
    if (path / "saved_model.pbtxt").exists():
        return UnreadableError(
            f"{shown} is a SavedModel written as text", "save it as `saved_model.pb`: tf.saved_model.save writes that"
        )
    return UnreadableError(
        f"{shown} is a folder with neither a SavedModel nor a checkpoint in it", "give the path of one file"
    )
