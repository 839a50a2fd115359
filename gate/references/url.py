"""A reference from an address, known by its SHA-256."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import unquote, urlsplit

from gate.errors import GateError, UnreadableError
from gate.references.cache import Cache, sha256_of
from gate.references.interface import Fetched, NotFetchedError, Reference, Sources
from gate.references.limits import Limits
from gate.workspace import Workspace

_LONGEST_NAME = 100
_HEAD_BYTES = 256
_PAGE = re.compile(rb"\s*(?:<!doctype html|<html)", re.IGNORECASE)


@dataclass(frozen=True)
class UrlReference(Reference):
    """`reference: {url: …, sha256: …}`. `sha256` is 64 digits in lower case."""

    url: str
    sha256: str
    limits: Limits = field(default=Limits(), compare=False)

    @property
    def shown(self) -> str:
        """The address without its query, which may hold a signature."""
        return urlsplit(self.url)._replace(query="", fragment="").geturl()

    def fetch(self, sources: Sources) -> Fetched:
        """From the cache, or from the network, into the run's own folder; a file of another digest is never used."""
        folder = Path(mkdtemp(prefix="address-", dir=sources.scratch))
        cache, path = Cache(sources.cache), folder / file_name(self.url)
        if not cache.copy(self.sha256, path):
            if sources.offline:
                raise NotFetchedError("not in the cache: it would be fetched from there", "`weight-gate check` does")
            self._download(path)
            cache.keep(path, self.sha256)
        return Fetched(path, self.shown, Workspace(folder, [folder]))

    def _download(self, path: Path) -> None:
        from gate.references.download import download  # noqa: PLC0415 - only what is not in the cache needs a network

        try:
            download(self.url, self.shown, path, self.limits)
            if (found := sha256_of(path)) != self.sha256:
                raise self._another(found, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _another(self, found: str, path: Path) -> GateError:
        with path.open("rb") as file:
            page = _PAGE.match(file.read(_HEAD_BYTES))
        return UnreadableError(
            f"{'a web page lies at' if page else 'the file at'} {self.shown}{'' if page else ' is another one'}: "
            f"its SHA-256 is {found}, the manifest says {self.sha256}",
            "give the address of the file itself, not that of a page about it or of a login"
            if page
            else "give the address of the file that was meant; if the new one is, put its digest under `sha256`",
        )


def file_name(url: str) -> str:
    """What the file is called on this machine: some readers and loaders go by what a name ends in."""
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    return re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".")[-_LONGEST_NAME:].lstrip(".") or "reference"
