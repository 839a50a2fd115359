"""`reference: {url: …}`: which addresses a manifest may hold, and what is said of the others."""

import json
from pathlib import Path

import pytest

from gate.errors import ManifestError
from gate.manifest import load_manifest


def problem(folder: Path, url: str) -> str:
    """What is wrong with an address; empty where nothing is."""
    entry = {"weights": "a.npz", "reference": {"url": url, "sha256": "0" * 64}}
    (folder / "weight-gate.yml").write_text(json.dumps({"version": 1, "models": [entry]}))
    try:
        load_manifest(folder / "weight-gate.yml")
    except ManifestError as error:
        (only,) = error.problems
        return only.reason.removeprefix("models[0].reference.url: ")
    return ""


@pytest.mark.parametrize(
    "url",
    [
        "https://host/golden.keras",
        "https://host:8443/a/b/golden.weights.h5?X-Amz-Signature=a%2Bb#part",
        "https://[::1]:8443/golden.h5",
        "https://host/resolve/main/model.safetensors",
        "https://host/index",
        "s3://bucket/some/key.npz",
        "gs://bucket/key.keras",
        "gcs://bucket/key.keras",
    ],
)
def test_addresses(tmp_path: Path, url: str) -> None:
    assert problem(tmp_path, url) == ""


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://host/a.h5", "http is not encrypted: give an https address"),
        ("file:///etc/passwd", "expected an address like https://host/golden.keras, found"),
        ("file://localhost/etc/passwd", 'expected an address of https, s3 or gs, found "file://localhost/etc/passwd"'),
        ("memory://a/b.h5", "expected an address of https, s3 or gs"),
        ("local://a/b.h5", "expected an address of https, s3 or gs"),
        ("ftp://host/a.h5", "expected an address of https, s3 or gs"),
        ("sftp://host/a.h5", "expected an address of https, s3 or gs"),
        ("github://org:repo@main/a.h5", "expected an address"),
        ("hf://org/repo/a.h5", "expected an address of https, s3 or gs"),
        ("az://container/a.h5", "expected an address of https, s3 or gs"),
        ("simplecache::https://host/a.h5", "expected an address like https://host/golden.keras, found"),
        ("zip://a.h5::https://host/a.zip", "expected an address"),
        ("HTTPS://host/a.h5", "expected an address like https://host/golden.keras, found"),
        ("https:///a.h5", "expected an address like https://host/golden.keras, found"),
        ("https://[::1/a.h5", "expected an address like https://host/golden.keras, found"),
        ("https://host:99999/a.h5", "expected an address like https://host/golden.keras, found"),
        ("https://host/a b.h5", "expected an address like https://host/golden.keras, found"),
        ("https://host/ä.h5", "expected an address like https://host/golden.keras, found"),
        ("https://me:secret@host/a.h5", "an address with a user's name or password would be shown in reports"),
        ("s3://me@bucket/a.h5", "an address with a user's name or password would be shown in reports"),
        ("https://host", '"https://host" names no file'),
        ("https://host/models/", '"https://host/models/" names no file'),
        ("s3://bucket", '"s3://bucket" names no file'),
        ("s3://bucket/a.h5?versionId=1", "an address of s3 is a bucket and a key, with nothing after it"),
        (
            "https://host/ckpt-1.index",
            '"https://host/ckpt-1.index" is one of several files: fetch all in a step before',
        ),
        (
            "https://host/ckpt-1.data-00000-of-00001",
            '"https://host/ckpt-1.data-00000-of-00001" is one of several files',
        ),
        ("https://host/m/saved_model.pb?x=1", '"https://host/m/saved_model.pb" is one of several files'),
        ("https://host/m.weights.json", '"https://host/m.weights.json" is one of several files'),
        ("https://host/m_00001.weights.h5", '"https://host/m_00001.weights.h5" is one of several files'),
    ],
)
def test_what_is_no_address(tmp_path: Path, url: str, says: str) -> None:
    assert problem(tmp_path, url).startswith(says)


@pytest.mark.parametrize(
    "url", ["https://host:0/x?sig=sEcReT", "ftp://host/x?sig=sEcReT", "https://h/x.index?s=sEcReT"]
)
def test_what_is_no_address_may_hold_a_signature(tmp_path: Path, url: str) -> None:
    assert problem(tmp_path, url)
    assert "sEcReT" not in problem(tmp_path, url)
