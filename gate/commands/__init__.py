"""One module per command: `run(options, host, out, err) -> exit code`. They print to the streams they are given."""
