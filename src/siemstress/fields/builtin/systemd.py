"""systemd and systemd-logind."""

from siemstress.fields.tables import Sample, Table, says

TABLE = Table(
    programs=("systemd", "systemd-logind", "init"),
    patterns=(
        says("Starting {unit*}...", action="start"),
        says("Started {unit*}.", action="start", outcome="success"),
        says("Finished {unit*}.", action="finish", outcome="success"),
        says("Stopping {unit*}...", action="stop"),
        says("Stopped {unit*}.", action="stop", outcome="success"),
        says("Failed to start {unit*}.", action="start", outcome="failure"),
        says("Reloading {unit*}...", action="reload"),
        says("Reloaded {unit*}.", action="reload", outcome="success"),
        says("{unit}: Deactivated successfully.", action="stop", outcome="success"),
        says("{unit}: Succeeded.", action="stop", outcome="success"),
        says("{unit}: Main process exited, code={code}, status={status*}", action="exit"),
        says("{unit}: Failed with result '{reason}'.", action="stop", outcome="failure"),
        says("{unit}: Scheduled restart job, restart counter is at {count}.", action="restart"),
        says("{unit}: Consumed {usage*}"),
        says("New session {session} of user {user_name}.", action="session_open"),
        says("Session {session} logged out. {_rest*}", action="session_close"),
        says("Removed session {session}.", action="session_close"),
        says("Created slice {unit*}.", action="start"),
        says("Removed slice {unit*}.", action="stop"),
        says("Reached target {unit*}.", action="start", outcome="success"),
    ),
    samples=(
        Sample("Stopped System Logging Service.",
               {"unit": "System Logging Service", "action": "stop", "outcome": "success"}),
        Sample("New session 42 of user alice.",
               {"session": "42", "user_name": "alice", "action": "session_open"}),
        Sample("backup.service: Failed with result 'exit-code'.",
               {"unit": "backup.service", "reason": "exit-code", "action": "stop",
                "outcome": "failure"}),
    ),
)  # fmt: skip
