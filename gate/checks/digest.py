"""Is it the pinned file, byte for byte?"""

from gate.checks.interface import Subject, result
from gate.file_digest import digest_of
from gate.results import CheckResult, Finding


def check_digest(subject: Subject) -> CheckResult:
    """Compares the SHA-256 of the candidate's files with the manifest's `digest`."""
    position = subject.positions.get("digest")
    actual = digest_of(subject.candidate.files)
    if actual == subject.digest:
        return result("digest", f"the file is the pinned one, {actual}", (), 1, position)
    finding = Finding(
        "digest-mismatch",
        "the file is not the pinned one",
        details=(f"pinned: {subject.digest}", f"found:  {actual}"),
        hint="if the new file is meant, put its digest into the manifest",
        position=position,
    )
    return result("digest", finding.reason, (finding,), 1, position)
