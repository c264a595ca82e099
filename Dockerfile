# check=error=true

# Other registries, and digests: docs/image.md.
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-bookworm
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
# `image-binary` is an alias in .cargo/config.toml. The caches are not part of the image, so the binary is copied out of them.
RUN --mount=type=cache,id=cloud-access-operator-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=cloud-access-operator-target,target=/src/target \
    cargo image-binary \
    && cp "target/$(rustc --print host-tuple)/release/cloud-access-operator" /cloud-access-operator

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="cloud-access-operator" \
      org.opencontainers.image.description="A Kubernetes operator that keeps access to cloud data services in Git" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /cloud-access-operator /cloud-access-operator
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/cloud-access-operator"]
