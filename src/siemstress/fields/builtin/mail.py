"""Postfix."""

from siemstress.fields.tables import Sample, Table, says

TABLE = Table(
    programs=(
        "postfix/smtpd", "postfix/smtp", "postfix/qmgr", "postfix/cleanup", "postfix/local",
        "postfix/lmtp", "postfix/pickup", "postfix/bounce", "postfix/submission/smtpd",
        "postfix/smtps/smtpd", "postfix/postscreen", "postfix/error", "postfix/virtual",
        "postfix/pipe",
    ),
    patterns=(
        says("connect from {source_name}[{source_host}]", action="connect"),
        says("disconnect from {source_name}[{source_host}]", action="disconnect"),
        says("disconnect from {source_name}[{source_host}] {_counts*}", action="disconnect"),
        says("lost connection after {phase*} from {source_name}[{source_host}]",
             action="disconnect"),
        says("warning: {source_name}[{source_host}]: SASL {method} authentication failed: "
             "Connection lost to authentication server", action="login"),
        says("warning: {source_name}[{source_host}]: SASL {method} authentication failed: "
             "Invalid authentication mechanism", action="login"),
        says("warning: {source_name}[{source_host}]: SASL {method} authentication failed: "
             "{reason*}", action="login", outcome="failure"),
        says("warning: hostname {source_name} does not resolve to address {source_host}: "
             "{reason*}", action="connect", outcome="failure"),
        says("warning: hostname {source_name} does not resolve to address {source_host}",
             action="connect", outcome="failure"),
        says("NOQUEUE: reject: {phase} from {source_name}[{source_host}]: {code} {status} "
             "{reason*}; from=<{from*}> to=<{to*}> proto={_proto} helo=<{helo*}>",
             action="mail_reject", outcome="failure"),
        says("NOQUEUE: reject: {phase} from {source_name}[{source_host}]: {reason*}",
             action="mail_reject", outcome="failure"),
        *(
            says(f"{{queue_id}}: {verb}: {{phase}} from {{source_name}}[{{source_host}}]: "
                 "{reason*}", action="mail_reject", outcome="failure")
            for verb in ("reject", "milter-reject")
        ),
        says("NOQUEUE: reject: {phase} from [{source_host}]:{source_port}: {reason*}",
             action="mail_reject", outcome="failure"),
        says("PREGREET {_size} after {_seconds} from [{source_host}]:{source_port}: {command*}",
             action="connect", outcome="failure"),
        says("too many errors after {command*} from {source_name}[{source_host}]",
             action="connect", outcome="failure"),
        says("warning: {source_name}[{source_host}]:{source_port}: SASL {method} authentication "
             "failed: {reason*}", action="login", outcome="failure"),
        says("warning: {source_name}[{source_host}]: SASL {method} authentication failed:",
             action="login", outcome="failure"),
        says("improper command pipelining after {command*} from {source_name}[{source_host}]"
             "{_rest*}", action="connect", outcome="failure"),
        says("{queue_id}: to=<{to}>, relay={dest_name}[{dest_host}]:{dest_port}, delay={_delay}, "
             "delays={_delays}, dsn={dsn}, status={status} ({_answer*}",
             action="mail_send"),
        says("{queue_id}: to=<{to}>, relay={relay}, delay={_delay}, "
             "delays={_delays}, dsn={dsn}, status={status} ({_answer*}",
             action="mail_send"),
        says("{queue_id}: to=<{to}>, orig_to=<{orig_to}>, relay={relay}, delay={_delay}, "
             "delays={_delays}, dsn={dsn}, status={status} ({_answer*}",
             action="mail_send"),
        says("{queue_id}: from=<{from}>, size={size}, nrcpt={recipients} (queue active)",
             action="mail_queue"),
        says("{queue_id}: message-id=<{message_id}>"),
        says("{queue_id}: removed"),
        says("{queue_id}: client={source_name}[{source_host}], sasl_method={method}, "
             "sasl_username={user_name}", action="login", outcome="success"),
        says("{queue_id}: client={source_name}[{source_host}]", action="mail_receive"),
        says("{queue_id}: uid={uid} from=<{from}>", action="mail_receive"),
    ),
    samples=(
        Sample("connect from unknown[203.0.113.134]",
               {"source_name": "unknown", "source_host": "203.0.113.134", "action": "connect"}),
        Sample("warning: unknown[203.0.113.7]: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
               {"source_name": "unknown", "source_host": "203.0.113.7", "method": "LOGIN",
                "reason": "UGFzc3dvcmQ6", "action": "login", "outcome": "failure"}),
        Sample("4F1A2B3C4D: to=<bob@example.org>, relay=mx.example.org[203.0.113.25]:25, "
               "delay=1.2, delays=0.1/0.01/0.4/0.9, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
               {"queue_id": "4F1A2B3C4D", "to": "bob@example.org", "dest_name": "mx.example.org",
                "dest_host": "203.0.113.25", "dest_port": 25, "dsn": "2.0.0", "status": "sent",
                "action": "mail_send"}),
    ),
)  # fmt: skip
