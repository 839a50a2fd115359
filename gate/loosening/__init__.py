"""What a pull request makes the gate let through: its manifest beside the base branch's, as text. Reads no values."""
