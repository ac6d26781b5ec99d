# Stands in for the official Python image where no registry is reached.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates python3 python3-venv
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
