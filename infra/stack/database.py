"""The database server: Postgres on loopback, with TimescaleDB where it could be built."""

import hashlib
import shutil
from pathlib import Path

from infra.stack.accounts import Account, hand_over, make_folder, require_reachable
from infra.stack.artifacts import build_once
from infra.stack.config import StackConfig
from infra.stack.errors import StackError
from infra.stack.installation import PostgresInstallation
from infra.stack.ports import LOOPBACK, answers
from infra.stack.process import Launch, write_private

USER = DATABASE = "signaltape"
_INITDB_OPTIONS = ("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")

# Without fsync a killed server still loses nothing, only a dead machine does; without synchronous_commit it would.
_CONFIGURATION = """\
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
checkpoint_timeout = 15min
wal_compression = on
wal_level = minimal
max_wal_senders = 0
fsync = {durable}
synchronous_commit = on
full_page_writes = {durable}
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %a '
log_checkpoints = off
"""
_TIMESCALE = """\
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
timescaledb.max_background_workers = 4
max_locks_per_transaction = 256
"""


class DatabaseServer:
    """Postgres with a password, its data in the stack's folder, copied from a template that is prepared once."""

    name = "postgres"

    def __init__(
        self,
        config: StackConfig,
        port: int,
        password: str,
        installation: PostgresInstallation,
        account: Account | None,
    ) -> None:
        self.port = port
        self._config = config
        self._password = password
        self._installation = installation
        self._account = account
        self._folder = config.data / "postgres"

    @property
    def dsn(self) -> str:
        """Where clients connect, with the password."""
        return f"postgresql://{USER}:{self._password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def prepare(self) -> Launch:
        """Give an empty data folder a copy of the template; write the configuration."""
        make_folder(self._folder, self._account)
        require_reachable(self._folder.parent, self._account)
        data = self._folder / "data"
        if not (data / "PG_VERSION").exists():
            self._copy_template(data)
        (data / "signaltape.conf").write_text(self._configuration())
        hand_over(self._folder, self._account)
        return Launch(
            # On a few cores a signal must not wait for rows: what keeps records yields to what passes messages on.
            argv=["nice", "-n", "5", self._installation.binary("postgres"), "-D", str(data)],
            folder=data,
            environment=self._installation.environment,
            account=self._account,
        )

    def probe(self) -> str | None:
        """None once the server answers a query."""
        if not answers(self.port):
            return f"does not listen on port {self.port} yet"
        try:
            self.versions()
        except StackError as error:
            return error.why
        return None

    def ended_in_passing(self, last_words: str) -> bool:
        """True while backends of a killed server still hold its shared memory."""
        return "pre-existing shared memory block" in last_words or 'lock file "postmaster.pid"' in last_words

    def versions(self) -> tuple[str, str | None, str | None]:
        """Versions of Postgres and of TimescaleDB, and the extension's licence; None without the extension."""
        import psycopg

        query = (
            "SELECT current_setting('server_version'),"
            " (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),"
            " current_setting('timescaledb.license', true)"
        )
        try:
            with psycopg.connect(self.dsn, connect_timeout=5) as connection:
                row = connection.execute(query).fetchone()
        except psycopg.OperationalError as error:
            raise StackError("postgres", f"does not answer a query: {str(error).strip()}") from error
        server, extension, licence = row or ("", None, None)
        return str(server).split()[0], extension, licence if extension else None

    def _configuration(self) -> str:
        durable = "on" if self._config.durable else "off"
        text = _CONFIGURATION.format(host=LOOPBACK, port=self.port, durable=durable)
        return text + (_TIMESCALE if self._installation.timescale else "")

    def _copy_template(self, data: Path) -> None:
        # The password is part of the name: data of before a cleared cache keeps its own.
        mark = hashlib.sha256(self._password.encode()).hexdigest()[:8]
        template = self._config.cache / f"{self._installation.root.name}-data-{mark}"
        build_once(template, self._make_template)
        partial = data.with_name("data.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(template / "data", partial)
        partial.chmod(0o700)
        partial.rename(data)

    def _make_template(self, folder: Path) -> None:
        """`initdb`, the database and the extension, all without a listening server."""
        folder.chmod(0o711)
        require_reachable(folder, self._account)
        data, secret = folder / "data", folder / "secret"
        write_private(secret, self._password)
        hand_over(folder, self._account)
        self._installation.run(
            ["initdb", "--pgdata", str(data), "--username", USER, "--pwfile", str(secret), *_INITDB_OPTIONS],
            folder,
            self._account,
        )
        secret.unlink()
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude 'signaltape.conf'\n")
        (data / "signaltape.conf").write_text(self._configuration())
        hand_over(folder, self._account)
        self._execute(data, "postgres", f"CREATE DATABASE {DATABASE}")
        if self._installation.timescale:
            self._execute(data, DATABASE, "CREATE EXTENSION timescaledb")

    def _execute(self, data: Path, database: str, statement: str) -> None:
        """Run one statement in single-user mode on a data folder that no server uses."""
        command = ["postgres", "--single", "-j", "-D", str(data), database]
        output = self._installation.run(command, data, self._account, given=f"{statement};\n\n")
        if "ERROR:" in output or "FATAL:" in output:
            raise StackError("postgres", f"cannot prepare its data folder: {output.strip()}")
