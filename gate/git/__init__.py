"""What a repository's history holds, read by git's plumbing. Nothing here writes into a repository or runs its code."""
