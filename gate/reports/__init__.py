"""One module per report: `RunResult` to text; the registry is `gate.reports.registry`. Knows results, nothing else."""
