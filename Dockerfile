# One image for every service of the pipeline: docker-compose.yml names the command of each.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    SIGNALTAPE_HOME=/var/lib/signaltape

# LightGBM isn't in the run-time packages; ONNX Runtime needs nothing beyond the slim image.
WORKDIR /opt/signaltape
COPY requirements/runtime.txt requirements/runtime.in requirements/train.in requirements/local.in requirements/dev.in requirements/
COPY scripts/install_runtime.sh scripts/
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY pipeline pipeline
COPY infra infra
COPY consumers consumers
COPY producers producers
COPY signaltape signaltape
RUN sh scripts/install_runtime.sh python

RUN useradd --system --home-dir /var/lib/signaltape --create-home signaltape
USER signaltape
VOLUME /var/lib/signaltape
ENTRYPOINT ["signaltape"]
CMD ["--help"]
