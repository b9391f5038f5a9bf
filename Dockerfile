# Two stages: the first has pip and writes the tree /app, the second has that tree and Python.
# Every step is replayed without an engine by tests/image, on the machine that runs the tests.
# The digest is that of the tag for all platforms; a newer patch release: change both lines.
FROM python:3.11.16-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84 AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /build

# What we depend on changes seldom: these layers stay while only our own code changes. Each
# package is a wheel whose hash is in the lock; nothing of a stranger is run to build it.
COPY .ci/build.lock .ci/runtime.lock ./
RUN python -m venv tools \
    && tools/bin/python -m pip install --require-hashes --only-binary :all: -r build.lock \
    && python -m venv --without-pip /app \
    && tools/bin/python -m pip --python /app/bin/python install \
        --require-hashes --only-binary :all: --no-compile -r runtime.lock

COPY pyproject.toml README.md source/
COPY controller source/controller
RUN tools/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir wheels ./source \
    && tools/bin/python -m pip --python /app/bin/python install \
        --no-deps --no-index --no-compile wheels/*.whl

# The vendors' own tests go. The bytecode is made here, once, since the process may not write it:
# without a file's time in it, so that the same source gives the same layer, and not for the
# generated classes of the Kubernetes client, 100 MB that we load none of (we speak JSON).
RUN find /app/lib -type d -name tests -prune -exec rm -r {} + \
    && /app/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x 'kubernetes/(aio/)?client/(api|models)/[a-z]' /app/lib



FROM python:3.11.16-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84

ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="canary-controller" \
      org.opencontainers.image.description="Holds a Deployment's rolling update at a few canary pods, compares them with stable, and rolls back by itself" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"

# One thread for linear algebra: the sums are small, and a thread per core of a large node only
# costs memory. The rest: logs at once, and no attempt to write beside the code.
ENV PATH=/app/bin:$PATH \
    HOME=/app \
    OPENBLAS_NUM_THREADS=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

COPY --from=build /app /app

# A number, so that runAsNonRoot can be checked; it owns nothing and may write nowhere.
USER 65532:65532
WORKDIR /app
EXPOSE 8080
STOPSIGNAL SIGTERM
# No HEALTHCHECK: Kubernetes asks /healthz and /readyz itself.
ENTRYPOINT ["canaryctl"]
CMD ["run"]
