"""cron and crontab."""

from siemstress.fields.tables import Sample, Table, says

TABLE = Table(
    programs=("cron", "crond", "crontab", "anacron", "atd", "/usr/sbin/cron"),
    patterns=(
        says("({user_name}) CMD ({command*})", action="cron_run"),
        says("({user_name}) CMDEND ({command*})", action="cron_end"),
        says("({user_name}) CMDOUT ({output*})", action="cron_output"),
        says("({user_name}) REPLACE ({target_user})", action="cron_change", outcome="success"),
        says("({user_name}) BEGIN EDIT ({target_user})", action="cron_edit"),
        says("({user_name}) END EDIT ({target_user})", action="cron_edit"),
        says("({user_name}) LIST ({target_user})", action="cron_list"),
        says("({user_name}) DELETE ({target_user})", action="cron_change", outcome="success"),
        says("({user_name}) RELOAD ({file*})", action="cron_change", outcome="success"),
        says("({user_name}) AUTH ({reason*})", action="cron_change", outcome="failure"),
        says("({user_name}) {event} ({detail*})"),
    ),
    samples=(
        Sample("(root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
               {"user_name": "root", "command": "cd / && run-parts --report /etc/cron.hourly",
                "action": "cron_run"}),
        Sample("(mallory) REPLACE (mallory)",
               {"user_name": "mallory", "target_user": "mallory", "action": "cron_change",
                "outcome": "success"}),
    ),
)  # fmt: skip
