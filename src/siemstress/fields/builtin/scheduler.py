"""cron and crontab."""

from siemstress.fields.tables import Sample, Table, says

TABLE = Table(
    programs=("cron", "crond", "crontab", "anacron", "atd", "/usr/sbin/cron"),
    patterns=(
        says("({user_name}) CMD ({command*})", action="job_run"),
        says("({user_name}) CMDEND ({command*})", action="job_end"),
        says("({user_name}) CMDOUT ({output*})", action="job_output"),
        says("({user_name}) REPLACE ({target_user})", action="job_change", outcome="success"),
        says("({user_name}) BEGIN EDIT ({target_user})", action="job_list"),
        says("({user_name}) END EDIT ({target_user})", action="job_list"),
        says("({user_name}) LIST ({target_user})", action="job_list"),
        says("({user_name}) DELETE ({target_user})", action="job_change", outcome="success"),
        says("({user_name}) RELOAD ({file*})", action="job_change", outcome="success"),
        says("({user_name}) AUTH ({reason*})", action="job_change", outcome="failure"),
        says("({user_name}) {event} ({detail*})"),
    ),
    samples=(
        Sample("(root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
               {"user_name": "root", "command": "cd / && run-parts --report /etc/cron.hourly",
                "action": "job_run"}),
        Sample("(mallory) REPLACE (mallory)",
               {"user_name": "mallory", "target_user": "mallory", "action": "job_change",
                "outcome": "success"}),
    ),
)  # fmt: skip
