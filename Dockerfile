# Any base does that has Python 3.11 or later with venv as python3: Debian's own too, with python3-venv.
ARG BASE=python:3.13.14-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8

FROM ${BASE} AS build
# Wheels, and with PYTHONHASHSEED bytecode, come out the same whenever they are built.
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/lens
COPY requirements/build.txt requirements/lens.txt requirements/
RUN /opt/build/bin/pip install --require-hashes --no-deps --only-binary :all: -r requirements/build.txt \
    && /opt/build/bin/pip --python /opt/lens/bin/python install \
        --no-compile --require-hashes --no-deps --only-binary :all: -r requirements/lens.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /opt/build/bin/python -m hatchling build -t wheel -d /src/dist \
    && /opt/build/bin/pip --python /opt/lens/bin/python install --no-compile --no-index --no-deps dist/*.whl \
    && /opt/build/bin/pip --python /opt/lens/bin/python check \
    # of CEL's extensions only two are used, and each has a library of its own linked in
    && find /opt/lens/lib -path '*/cel_expr_python/ext/*' -name '*.so' \
        ! -name 'ext_bindings.*' ! -name 'ext_optional.*' -delete \
    # the Kubernetes client's asynchronous twin, which nothing imports
    && rm -r /opt/lens/lib/python3.*/site-packages/kubernetes/aio \
    # unchecked: nobody edits the sources of an image, and their times are whatever the build tool makes them
    && /opt/lens/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/lens/lib

FROM ${BASE}
COPY --from=build /opt/lens /opt/lens
ENV PATH=/opt/lens/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ARG VERSION
ARG REVISION
ARG CREATED
ARG SOURCE
LABEL org.opencontainers.image.title="lens" \
    org.opencontainers.image.description="What a Kubernetes cluster's GPUs are doing right now" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.source="${SOURCE}"
# nobody's number, as distroless images have it: a number is what Kubernetes checks runAsNonRoot against
USER 65532:65532
ENTRYPOINT ["/opt/lens/bin/lens"]
CMD ["serve"]
