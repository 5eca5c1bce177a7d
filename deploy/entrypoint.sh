#!/bin/sh
# Passwords come as files: NAME_FILE=/run/secrets/x becomes NAME=<content of that file>, for the names that libpq and MLflow
# read from the environment only. Ray reads its token's file by itself (RAY_AUTH_TOKEN_PATH).
set -eu
for name in PGPASSWORD MLFLOW_TRACKING_PASSWORD MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY; do
    eval "file=\${${name}_FILE:-}"
    if [ -n "$file" ]; then
        value=$(cat "$file")
        export "$name=$value"
        unset "${name}_FILE"
    fi
done
exec "$@"
