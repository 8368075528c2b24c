"""cron of all kinds, crontab, anacron and at."""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says


def _cron() -> Iterator[Pattern]:
    # What cron says of itself, not of a user.
    yield says("(CRON) error ({reason*})", action="error")
    yield says("(CRON) DEATH ({reason*})", action="stop", outcome="failure")
    yield says("(CRON) STARTUP ({_version*})", action="start")
    yield says("(CRON) {event*} ({detail*})")
    yield says("(*system*) RELOAD ({file*})", action="job_change", outcome="success")
    yield says("(*system*) {event*} ({detail*})")
    yield says("(*system*{file*}) {event*} ({detail*})")
    yield says("({user_name}) CMD ({command*})", action="job_run")
    yield says("({user_name}) CMDEND ({command*})", action="job_end")
    yield says("({user_name}) CMDOUT ({output*})", action="job_output")
    yield says("({user_name}) MAIL ({output*})", action="job_output")
    yield says("({user_name}) REPLACE ({target_user})", action="job_change", outcome="success")
    yield says("({user_name}) BEGIN EDIT ({target_user})", action="job_list")
    yield says("({user_name}) END EDIT ({target_user})", action="job_list")
    yield says("({user_name}) LIST ({target_user})", action="job_list")
    yield says("({user_name}) DELETE ({target_user})", action="job_delete", outcome="success")
    yield says("({user_name}) RELOAD ({file*})", action="job_change", outcome="success")
    yield says("({user_name}) AUTH ({reason*})", action="job_change", outcome="failure")
    yield says("({user_name}) FAILED to authorize user with PAM ({reason*})",
               action="job_run", outcome="failure")  # fmt: skip
    for event in ("WRONG FILE OWNER", "WRONG INODE INFO", "BAD FILE MODE", "INSECURE MODE",
                  "ORPHAN", "UNSAFE"):  # fmt: skip
        yield says(f"({{user_name}}) {event} ({{file*}})",
                   action="job_run", outcome="failure", reason=event)  # fmt: skip
    yield says("({user_name}) {event} ({detail*})")
    # busybox, dcron, fcron
    yield says("USER {user_name} pid {_pid} cmd {command*}", action="job_run")
    yield says("FILE {_path} USER {user_name} PID {_pid} {command*}", action="job_run")
    yield says("Job {command**} started for user {user_name} (pid {_pid})", action="job_run")


def _others() -> Iterator[Pattern]:
    yield says("Job `{job*}' started", action="job_run")
    yield says("Job `{job*}' terminated", action="job_end", outcome="success")
    yield says("Job `{job*}' terminated (exit status: {status}){_rest*}",
               action="job_end", outcome="failure")  # fmt: skip
    yield says("Will run job `{job*}' in {_delay} min.")
    yield says("Anacron {_version} started on {_date}", action="start")
    yield says("Normal exit ({_jobs*})", action="finish", outcome="success")
    yield says("Starting job {job} ({_file}) for user '{user_name*}' ({uid})", action="job_run")
    yield says("starting {job*}", action="job_run")
    yield says("finished {job*}", action="job_end")
    # run-parts: `(/etc/cron.hourly) starting 0anacron`.
    yield says("({folder}) starting {job*}", action="job_run")
    yield says("({folder}) finished {job*}", action="job_end")


TABLE = Table(
    programs=("cron", "crond", "crontab", "fcron", "cronie", "busybox"),
    patterns=tuple(_cron()),
    samples=(
        Sample("(root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
               {"user_name": "root", "command": "cd / && run-parts --report /etc/cron.hourly",
                "action": "job_run"}),
        Sample("(mallory) REPLACE (mallory)",
               {"user_name": "mallory", "target_user": "mallory", "action": "job_change",
                "outcome": "success"}),
        Sample("(CRON) INFO (Running @reboot jobs)",
               {"event": "INFO", "detail": "Running @reboot jobs"}),
        Sample("(*system*) RELOAD (/etc/crontab)",
               {"file": "/etc/crontab", "action": "job_change", "outcome": "success"}),
        Sample("(bob) FAILED to authorize user with PAM (Permission denied)",
               {"user_name": "bob", "reason": "Permission denied", "action": "job_run",
                "outcome": "failure"}),
        Sample("USER root pid 815 cmd run-parts /etc/periodic/15min",
               {"user_name": "root", "command": "run-parts /etc/periodic/15min",
                "action": "job_run"}),
    ),
)  # fmt: skip
OTHERS = Table(
    programs=("anacron", "atd", "run-parts", "at"),
    patterns=tuple(_others()),
    samples=(
        Sample("Job `cron.daily' started", {"job": "cron.daily", "action": "job_run"}),
        Sample("Job `cron.daily' terminated (exit status: 1) (mailing output)",
               {"job": "cron.daily", "status": "1", "action": "job_end", "outcome": "failure"}),
        Sample("Starting job 1 (a0001) for user 'alice' (1000)",
               {"job": "1", "user_name": "alice", "uid": "1000", "action": "job_run"}),
        Sample("(/etc/cron.hourly) starting 0anacron",
               {"folder": "/etc/cron.hourly", "job": "0anacron", "action": "job_run"}),
    ),
)  # fmt: skip
