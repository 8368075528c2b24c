"""Ids for events, from a row that all writers to a database share; texts that belong to it."""

from __future__ import annotations

from siemstress.store import ids
from siemstress.store.mariadb.connection import Connection, quoted
from siemstress.store.mariadb.tables import IDS, TEXTS, listed, make_own, read
from siemstress.store.names import table_name

_MACHINE = 0


def take_ids(connection: Connection, count: int) -> int:
    """The first of `count` ids in a row that no one else gets; a transaction of its own."""
    ids.check(count)
    sql = f"SELECT second, used FROM {IDS} WHERE machine = %s FOR UPDATE"
    found = read(connection, sql, (_MACHINE,))
    if not found:
        _begin(connection)
        found = connection.rows(sql, (_MACHINE,))
    ((second, used),) = found
    second, used = ids.following(int(second), int(used), count)
    connection.execute(
        f"UPDATE {IDS} SET second = %s, used = %s WHERE machine = %s",
        (second, used + count, _MACHINE),
    )
    connection.commit()
    return ids.number(second, used, _MACHINE)


def _begin(connection: Connection) -> None:
    """Make the row, behind all ids that are in use."""
    connection.rollback()
    make_own(connection)
    highest = 0
    for table in listed(connection):
        last = connection.value(f"SELECT max(id) FROM {quoted(table.name)}")
        highest = max(highest, last or 0)
    # Others may have made it meanwhile, which a transaction that has read may not see.
    connection.rollback()
    connection.execute(
        f"INSERT IGNORE INTO {IDS} (machine, second, used) VALUES (%s, %s, 0)",
        (_MACHINE, ids.after(highest)),
    )
    connection.commit()


def load_text(connection: Connection, name: str) -> str | None:
    """A text of this name; None without one."""
    sql = f"SELECT text FROM {TEXTS} WHERE name = %s"
    found = read(connection, sql, (table_name(name),))
    return str(found[0][0]) if found else None


def save_text(connection: Connection, name: str, text: str) -> None:
    """Save a text in place of one of the same name."""
    table_name(name)
    make_own(connection)
    connection.execute(
        f"INSERT INTO {TEXTS} (name, text) VALUES (%s, %s)"
        " ON DUPLICATE KEY UPDATE text = values(text)",
        (name, text),
    )
    connection.commit()
