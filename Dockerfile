# The demo on a server; docs/demo.md has the commands and the limits. `make test-root` runs these steps.
FROM debian:bookworm-20250520-slim AS build
# The base is named by its date; what Debian has mended since is wanted.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends python3-venv \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN python3 -m venv /opt/vae-onnx \
  && /opt/vae-onnx/bin/pip install --quiet --no-cache-dir "pip==26.3" \
  && /opt/vae-onnx/bin/pip install --quiet --no-cache-dir . --group demo

FROM debian:bookworm-20250520-slim
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends python3 \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin demo
COPY --from=build /opt/vae-onnx /opt/vae-onnx
WORKDIR /opt/demo
COPY --from=build /src/demo ./demo
ENV PATH=/opt/vae-onnx/bin:$PATH GRADIO_SERVER_NAME=0.0.0.0 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/health', timeout=5)"]
ENTRYPOINT ["python", "-m", "demo"]
