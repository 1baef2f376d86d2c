# Builds with `docker build -t kaze .`; runs with
#   docker run -p 8080:8080 -p 8081:8081 -v kaze:/data -e KAZE_ADMIN_KEY=… kaze
# KAZE_ADMIN_KEY is needed because the container listens beyond itself.
FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/kaze
COPY requirements/serve.lock requirements/serve.lock
RUN /opt/kaze/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/serve.lock
COPY pyproject.toml README.md LICENSE ./
COPY budgets budgets
COPY gateway gateway
COPY keys keys
COPY local_models local_models
COPY storage storage
COPY provider_sim provider_sim
COPY loadtests loadtests
RUN /opt/kaze/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin kaze \
 && install -d -o kaze -g kaze -m 0700 /data
COPY --from=build /opt/kaze /opt/kaze
ENV PATH=/opt/kaze/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    KAZE_HOST=0.0.0.0 \
    KAZE_DATA_DIR=/data
USER kaze
WORKDIR /data
VOLUME /data
EXPOSE 8080 8081
# Liveness only: readiness turns 503 on purpose while streams finish.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:%s/healthz' % os.environ.get('KAZE_PORT', '8080'), timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["kaze"]
CMD ["serve"]
