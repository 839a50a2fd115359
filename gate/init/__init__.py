"""From the weight files that lie in a repository to its first manifest. Reads files; writes none."""
