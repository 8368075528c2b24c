"""A bare DuckDB as a whole process: `python duckdb_bare.py QUESTION FILES`, FILES a JSON array."""

import json
import sys

import duckdb

WORD = "message ILIKE '%xylophone%'"
SPAN = "time >= TIMESTAMP '2026-10-12' AND time < TIMESTAMP '2027-01-01'"
QUESTIONS = {
    "grep": f"""
        SELECT id, time, host, process, pid, message FROM files
        WHERE {WORD} AND {SPAN} ORDER BY time, id""",
    "top": f"""
        SELECT source_host, count(*) AS events FROM files
        WHERE {SPAN} GROUP BY source_host ORDER BY events DESC, source_host LIMIT 10""",
    "hours": f"""
        SELECT date_trunc('hour', time) AS hour, count(*) FROM files
        WHERE {SPAN} GROUP BY hour ORDER BY hour""",
}

if __name__ == "__main__":
    connection = duckdb.connect()
    connection.read_parquet(json.loads(sys.argv[2])).create_view("files")
    for row in connection.execute(QUESTIONS[sys.argv[1]]).fetchall():
        print(*row)
