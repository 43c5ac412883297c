# The image of gatepost: one static binary, the CAs that the Internet trusts, and nothing else.
#   docker build -t REGISTRY/gatepost:TAG . && docker push REGISTRY/gatepost:TAG
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libcap2-bin && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
# the manifest names them, cargo wants to see them
COPY benches benches
COPY tests tests
# With --target the flag is for the program alone, not for what runs while it is built.
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
 && RUSTFLAGS='-C target-feature=+crt-static' cargo build --locked --profile dist --bin gatepost --target "$target" \
 && cp "target/$target/dist/gatepost" /gatepost \
 # without it uid 64180 may not listen on port 80; COPY below keeps it
 && setcap cap_net_bind_service=+ep /gatepost

FROM scratch
# by these CAs Cloudflare is known
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /gatepost /gatepost
USER 64180:64180
ENTRYPOINT ["/gatepost"]
CMD ["serve"]
