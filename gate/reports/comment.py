"""The comment on a pull request: the summary, as much of it as a comment takes, and where it comes from.

GitHub speaks of 65,536 characters and counts bytes, of which it takes more. Nobody and nothing is mentioned or linked
by names from the weights or the manifest: see `gate.reports.escaping`.
"""

from dataclasses import dataclass

from gate.reports.escaping import code
from gate.reports.summary import summary
from gate.reports.wording import crop
from gate.results import RunResult

LIMIT = 65_536

_NAME = 200


@dataclass(frozen=True)
class Origin:
    """What a comment was made by: the job's name, the address of the run, the commit that was judged.

    Address and commit are well-formed, or empty.
    """

    job: str = ""
    url: str = ""
    commit: str = ""


def comment(run: RunResult, marker: str, origin: Origin, limit: int = LIMIT) -> str:
    """At most `limit` bytes of UTF-8: the line `marker`, by which the comment is found again, then the summary."""
    head, foot = f"{marker}\n\n", f"\n{_origin(run, origin)}\n"
    text = head + summary(run, limit - len(head.encode()) - len(foot.encode("utf-8", "backslashreplace"))) + foot
    return text.encode("utf-8", "backslashreplace").decode()


def _origin(run: RunResult, origin: Origin) -> str:
    told = [code(crop(run.manifest, _NAME))] if run.manifest else []
    if origin.job:
        told.append(f"job {code(crop(origin.job, _NAME))}")
    if origin.url:
        told.append(f"[run](<{origin.url}>)")
    if origin.commit:
        told.append(f"commit {origin.commit}")
    return f"From {', '.join(told)}." if told else ""
