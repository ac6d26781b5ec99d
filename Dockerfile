# The image of the manager's services: web, workers, beat, bridge. Build it with `make build MODE=compose`.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS environment
COPY requirements/base.txt /base.txt
RUN python3 -m venv /opt/cam/.venv \
 && /opt/cam/.venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /base.txt

FROM ${PYTHON_IMAGE}
# git makes the sample repository; nothing here runs it on a workspace.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/*
COPY --from=environment /opt/cam/.venv /opt/cam/.venv
COPY . /opt/cam
WORKDIR /opt/cam
ENV PATH=/opt/cam/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN CAM_SECRET_KEY=only-for-collecting-the-static-files python manage.py collectstatic --noinput --verbosity 0
USER 1000:1000
