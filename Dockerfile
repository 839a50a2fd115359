# The image that is the action and that `docker run` runs: docs/container.md.
#
#   BASE     what it stands on; a release names its digest
#   FLAVOUR  cpu, or gpu with NVIDIA's libraries: which requirements/image-….txt is installed
ARG BASE=debian:trixie-slim

# What both the build and the image need: Python, and git for references that lie in the history.
FROM ${BASE} AS system
# hadolint ignore=DL3008 # Debian keeps no older version to pin: the base's digest and the SBOM say what is inside
RUN printf 'path-exclude /usr/share/%s/*\n' doc info locale man >/etc/dpkg/dpkg.cfg.d/weight-gate \
    && echo 'path-include /usr/share/doc/*/copyright' >>/etc/dpkg/dpkg.cfg.d/weight-gate \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates git git-lfs python3 \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log

FROM system AS builder
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binutils python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/weight-gate

# Nothing that is installed runs: wheels only, of known hashes. The list is complete, so pip looks for nothing beside it.
FROM builder AS dependencies
ARG FLAVOUR=cpu
COPY requirements/image-${FLAVOUR}.txt /tmp/requirements.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/weight-gate/bin/pip install --quiet --require-hashes --only-binary :all: --no-deps --no-compile -r /tmp/requirements.txt
# Headers for those who write operations, tests, stubs, and the symbols of TensorFlow's libraries that only a debugger reads:
# half a gigabyte. Sources stay, AutoGraph reads them. The image never changes, so nobody has to compare bytecode with them.
WORKDIR /opt/weight-gate/lib
RUN rm -rf python3.*/site-packages/tensorflow/include \
    && find . -depth \( -type d -name tests -o -name '*_test.py' -o -name '*.pyi' \) -exec rm -r {} + \
    && find python3.*/site-packages/tensorflow -name '*.so*' -type f -exec strip --strip-unneeded {} + \
    && find . -name __pycache__ -prune -exec rm -r {} + \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash .

FROM builder AS code
COPY requirements/build.txt /tmp/build.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/build \
    && /opt/build/bin/pip install --quiet --require-hashes --only-binary :all: -r /tmp/build.txt
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY gate gate
# -I: no variable that a workflow happens to set (PYTHONPATH, say) has a part in the gate's own process.
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/weight-gate/bin/pip install --quiet --no-deps --no-index --no-compile --root /code /wheels/*.whl \
    && python3 -m compileall -q --invalidation-mode unchecked-hash -s /code /code \
    && sed -i '1s/$/ -I/' /code/opt/weight-gate/bin/weight-gate

FROM system
COPY --from=dependencies /opt/weight-gate /opt/weight-gate
# Last, and small: what changes with every commit.
COPY --from=code /code/ /
ENV LANG=C.UTF-8 \
    PATH=/opt/weight-gate/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Where `docker run -v "$PWD:/work"` puts a repository; the runner says --workdir. No USER: the runner wants root.
WORKDIR /work
ENTRYPOINT ["/opt/weight-gate/bin/weight-gate"]
CMD ["--help"]
ARG VERSION= REVISION= CREATED=
LABEL org.opencontainers.image.title="weight-gate" \
      org.opencontainers.image.description="A CI gate for TensorFlow model weights" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/org/weight-gate" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
