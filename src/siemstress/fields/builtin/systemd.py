"""systemd and systemd-logind."""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says


def _steps() -> Iterator[Pattern]:
    """What units do: it is begun, it is done."""
    yield says("Started Session {session} of user {user_name}.", action="session_start")
    for user in ("User", "user"):
        for end in (".", ""):
            yield says(f"Started Session {{session}} of {user} {{user_name}}{end}",
                       action="session_start")  # fmt: skip
    for begun, done, action in (
        ("Starting", "Started", "start"), ("Stopping", "Stopped", "stop"),
        ("Reloading", "Reloaded", "reload"), ("Mounting", "Mounted", "mount"),
        ("Unmounting", "Unmounted", "unmount"), ("", "Finished", "finish"),
        ("", "Reached target", "start"), ("", "Stopped target", "stop"),
        ("", "Listening on", "start"), ("", "Closed", "stop"),
    ):  # fmt: skip
        if begun:
            yield says(f"{begun} {{unit*}}...", action=action)
            yield says(f"{begun} {{unit*}}", action=action)
        yield says(f"{done} {{unit*}}.", action=action, outcome="success")
        yield says(f"{done} {{unit*}}", action=action, outcome="success")
    for verb, action in (("start", "start"), ("mount", "mount"), ("listen on", "start"),
                         ("reload", "reload"), ("stop", "stop")):  # fmt: skip
        for end in (".", ""):
            yield says(f"Failed to {verb} {{unit*}}{end}", action=action, outcome="failure")
    yield says("Created slice {unit*}.", action="start")
    yield says("Created slice {unit*}", action="start")
    yield says("Removed slice {unit*}.", action="stop")
    yield says("Removed slice {unit*}", action="stop")
    yield says("Dependency failed for {unit*}.", action="start", outcome="failure",
               reason="dependency")  # fmt: skip
    yield says("Dependency failed for {unit*}", action="start", outcome="failure",
               reason="dependency")  # fmt: skip


def _units() -> Iterator[Pattern]:
    yield says("{unit}: Deactivated successfully.", action="stop", outcome="success")
    yield says("{unit}: Succeeded.", action="stop", outcome="success")
    for kind in ("Main", "Control"):
        for verb in ("process exited", "process exited unexpectedly"):
            yield says(f"{{unit}}: {kind} {verb}, code={{code}}, status={{status*}}", action="exit")
    yield says("{unit}: main process exited, code={code}, status={status*}", action="exit")
    yield says("{unit}: Failed with result '{reason}'.", action="stop", outcome="failure")
    yield says("{unit}: Unit entered failed state.", action="stop", outcome="failure")
    yield says("Unit {unit} entered failed state.", action="stop", outcome="failure")
    yield says("{unit}: Start request repeated too quickly.", action="start", outcome="failure",
               reason="repeated too quickly")  # fmt: skip
    yield says("{unit}: Scheduled restart job, restart counter is at {count}.", action="restart")
    yield says("{unit}: A process of this unit has been killed by the OOM killer.",
               action="out_of_memory")  # fmt: skip
    yield says("{unit}: Killing process {victim_pid} ({victim*}) with signal {signal}.",
               action="process_end")  # fmt: skip
    yield says("{unit}: Consumed {usage*}")


def _machine() -> Iterator[Pattern]:
    yield says("Startup finished in {_duration*}", action="host_start", outcome="success")
    yield says("Shutting down.", action="host_stop")
    yield says("System is powering down.", action="host_stop")
    yield says("System is powering down ({_reason*}).", action="host_stop")
    yield says("System is rebooting.", action="host_stop")
    yield says("System is rebooting ({_reason*}).", action="host_stop")
    yield says("Suspending...", action="host_sleep")
    yield says("The system will {kind} now!", action="host_stop")
    yield says("Time has been changed", action="time_change")
    yield says("Reloading.", action="reload")
    yield says("Reloading...", action="reload")


def _sessions() -> Iterator[Pattern]:
    yield says("New session {session} of user {user_name}.", action="session_start")
    yield says("New session '{session}' of user '{user_name}' with class '{class}' and type "
               "'{kind}'.", action="session_start")  # fmt: skip
    yield says("Session {session} logged out. {_rest*}", action="session_end")
    yield says("Removed session {session}.", action="session_end")


TABLE = Table(
    programs=("systemd", "systemd-logind", "init", "elogind", "elogind-daemon"),
    patterns=(*_sessions(), *_steps(), *_units(), *_machine()),
    samples=(
        Sample("Stopped System Logging Service.",
               {"unit": "System Logging Service", "action": "stop", "outcome": "success"}),
        Sample("New session 42 of user alice.",
               {"session": "42", "user_name": "alice", "action": "session_start"}),
        Sample("New session 'c1' of user 'gdm' with class 'greeter' and type 'wayland'.",
               {"session": "c1", "user_name": "gdm", "class": "greeter", "kind": "wayland",
                "action": "session_start"}),
        Sample("Started Session 7 of User alice.",
               {"session": "7", "user_name": "alice", "action": "session_start"}),
        Sample("backup.service: Failed with result 'exit-code'.",
               {"unit": "backup.service", "reason": "exit-code", "action": "stop",
                "outcome": "failure"}),
        Sample("backup.service: Main process exited, code=exited, status=1/FAILURE",
               {"unit": "backup.service", "code": "exited", "status": "1/FAILURE",
                "action": "exit"}),
        Sample("Failed to start backup.service - Nightly backup.",
               {"unit": "backup.service - Nightly backup", "action": "start",
                "outcome": "failure"}),
        Sample("Reloading...", {"action": "reload"}),
    ),
)  # fmt: skip
