"""Sendmail, OpenSMTPD, qmail's and Plesk's logins, filters of mail, SASL."""

from __future__ import annotations

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_LOGGED_IN = {"action": "login", "outcome": "success"}
_REJECT = {"action": "mail_reject", "outcome": "failure"}
# Sendmail's name for the other side; `may be forged` says that the name is not sure.
_PEER = "{?{source_name} ?}[{?IPv6:?}{source_host#}]{? (may be forged)?}"
_QUEUE = "{?{queue_id}: ?}"

SENDMAIL = Table(
    programs=("sendmail", "sm-mta", "sm-acceptingconnections", "sm-msp-queue", "sm-que",
              "sendmail-mta"),
    patterns=(
        *(
            Pattern(f"{head}ruleset={{ruleset}}, arg1={{arg*}}{{?, arg2={{_arg2*}}?}}, "
                    f"relay={_PEER}{{?, dsn={{_dsn}}?}}, reject={{reason*}}", _REJECT)
            for head in ("{queue_id}: ", "")
        ),
        says("{queue_id}: from={from*}, size={size}, class={_class}, {?pri={_pri}, ?}"
             "nrcpts={recipients}, {?msgid={message_id*}, ?}{?bodytype={_type}, ?}"
             f"{{?proto={{_proto}}, ?}}{{?daemon={{_daemon}}, ?}}{{?tls_verify={{_verify}}, ?}}"
             f"{{?auth={{_auth}}, ?}}relay={_PEER}", action="mail_receive"),
        says("{queue_id}: from={from*}, size={size}, class={_class}, {_middle*}"
             "{?relay={relay*}?}", action="mail_receive"),
        *(
            says(f"{{queue_id}}: to={{to*}}, {{?ctladdr={{_controls*}}, ?}}delay={{delay}}, "
                 "xdelay={_xdelay}, mailer={mailer}, pri={_pri}, {?relay={dest_name} ?}"
                 "{?[{dest_host#}]?}{?{_relay*}?}{?, ?}{?dsn={dsn}, ?}"
                 f"stat={{status={status}}}{{? ({{response*}})?}}{{?: {{reason*}}?}}",
                 action=action, outcome=outcome)
            for status, action, outcome in (
                ("Sent", "mail_send", "success"), ("queued", "mail_queue", "success"),
                ("Deferred", "mail_defer", "failure"),
                ("User unknown|Host unknown|Service unavailable", "mail_bounce", "failure"),
            )
        ),
        says(f"{_QUEUE}{_PEER} did not issue {{what*}} during connection to {{daemon*}}",
             action="connect"),
        says(f"{_QUEUE}{_PEER}: {{command*}} [rejected]", action="probe"),
        says(f"{_QUEUE}rejecting commands from {{? ?}}{_PEER} due to {{reason*}}",
             action="connect"),
        says(f"{_QUEUE}lost input channel from {_PEER} to {{daemon}} after {{phase*}}",
             action="disconnect"),
        says(f"{_QUEUE}timeout waiting for input from {_PEER} during {{phase*}}",
             action="disconnect"),
        says(f"{_QUEUE}{_PEER}: possible SMTP attack: command={{command}}, count={{count}}",
             action="probe"),
        Pattern(f"{_QUEUE}AUTH failure ({{method}}): {{reason**}}, {{?user={{user_name*}}, ?}}"
                f"relay={_PEER}", _LOGIN),
        Pattern(f"{_QUEUE}AUTH failure ({{method}}): {{reason**}}, relay={_PEER}", _LOGIN),
        Pattern(f"{_QUEUE}AUTH=server, relay={_PEER}, authid={{user_name**}}, mech={{method}}, "
                "bits={_bits}", _LOGGED_IN),
        says(f"{_QUEUE}STARTTLS=server, relay={_PEER}, version={{version}}, {{_rest*}}",
             action="tls", outcome="success"),
        says("{queue_id}: <{to*}>... {reason=User unknown|No such user here}"),
    ),
    samples=(
        Sample("s1P819mk027713: ruleset=check_rcpt, arg1=<a@example.com>, relay=host.example.org "
               "[203.0.113.9] (may be forged), reject=550 5.7.1 <a@example.com>... denied",
               {"queue_id": "s1P819mk027713", "ruleset": "check_rcpt", "arg": "<a@example.com>",
                "source_name": "host.example.org", "source_host": "203.0.113.9",
                "reason": "550 5.7.1 <a@example.com>... denied", "action": "mail_reject",
                "outcome": "failure"}),
        Sample("56VFYCxS024291: from=<a@example.org>, size=108, class=0, nrcpts=1, msgid=<1@x>, "
               "proto=ESMTP, daemon=MTA-v4, relay=[IPv6:2001:db8::7]",
               {"queue_id": "56VFYCxS024291", "from": "<a@example.org>", "size": "108",
                "recipients": "1", "message_id": "<1@x>", "source_host": "2001:db8::7",
                "action": "mail_receive"}),
        Sample("56VFYCxS024292: to=<b@example.net>, ctladdr=root (0/0), delay=00:00:01, "
               "xdelay=00:00:01, mailer=esmtp, pri=30, relay=mx.example.net. [203.0.113.25], "
               "dsn=2.0.0, stat=Sent (ok 12)",
               {"queue_id": "56VFYCxS024292", "to": "<b@example.net>", "delay": "00:00:01",
                "mailer": "esmtp", "dest_name": "mx.example.net.", "dest_host": "203.0.113.25",
                "dsn": "2.0.0", "status": "Sent", "response": "ok 12", "action": "mail_send",
                "outcome": "success"}),
        Sample("rejecting commands from h.example.org [203.0.113.9] due to pre-greeting traffic "
               "after 6 seconds",
               {"source_name": "h.example.org", "source_host": "203.0.113.9",
                "reason": "pre-greeting traffic after 6 seconds", "action": "connect"}),
    ),
)  # fmt: skip
OPENSMTPD = Table(
    programs=("smtpd", "opensmtpd"),
    patterns=(
        *(
            Pattern("{session} smtp {?event=?}authentication user={user_name**} "
                    "address={source_host#}{? host={source_name}?} "
                    f"result={{result={result}}}",
                    sets)
            for result, sets in (("ok", _LOGGED_IN), ("permfail|tempfail|error", _LOGIN))
        ),
        says("{session} smtp {?event=?}connected address={source_host#}{? host={source_name}?}",
             action="connect"),
        says("{session} smtp {?event=?}disconnected {?address={source_host#} ?}"
             "{?host={source_name} ?}reason={reason*}", action="disconnect"),
        says('{session} smtp {?event=?}failed-command {?address={source_host#} ?}'
             '{?host={source_name} ?}command="{command**}" result="{reason*}"',
             action="mail_reject", outcome="failure"),
        says("{session} smtp {?event=?}message {?address={source_host#} ?}{?host={source_name} ?}"
             "msgid={message} {?from=<{from}> ?}{?to=<{to}> ?}size={size} {_rest*}",
             action="mail_receive"),
        *(
            says("{session} mta {?event=?}delivery {?evpid={_envelope} ?}{?from=<{from}> ?}"
                 'to=<{to}> {?rcpt=<{_rcpt}> ?}{?source="{_source}" ?}'
                 '{?relay="{dest_host#}{? ({dest_name})?}" ?}{?delay={delay} ?}'
                 f'result="{{status={status}}}" stat="{{response*}}"',
                 action=action, outcome=outcome)
            for status, action, outcome in (
                ("Ok", "mail_send", "success"), ("TempFail", "mail_defer", "failure"),
                ("PermFail|LoopFail", "mail_bounce", "failure"),
            )
        ),
    ),
    samples=(
        Sample("c7e4a5f1 smtp authentication user=bob address=203.0.113.9 host=h.example.org "
               "result=permfail",
               {"session": "c7e4a5f1", "user_name": "bob", "source_host": "203.0.113.9",
                "source_name": "h.example.org", "result": "permfail", "action": "login",
                "outcome": "failure"}),
        Sample('c7e4a5f1 smtp failed-command address=203.0.113.9 host=h command="AUTH LOGIN" '
               'result="535 Authentication failed"',
               {"session": "c7e4a5f1", "source_host": "203.0.113.9", "source_name": "h",
                "command": "AUTH LOGIN", "reason": "535 Authentication failed",
                "action": "mail_reject", "outcome": "failure"}),
    ),
)  # fmt: skip
VPOPMAIL = Table(
    programs=("vpopmail", "authpsa", "xinetd-smtp", "smtp_auth"),
    patterns=(
        Pattern("vchkpw-{service}: {reason=password fail|vpopmail user not found|null password "
                "given|invalid user/domain characters}{? ({_pass*})?} {user_name**}:{source_host#}",
                _LOGIN),
        Pattern("vchkpw-{service}: ({method}) login success {user_name**}:{source_host#}",
                _LOGGED_IN),
        Pattern("{?smtp_auth: ?}FAILED: {user_name**} - {reason*} from {source_name} "
                "[{source_host#}]", _LOGIN),
    ),
    samples=(
        Sample("vchkpw-smtp: password fail (pass: 'x') info@example.org:203.0.113.9",
               {"service": "smtp", "reason": "password fail", "user_name": "info@example.org",
                "source_host": "203.0.113.9", "action": "login", "outcome": "failure"}),
    ),
)  # fmt: skip
FILTERS = Table(
    programs=("amavis", "postgrey", "policyd-spf", "opendkim", "spamd", "saslauthd", "clamd",
              "rspamd"),
    patterns=(
        *(
            says(f"({{am_id}}) {{verdict={verdict}}} {{category*}} {{{{{{actions*}}}}, "
                 "{?{_bank=MYNETS|ORIGINATING|AM.PDP-SOCK} ?}{?LOCAL ?}"
                 "{?[{source_host#}]{?:{source_port}?} ?}{_rest*}",
                 action=action)
            for verdict, action in (("Passed", "mail_filter"), ("Blocked", "mail_reject"))
        ),
        says("action={verdict=greylist|pass}, reason={reason*}, {?delay={delay}, ?}"
             "client_name={source_name}, client_address={source_host#}{?/{_mask}?}"
             "{?, sender={from*}, recipient={to*}?}", action="mail_filter"),
        says("{queue_id}: {source_name} [{source_host#}] not {what=internal|authenticated}",
             action="mail_filter"),
        Pattern("{?{_where*}: ?}auth failure: [user={user_name**}] [service={service}] "
                "[realm={realm}] [mech={method}] [reason={reason*}]", _LOGIN),
        says("{path*}: {malware} FOUND", action="malware"),
        says("spamd: connection from {source_name} [{source_host#}]{?:{source_port}?} to "
             "port {dest_port}{?, {_rest*}?}", action="connect"),
        says("spamd: {verdict=identified spam|clean message} ({score}) for {user_name}:{_uid} in "
             "{_rest*}", action="mail_filter"),
    ),
    samples=(
        Sample("do_auth         : auth failure: [user=bob] [service=smtp] [realm=] [mech=pam] "
               "[reason=PAM auth error]",
               {"user_name": "bob", "service": "smtp", "method": "pam",
                "reason": "PAM auth error", "action": "login", "outcome": "failure"}),
        Sample("(0712-01) Blocked SPAM {DiscardedInbound,Quarantined}, [203.0.113.9]:4711 "
               "[203.0.113.9] <a@example.org> -> <b@example.net>, quarantine: s/spam",
               {"am_id": "0712-01", "verdict": "Blocked", "category": "SPAM",
                "actions": "DiscardedInbound,Quarantined", "source_host": "203.0.113.9",
                "source_port": 4711, "action": "mail_reject"}),
    ),
)  # fmt: skip
