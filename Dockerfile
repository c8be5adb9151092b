# One image for every service of the pipeline: docker-compose.yml names the command of each.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    UV_NO_CACHE=1 \
    SIGNALTAPE_HOME=/var/lib/signaltape

# The packages first, in a layer of their own: a change of the code leaves it as it is.
WORKDIR /opt/signaltape
COPY scripts/install_runtime.sh scripts/
COPY requirements requirements
RUN sh scripts/install_runtime.sh python packages
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY pipeline pipeline
COPY infra infra
COPY consumers consumers
COPY producers producers
COPY signaltape signaltape
RUN sh scripts/install_runtime.sh python project

RUN useradd --system --home-dir /var/lib/signaltape --create-home signaltape
USER signaltape
VOLUME /var/lib/signaltape
ENTRYPOINT ["signaltape"]
CMD ["--help"]
