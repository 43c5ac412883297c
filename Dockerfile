# The image of gatepost: one static binary, the CAs that the Internet trusts, and nothing else.
#
#   docker build -t REGISTRY/gatepost:TAG . && docker push REGISTRY/gatepost:TAG
#   docker build --target symbols --output . .      gatepost.debug, for a debugger
#
# TARGETARCH is amd64 or arm64; docker sets it from --platform. Only amd64 is tested.
FROM --platform=$BUILDPLATFORM rust:1.95-slim-bookworm AS build
ARG TARGETARCH=amd64
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libcap2-bin make \
 && if [ "$(dpkg --print-architecture)" != "$TARGETARCH" ]; then \
      gnu=$([ "$TARGETARCH" = arm64 ] && echo aarch64-linux-gnu || echo x86-64-linux-gnu) \
      && apt-get install -y --no-install-recommends "gcc-$gnu" "libc6-dev-$TARGETARCH-cross" \
      && rustup target add "$([ "$TARGETARCH" = arm64 ] && echo aarch64 || echo x86_64)-unknown-linux-gnu"; \
    fi \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY deploy/image deploy/image
COPY config config
COPY src src
# the manifest names them, cargo wants to see them
COPY benches benches
COPY tests tests
RUN deploy/image/binary.sh "$TARGETARCH" /out

FROM scratch AS symbols
COPY --from=build /out/gatepost.debug /

FROM scratch
# by these CAs Cloudflare is known
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# with its file capability
COPY --from=build /out/gatepost /gatepost
USER 64180:64180
ENTRYPOINT ["/gatepost"]
CMD ["serve"]
