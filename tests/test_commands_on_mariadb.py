"""Tests of commands, orders and rules that are written for the lake, once more on MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import mariadb_server
import test_query_order as ordering
import test_rules_engine as engine
import test_rules_windows as windows
import test_siemquery as siemquery
import test_siemquery_sql as typed
from querying import CONFIG, fill, query
from siemstress.store.mariadb.database import MariaDB

TESTS = (
    siemquery.test_bug_12_an_id_is_that_number_alone,
    siemquery.test_bug_13_several_tables_are_one_answer,
    siemquery.test_bug_14_filtering_out_keeps_what_has_nothing_there,
    siemquery.test_bug_16_long_addresses_and_names_are_whole,
    siemquery.test_filters_go_together,
    siemquery.test_limits_and_order,
    siemquery.test_machine_forms_hold_every_column,
    siemquery.test_raw_lines_come_back_byte_for_byte,
    siemquery.test_alerts_are_asked_for_as_in_the_original,
    siemquery.test_counts,
    siemquery.test_histograms,
    typed.test_typed_sql,
    typed.test_filters_narrow_what_typed_sql_sees,
    typed.test_typed_sql_ends_when_its_time_is_up,
    ordering.test_slices_keep_to_the_filter,
    ordering.test_a_large_answer_is_not_held,
    ordering.test_what_a_table_lacks_is_empty,
    ordering.test_tables_that_do_not_exist_are_empty,
    windows.test_bug_17_a_burst_across_two_polls_is_one_alert,
    windows.test_late_events_older_than_the_start_or_joining_two_stretches,
    engine.test_a_tick_is_alerted_once_however_late_events_come,
    engine.test_an_old_rule_over_alerts_reads_their_columns,
    engine.test_a_rule_that_cannot_be_evaluated_stops_no_other,
)
globals().update({test.__name__: test for test in TESTS})
__all__ = ["folder", "lake", "query", "store"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config that names a database with a few events of each kind."""
    folder = tmp_path_factory.mktemp("siem")
    server = mariadb_server.shared(folder)
    keys = f"socket={server.socket}\nuser={server.user}\npassword=\ndatabase={server.database}\n"
    (folder / "s.conf").write_text(CONFIG.replace("lake=lake\n", keys))
    filled = MariaDB(server)
    fill(filled)
    filled.close()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MariaDB]:
    """An empty database."""
    made = MariaDB(mariadb_server.shared(tmp_path))
    yield made
    made.close()


@pytest.fixture
def lake(store: MariaDB) -> MariaDB:
    """The same."""
    return store
