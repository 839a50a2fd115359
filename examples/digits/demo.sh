#!/usr/bin/env bash
# The gate on this example, then on a tampered copy of it. Succeeds when the first is green and the second red.
# Both are loaded with TensorFlow, which takes some seconds.
#
#   PYTHON   an interpreter that has the gate and TensorFlow (default: python3)
#   REPORTS  where the reports go (default: weight-gate-reports, here)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
reports=${REPORTS:-$here/weight-gate-reports}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Both are shown from inside their folder, as `weight-gate check` finds weight-gate.yml there.
gate_check() {
    local status=0
    (cd "$1" && "$python" -m gate check --reports "$2") || status=$?
    echo "exit $status"
    return "$status"
}

echo "== 1. a classifier whose head was fine-tuned, against the blessed one: examples/digits"
green=0
gate_check "$here" "$reports/digits" || green=$?

echo
echo "== 2. the same, but two kernels have changed places and one number is gone: examples/digits/tamper.py"
"$python" "$here/tamper.py" "$scratch/digits"
red=0
gate_check "$scratch/digits" "$reports/digits-tampered" || red=$?

echo
if [ "$green" -ne 0 ] || [ "$red" -ne 1 ]; then
    echo "demo: expected exit 0, then exit 1, and got $green, then $red" >&2
    exit 1
fi
echo "Green, then red, as it should be. Reports (summary.md, junit.xml, report.json) are in"
echo "  $reports/digits"
echo "  $reports/digits-tampered"
echo "Try it: .venv/bin/python -m gate check examples/digits/weight-gate.yml"
echo "More of them, for other kinds of users: examples/README.md"
