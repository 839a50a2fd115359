"""A reference from an address, known by its SHA-256."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gate.errors import GateError, UnreadableError
from gate.references.cache import Cache, sha256_of
from gate.references.interface import Fetched, Reference, Sources
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
        """From the cache, or from the network; a file of another digest is never used."""
        cache, name = Cache(sources.cache, sources.scratch), file_name(self.url)
        path = cache.find(self.sha256, name) or self._fetched(cache, name)
        return Fetched(path, self.shown, Workspace(path.parent, [path.parent]))

    def _fetched(self, cache: Cache, name: str) -> Path:
        from gate.references.download import download  # noqa: PLC0415 - only what is not in the cache needs a network

        with cache.part() as part:
            download(self.url, self.shown, part, self.limits)
            if (found := sha256_of(part)) != self.sha256:
                raise self._another(found, part)
            return cache.keep(part, self.sha256, name)

    def _another(self, found: str, part: Path) -> GateError:
        with part.open("rb") as file:
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
