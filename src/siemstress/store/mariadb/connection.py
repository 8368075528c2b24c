"""A connection to a MariaDB server: its errors are ours, and it sends rows from memory."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import pymysql
from pymysql.connections import Connection as Driver
from pymysql.connections import MySQLResult
from pymysql.constants import CLIENT, CR, ER
from pymysql.cursors import SSCursor

from siemstress.config import Server
from siemstress.errors import StoreError, Unavailable, UserError
from siemstress.store.mariadb import tls

Row = tuple[Any, ...]

# Seconds: until a server that does not answer at all is given up, and between two bytes of one.
CONNECT_SECONDS = 10
ANSWER_SECONDS = 120

# What may go away by itself, or by somebody's doing, with no change here: the server is not there,
# does not let us in, has no room, or others hold what is wanted.
_PASSING = frozenset(
    {
        *(CR.CR_CONNECTION_ERROR, CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_GONE_ERROR),
        *(CR.CR_SERVER_LOST, CR.CR_SERVER_LOST_EXTENDED, CR.CR_SERVER_HANDSHAKE_ERR),
        CR.CR_SSL_CONNECTION_ERROR,
        *(ER.CON_COUNT_ERROR, ER.HOST_IS_BLOCKED, ER.HOST_NOT_PRIVILEGED),
        *(ER.TOO_MANY_USER_CONNECTIONS, ER.USER_LIMIT_REACHED, ER.SERVER_SHUTDOWN),
        *(ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR),
        *(ER.DISK_FULL, ER.RECORD_FILE_FULL, ER.ERROR_ON_WRITE, ER.GET_ERRNO),
        *(ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK, ER.LOCK_TABLE_FULL),
        *(ER.OUTOFMEMORY, ER.OUT_OF_SORTMEMORY, ER.OUT_OF_RESOURCES, ER.CANT_CREATE_THREAD),
        *(ER.OPTION_PREVENTS_STATEMENT, ER.NEW_ABORTING_CONNECTION, ER.CANT_OPEN_FILE),
        *(ER.QUERY_INTERRUPTED, ER.ERROR_DURING_COMMIT),
        *(3, 20),  # a file cannot be written; the disk is full
        1020,  # a row has changed since the transaction has read it
        1412,  # a table has, or is new
        1836,  # the server is in read-only mode
        1927,  # the connection was killed
        1969,  # the statement took longer than the server's settings allow
        4151,  # the account is locked
    }
)
# These of them say, before anything has worked, that the config is wrong.
REFUSED = frozenset(
    {
        *(ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR),
        CR.CR_SSL_CONNECTION_ERROR,
    }
)
# After these the connection is of no more use, as after the client's own errors (2000 to 2999).
_ENDED = frozenset({ER.SERVER_SHUTDOWN, ER.NEW_ABORTING_CONNECTION, 1927})


class Connection:
    """One connection, opened at once; not for two threads at a time.

    Every session is in UTC, strict, with utf8mb4 compared byte by byte, and commits only when
    told to.
    """

    def __init__(
        self,
        server: Server,
        *,
        settings: Mapping[str, object] | None = None,
        answer_seconds: float | None = ANSWER_SECONDS,
    ) -> None:
        """`settings` are session variables to set; `answer_seconds` may pass without an answer.

        Raises:
            Unavailable: the server cannot be reached, or does not let us in.
            StoreError: something else is wrong with the connection.

        """
        self.server = server
        self.lost = False
        values = {
            "time_zone": "+00:00",
            "sql_mode": "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
            **(settings or {}),
        }
        with self._errors():
            self._driver = _Driver(
                host=server.host,
                port=server.port,
                unix_socket=str(server.socket) if server.socket else None,
                user=server.user,
                password=server.password.encode(),
                database=server.database,
                charset="utf8mb4",
                collation="utf8mb4_nopad_bin",
                autocommit=False,
                local_infile=True,
                client_flag=CLIENT.FOUND_ROWS,
                connect_timeout=CONNECT_SECONDS,
                read_timeout=answer_seconds,
                write_timeout=ANSWER_SECONDS,
                **tls.options(server),
            )
            names = ", ".join(f"{name} = %s" for name in values)
            self.execute(f"SET SESSION {names}", list(values.values()))
            self.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self._driver.largest = int(self.value("SELECT @@max_allowed_packet"))
            self._driver.wait(answer_seconds)

    @property
    def id(self) -> int:
        """The server's number for this connection, to stop its query by."""
        return int(self._driver.thread_id())

    @property
    def largest(self) -> int:
        """The server's max_allowed_packet: what a statement may have, in bytes."""
        return self._driver.largest or 0

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run a statement; the number of rows that it found or changed."""
        with self._errors(), self._driver.cursor() as cursor:
            return int(cursor.execute(sql, values or None))

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows of a small answer."""
        with self._errors(), self._driver.cursor() as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    def value(self, sql: str, values: Sequence[object] = ()) -> Any:
        """The first value of the first row; None without a row."""
        found = self.rows(sql, values)
        return found[0][0] if found else None

    def stream(self, sql: str, values: Sequence[object], count: int) -> Iterator[list[Row]]:
        """The rows of a large answer, up to `count` at a time."""
        with self._errors(), self._driver.cursor(SSCursor) as cursor:
            cursor.execute(sql, values or None)
            while batch := cursor.fetchmany(count):
                yield list(batch)

    def pieces(self, sql: str, values: Sequence[object], size: int) -> Iterator[bytes]:
        """What the server sends of an answer's rows, up to `size` bytes at a time, unread.

        It does not end by itself: `wire.batches` finds the end, and must get there before
        anything else is done with the connection.
        """
        with self._errors():
            yield from self._driver.pieces(self._driver.cursor().mogrify(sql, values or None), size)

    def failed(self, packet: bytes) -> NoReturn:
        """Raise what the server says in the packet of an error."""
        with self._errors():
            pymysql.err.raise_mysql_exception(packet)
        raise AssertionError

    def hang_up(self) -> None:
        """End the connection while another thread waits for its answer, which fails then."""
        self.lost = True
        self._driver.hang_up()

    def load(self, sql: str, values: Sequence[object], data: bytes) -> int:
        """Run a LOAD DATA LOCAL statement whose file is `data`; the number of rows loaded."""
        self._driver.local_data = memoryview(data)
        try:
            return self.execute(sql, values)
        finally:
            self._driver.local_data = None

    def commit(self) -> None:
        """Make the transaction's changes last."""
        with self._errors():
            self._driver.commit()

    def rollback(self) -> None:
        """Forget the transaction's changes; a connection that is lost has done so."""
        if not self.lost:
            with contextlib.suppress(StoreError), self._errors():
                self._driver.rollback()

    def stands(self) -> bool:
        """Whether the server still answers."""
        with contextlib.suppress(StoreError), self._errors():
            self._driver.ping(reconnect=False)
            return True
        return False

    @property
    def warning_count(self) -> int:
        """How many warnings the server had of the last statement."""
        result = self._driver._result
        return int(result.warning_count) if result is not None else 0

    def warnings(self) -> list[str]:
        """What the server has to say of the last statement."""
        return [f"{level}: {text}" for level, _, text in self.rows("SHOW WARNINGS")]

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        self.lost = True
        with contextlib.suppress(Exception):
            self._driver.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (pymysql.err.MySQLError, OSError, ssl.SSLError, ValueError, RuntimeError) as e:
            self._fail(e)

    def _fail(self, error: Exception) -> NoReturn:
        code, text = _code_and_text(error)
        if code is None or CR.CR_ERROR_FIRST <= code < 3000 or code in _ENDED:
            # A broken conversation cannot be taken up again.
            self.lost = True
        kind = Unavailable if code in _PASSING or isinstance(error, OSError) else StoreError
        failure = kind(f"MariaDB at {place(self.server)}: {text}")
        failure.code = code
        if code in REFUSED:
            failure.exit_status = UserError.exit_status
        raise failure from error


class _Driver(Driver):  # type: ignore[misc]
    """The driver's connection, which gives the server nothing but `local_data`.

    In MySQL's protocol it is the server that names the file to be sent, whatever the client has
    asked; a hostile one would name the client's own. It may ask for the password in clear text
    as well.
    """

    local_data: memoryview | None = None
    # What the server takes as one statement, in bytes; None: not known yet.
    largest: int | None = None

    def connect(self, sock: socket.socket | None = None) -> None:
        if sock is None and self.unix_socket:
            # The driver would leave a socket open that it cannot connect.
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.settimeout(self.connect_timeout)
                sock.connect(self.unix_socket)
            except OSError as e:
                sock.close()
                raise pymysql.err.OperationalError(CR.CR_CONNECTION_ERROR, _told(e)) from e
            self._secure = True
        super().connect(sock)

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, handler: Any = None) -> Any:
        if not self._secure and plugin_name not in tls.SAFE_UNENCRYPTED:
            asked = plugin_name.decode(errors="replace")
            raise pymysql.err.OperationalError(
                CR.CR_SSL_CONNECTION_ERROR,
                f"the server wants the password by {asked}, which is not safe without encryption; "
                "say tls=yes",
            )
        return super()._process_auth(plugin_name, auth_packet, handler)

    def _execute_command(self, command: int, sql: str | bytes) -> None:
        data = sql.encode(self.encoding) if isinstance(sql, str) else sql
        if self.largest is not None and len(data) >= self.largest:
            # The server would just hang up.
            raise pymysql.err.OperationalError(
                ER.NET_PACKET_TOO_LARGE,
                f"a statement of {len(data):,} bytes is larger than the server's"
                f" max_allowed_packet of {self.largest:,}; raise that",
            )
        super()._execute_command(command, data)

    def wait(self, seconds: float | None) -> None:
        """How long the server may take for an answer from now on."""
        self._read_timeout = seconds
        if seconds is None:
            # A server that is gone is noticed nevertheless.
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def pieces(self, sql: str, size: int) -> Iterator[bytes]:
        self.query(sql, unbuffered=True)
        if self._result is None or not self._result.unbuffered_active:
            raise pymysql.err.ProgrammingError("a statement without rows")
        self._result.unbuffered_active = False
        while piece := self._rfile.read1(size):
            yield piece

    def hang_up(self) -> None:
        if self._sock is not None:
            with contextlib.suppress(OSError):
                # Not TLS's own, which another thread may be in the midst of.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def _read_query_result(self, unbuffered: bool = False) -> int:
        self._result = None
        result = _Result(self)
        if unbuffered:
            try:
                result.init_unbuffered_query()
            except BaseException:
                result.unbuffered_active = False
                result.connection = None
                raise
        else:
            result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return int(result.affected_rows)


class _Result(MySQLResult):  # type: ignore[misc]
    def _read_load_local_packet(self, _first_packet: Any) -> None:
        connection = self.connection
        data, connection.local_data = connection.local_data, None
        # Without data an empty file is sent: the server then has nothing, and says so.
        step = max(1024, min((connection.largest or 0) // 2, 1 << 20))
        for start in range(0, len(data or b""), step):
            connection.write_packet(data[start : start + step])
        connection.write_packet(b"")
        answer = connection._read_packet()
        if not answer.is_ok_packet() or data is None:
            raise pymysql.err.OperationalError(
                CR.CR_COMMANDS_OUT_OF_SYNC, "the server asked for a file that nobody offered"
            )
        self._read_ok_packet(answer)


def quoted(name: str, *, beside_values: bool = False) -> str:
    """A name as an identifier in SQL; a `%` in a statement that has values is written twice."""
    text = name.replace("%", "%%") if beside_values else name
    return "`" + text.replace("`", "``") + "`"


def place(server: Server) -> str:
    """Where a server is, for people."""
    if server.socket:
        return str(server.socket)
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{host}:{server.port}"


def _told(error: OSError) -> str:
    return f"cannot connect: {error.strerror or error}"


def _code_and_text(error: Exception) -> tuple[int | None, str]:
    if text := tls.failure(error):
        return CR.CR_SSL_CONNECTION_ERROR, text
    if isinstance(error, pymysql.err.InterfaceError) and error.args[:1] == (0,):
        # So says the driver where an earlier error, as of a rollback, has ended the connection.
        return CR.CR_SERVER_LOST, "the connection is lost"
    if isinstance(error, pymysql.err.MySQLError) and error.args and isinstance(error.args[0], int):
        text = str(error.args[1]) if len(error.args) > 1 else type(error).__name__
        if isinstance(cause := getattr(error, "original_exception", None), OSError):
            text = _told(cause)
        return error.args[0], text
    return None, str(error) or type(error).__name__
