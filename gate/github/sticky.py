"""One comment, kept up to date: what to do with what is there already."""

from gate.errors import CommentError
from gate.github.conversation import Conversation
from gate.github.marker import Marker


def keep_up_to_date(conversation: Conversation, body: str) -> None:
    """Make the gate's newest comment say `body`, or write one where there is none and the verdict is red.

    What a later run wrote stays. Two jobs of one run that write to one comment are told so, and red stays.
    """
    mine = Marker.read(body)
    if mine is None:
        raise ValueError("a comment begins with its marker")
    there = conversation.newest(mine.key)
    if there is None:
        if mine.red:
            conversation.create(body)
        return
    if there.marker.at > mine.at or there.body == body:
        return
    clash = there.marker.at == mine.at
    if mine.red or not (clash and there.marker.red):
        try:
            conversation.update(there, body)
        except Exception as error:
            if not mine.red or getattr(error, "status", None) not in {403, 404, 410}:
                raise
            conversation.create(body)  # it is out of reach: deleted meanwhile, or another token wrote it
    if clash:
        raise CommentError(
            "two jobs of this run write the same comment, which shows one of their verdicts",
            "let each have a manifest of its own, or give `github-token` to one of them only",
        )
