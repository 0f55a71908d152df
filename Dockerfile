# A static binary and nothing else, for any platform that Go builds for:
#   docker buildx build --platform linux/amd64,linux/arm64 -t barewire .
ARG GO_VERSION=1.26

# The compiler runs on the building machine's platform and cross-compiles: no emulation.
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS build
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
COPY go.mod *.go ./
COPY cmd ./cmd
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags="-s -w" -o /barewire ./cmd/barewire

FROM scratch
COPY --from=build /barewire /barewire
# A number, since there is no /etc/passwd; 65532 is the customary "nonroot".
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/barewire"]
CMD ["serve", "-addr", ":8080"]
