#!/bin/sh
# Makes .venv in this folder: Python 3.13, the machine's own or else one that uv downloads, with the locked uv in it.
set -eu

fail() {
  rm -rf .venv # half of one would be taken for a whole one
  echo "$1" >&2
  exit 1
}

is_3_13() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
awk '/^uv==/ {uv = 1} uv {print} uv && !/\\$/ {exit}' requirements.lock >"$scratch/uv.txt"

for python in python3.13 python3; do
  if is_3_13 "$python"; then
    "$python" -m venv --clear .venv || fail "$python can't make a virtual environment; what it says above tells why."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r "$scratch/uv.txt" ||
      fail 'uv could not be installed from the package index; what pip says above tells why.'
    exit
  fi
done

python3 -c '' 2>/dev/null ||
  fail 'Python 3.13 is needed, as the command python3.13. With any python3 (3.8 or newer), it would be downloaded.'
echo 'There is no Python 3.13 here: uv downloads one, for this user.'
python3 -m venv "$scratch/uv" || fail "python3 can't make a virtual environment; what it says above tells why."
"$scratch/uv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r "$scratch/uv.txt" ||
  fail 'uv could not be installed from the package index; what pip says above tells why.'
"$scratch/uv/bin/uv" venv --quiet --clear --python 3.13 .venv || fail "\
Python 3.13 could not be downloaded; what uv says above tells why. It comes from releases.astral.sh or GitHub.
Where the network forbids that, install Python 3.13 as the command python3.13 (https://www.python.org/downloads/),
or set UV_PYTHON_INSTALL_MIRROR to your mirror of
https://github.com/astral-sh/python-build-standalone/releases/download. Then run this again."
"$scratch/uv/bin/uv" pip install --quiet --python .venv/bin/python --only-binary :all: --require-hashes -r "$scratch/uv.txt" ||
  fail 'uv could not be installed from the package index; what it says above tells why.'
