"""Where references come from: one module per kind."""
