#!/usr/bin/env bash
# Builds the image that tests/image, tests/action and benchmarks/container.py run: ghcr.io/org/weight-gate:v<version>.
#
#   FLAVOUR  cpu (the default), or gpu: its tag ends in -gpu
#   IMAGE    another name for it
#   CONTEXT  the tree that it is built of (default: this repository)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

flavour=${FLAVOUR:-cpu}
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' gate/__init__.py)
name=ghcr.io/org/weight-gate:v$version
[ "$flavour" = cpu ] || name+=-$flavour
image=${IMAGE:-$name}

# Where no registry is reached, a script beside the repository starts the engine and makes the base.
help=../shared/docker/engine-up
if [ -f "$help" ] && ! { docker info && docker image inspect debian:trixie-slim; } >/dev/null 2>&1; then
    bash "$help"
fi
if ! docker info >/dev/null 2>&1; then
    echo "no container engine answers: start Docker, and see that this user may use it (docker info)" >&2
    exit 1
fi

# BuildKit is the client's plug-in, or, with an older client, the engine's own.
export DOCKER_BUILDKIT=1
docker=docker
docker buildx version >/dev/null 2>&1 || [ ! -x /usr/bin/docker ] || docker=/usr/bin/docker

before=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
"$docker" build --network host --tag "$image" \
    --build-arg "FLAVOUR=$flavour" --build-arg "VERSION=$version" \
    --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || true)" \
    --build-arg "CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${CONTEXT:-.}"
if [ -n "$before" ] && [ "$before" != "$(docker image inspect --format '{{.Id}}' "$image")" ]; then
    docker image rm "$before" >/dev/null 2>&1 || true
fi
echo "$image: $(($(docker image inspect --format '{{.Size}}' "$image") / 1000000)) MB"
