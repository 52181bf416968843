# The application on a healthy day: it logs in, takes a dynamic credential, and writes with it.
umask 077
bao write -field=token auth/approle/login \
  role_id=@"$KB_SECRETS/ERP_ROLE_ID" secret_id=@"$KB_SECRETS/ERP_SECRET_ID" > ~/.vault-token
bao read postgres/creds/erp > lease
awk '$1 == "username" { u = $2 } $1 == "password" { p = $2 } END { print "*:*:*:" u ":" p }' lease > .pgpass
export PGPASSFILE="$PWD/.pgpass" PGUSER="$(awk '$1 == "username" { print $2 }' lease)"
psql -XqAt -v ON_ERROR_STOP=1 -c "INSERT INTO recovery_check (note) VALUES ('seeded')"
