#!/bin/sh
# Before Grafana starts: refuse to go on without passwords, then make the user that reads the tables.
set -eu
: "${SIGNALTAPE_GRAFANA_PASSWORD:?set SIGNALTAPE_GRAFANA_PASSWORD, the password of the user admin of Grafana}"
: "${SIGNALTAPE_GRAFANA_DB_PASSWORD:?set SIGNALTAPE_GRAFANA_DB_PASSWORD, with which Grafana reads the tables}"
exec psql --quiet --no-psqlrc --file "$(dirname -- "$0")/login.sql"
