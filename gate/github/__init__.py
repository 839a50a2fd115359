"""The comment on a pull request: one for each gate, written in place. A process of its own speaks with GitHub.

What goes wrong here is a warning (`CommentError`): the verdict and the exit code are never changed by it.
"""
