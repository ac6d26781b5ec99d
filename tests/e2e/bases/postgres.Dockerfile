# Stands in for the official PostgreSQL image where no registry is reached: what of its entrypoint CAM uses.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql
COPY postgres_entrypoint /usr/local/bin/entrypoint
RUN chmod 0755 /usr/local/bin/entrypoint \
 && install -d -o postgres -g postgres /var/lib/postgresql/data \
 && install -d -m 3777 /var/run/postgresql
ENTRYPOINT ["entrypoint"]
