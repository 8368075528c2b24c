"""Web applications and others that people log in to; see also `usuallogins`."""

from __future__ import annotations

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_LOGGED_IN = {"action": "login", "outcome": "success"}
_MAIL_LOGIN = {**_LOGIN, "service": "webmail"}
_MAPPED = "{?{_mapped=::ffff:|::FFFF:}?}{source_host#}"

WEBMAIL = Table(
    programs=("roundcube", "sogod", "horde", "stamped", ""),
    patterns=(
        *(
            Pattern(f"{head}{{reason=IMAP Error: Login failed|Failed login|FAILED login|Login "
                    f"failed}} for {{user_name{longest}}} {{?against {{server}} ?}}from "
                    f"{{source_host#}}{end}", _MAIL_LOGIN)
            for head in ("", "<{_session}> ")
            for longest, end in (
                # The user's name comes back in what the server answered.
                ("*", "{?({_proxies*})?}. AUTHENTICATE {_rest*}"), ("**", " in session {_rest*}"),
                ("**", "{?({_proxies*})?}{?. {_rest*}?}"),
            )
        ),
        Pattern("SOGoRootPage Login from '{source_host#}{?, {_proxies*}?}' for user "
                "'{user_name**}' might not have worked{_rest*}", _MAIL_LOGIN),
        says("SOGoRootPage successful login from '{source_host#}{?, {_proxies*}?}' for user "
             "'{user_name**}'{_rest*}", **_LOGGED_IN),
        Pattern("[{level=error|notice|info}] [{application}] FAILED LOGIN for {user_name**} "
                "[{source_host#}]{? ({_proxies*})?} to {_rest*}", _MAIL_LOGIN),
        says("[{level=error|notice|info}] [{application}] Login success for {user_name**} "
             "[{source_host#}]{? ({_proxies*})?} to {_rest*}", **_LOGGED_IN),
        Pattern("[LOGIN_ERROR] {user_name**} ({_domain}) from {source_host#}: {reason*}",
                _MAIL_LOGIN),
        Pattern("[{_pid+}] ({source_host#}) {user_name*} - {_kind=userinfo|login} error - "
                "{reason*}", _MAIL_LOGIN),
    ),
    samples=(
        Sample("<crk9n97i> IMAP Error: Login failed for bob from 192.0.2.1 from 203.0.113.9. "
               "AUTHENTICATE PLAIN: Authentication failed. in /x.php on line 193",
               {"user_name": "bob from 192.0.2.1", "source_host": "203.0.113.9",
                "reason": "IMAP Error: Login failed", **_MAIL_LOGIN}),
        Sample("SOGoRootPage Login from '203.0.113.9' for user 'bob' might not have worked - "
               "password policy: 65535",
               {"user_name": "bob", "source_host": "203.0.113.9", **_MAIL_LOGIN}),
    ),
)  # fmt: skip
MAIL = Table(
    programs=(
        "perdition.imap", "perdition.imaps", "perdition.pop3", "perdition.pop3s", "perdition",
        "solid-pop3d", "stamped", "",
    ),
    patterns=(
        Pattern("Auth: {source_host#}:{source_port+}->{dest_host#}:{dest_port+} {_more*}"
                'authentication_id="{user_name**}" server="{_server}" {_rest*}status="failed'
                '{?: {reason*}?}"', _LOGIN),
        says("Fatal Error reading authentication information from client "
             "{source_host#}:{source_port+}->{dest_host#}:{dest_port+}{?: {_rest*}?}",
             action="login"),
        Pattern("{?user {user_name**} ?}{reason=authentication failed|can't find|not found}: "
                "{_what*} - {_map*}[{source_host#}]", _LOGIN),
        # Domino.
        Pattern("{?  ?}{_task=smtp|pop3|imap|http}: {user_name**} {?[?}{source_host#}{?]?} "
                "{reason=authentication failure using internet password}", _LOGIN),
        Pattern("{?  ?}{_task=SMTP|POP3|IMAP} Server{?:?} {?[{_id}] ?}{reason=Authentication "
                "failed} for user {user_name**} ; connecting host {?[?}{source_host#}{?]?}",
                _LOGIN),
        says("{?  ?}SMTP Server{?: ?}{? [{_id}] ?}Connection from [{source_host#}] rejected for "
             "policy reasons. {reason*}", action="mail_reject", outcome="failure"),
        # ASSP.
        *(
            Pattern(f"{{?{{_id}} ?}}{{?[{{_worker}}] ?}}{{?[TLS-in] ?}}{{?[{{_tls=SSL-out|TLS-out|"
                    f"SSL-in|TLS-in}}] ?}}{text}", sets)
            for text, sets in (
                ("[RelayAttempt] {source_host#} <{from*}> {?to: {to} ?}relay attempt blocked for"
                 "{_rest*}", {"action": "mail_reject", "outcome": "failure"}),
                ("{source_host#} [SMTP Error] 535 {reason*}", _LOGIN),
                ("{source_host#} max sender authentication errors ({_count}) exceeded{_rest*}",
                 _LOGIN),
                ("{source_host#} SSL negotiation with client failed: {reason*}",
                 {"action": "tls", "outcome": "failure"}),
            )
        ),
        # Oracle's messaging server.
        Pattern('{?<co ?}{?ts="{_time}" ?}pi="{_id}" {_more*} tr="TCP|{dest_host#}|{dest_port+}|'
                '{source_host#}|{source_port+}" ap="{_app}" mi="{reason=Bad password|Bad username '
                'or password|User not found}" {?us="{user_name*}" ?}{_rest*}', _LOGIN),
        # Zimbra.
        Pattern("{?{level=INFO|WARN} {? ?}?}[{_thread*}] [{?name={_name};?}{?{_x*};?}oip="
                "{source_host#}{?, {_proxies*}?};{_more*}] {_class} - {?handler exception: ?}"
                "authentication failed for [{user_name**}], {reason*}", _LOGIN),
    ),
    samples=(
        Sample("smtp: user with blank [203.0.113.9] authentication failure using internet password",
               {"user_name": "user with blank", "source_host": "203.0.113.9",
                "reason": "authentication failure using internet password", **_LOGIN}),
        Sample("[Worker_1] [TLS-out] 203.0.113.9 [SMTP Error] 535 5.7.8 Error: no",
               {"source_host": "203.0.113.9", "reason": "5.7.8 Error: no", **_LOGIN}),
        Sample('Auth: 203.0.113.9:2274->192.0.2.1:993 client-secure=ssl authorisation_id=NONE '
               'authentication_id="bob" server="imap:993" protocol=IMAP4S status="failed: no"',
               {"source_host": "203.0.113.9", "source_port": 2274, "dest_host": "192.0.2.1",
                "dest_port": 993, "user_name": "bob", "reason": "no", **_LOGIN}),
    ),
)  # fmt: skip
WEB = Table(
    programs=(
        "phpmyadmin", "lighttpd", "suhosin", "drupal", "froxlor", "wordpress", "wp", "php-fpm",
        "audit", "llng", "lemonldap-ng", "core", "harbor", "cowrie", "radarr", "sonarr",
        "prowlarr", "lidarr", "readarr", "mono", "monit", "stamped", "",
    ),
    patterns=(
        Pattern("user denied: {user_name**} ({reason*}) from {source_host#}", _LOGIN),
        *(
            Pattern("{?(?}{_file}.c.{_line+}) {reason=password doesn't match} for {path*} "
                    f"username: {{user_name**}}{comma} IP: {{source_host#}}", _LOGIN)
            for comma in (",", "")
        ),
        Pattern("{?(?}{_file}.c.{_line+}) {reason=get_password failed}, IP: {source_host#}",
                _LOGIN),
        Pattern("{?(?}{_file}.c.{_line+}) digest: auth failed for  {user_name**} : {reason*}, IP: "
                "{source_host#}", _LOGIN),
        Pattern("{?(?}{_file}.c.{_line+}) digest: auth failed: {reason**}, IP: {source_host#}",
                _LOGIN),
        says("{?(mod_fastcgi.c.{_line+}) FastCGI-stderr: ?}ALERT - {reason**} (attacker "
             "'{source_host#}'{?, file '{file*}'?}{?, line {_n+}?})", action="probe"),
        Pattern("{_url}|{_time+}|user|{source_host#}|{_request}|{_referer}|{_uid}|{_link*}|Login "
                "attempt failed {?from {_ip#}?}{?for {user_name*}.?}{?.?}", _LOGIN),
        Pattern("[Login Action {source_host#}] {?Unknown user ?}"
                "{?User ?}'{user_name**}' {reason=tried to login.|tried to login with wrong "
                "password.}", _LOGIN),
        Pattern('froxlor.WARNING: {reason=User tried to login with wrong password.|Unknown user '
                'tried to login.} {{"source":"login","action":"{_action}","user":"{source_host#}"}'
                "{_rest*}", _LOGIN),
        *(
            Pattern(f"{said} {{user_name**}} from {{source_host#}}", sets)
            for said, sets in (
                ("Authentication failure for", _LOGIN),
                ("Authentication attempt for unknown user",
                 {**_LOGIN, "invalid_user": "true"}),
                ("Blocked authentication attempt for", _LOGIN),
                ("XML-RPC authentication failure for", _LOGIN),
                ("XML-RPC authentication attempt for unknown user",
                 {**_LOGIN, "invalid_user": "true"}),
                ("Accepted password for", _LOGGED_IN),
            )
        ),
        says("Blocked user enumeration attempt from {source_host#}", action="probe"),
        says("XML-RPC multicall authentication failure from {source_host#}", **_LOGIN),
        *(
            Pattern(f"{{?/index.php: ?}}{{_where=Web GUI|webConfigurator}} authentication error "
                    f"for {{?user ?}}'{{user_name**}}' from{{?:?}} {{source_host#}}{end}", _LOGIN)
            for end in ("{? {_rest*}?}",)
        ),
        Pattern("{?/index.php: ?}Successful login for user '{user_name**}' from: {source_host#}"
                "{? {_rest*}?}", _LOGGED_IN),
        Pattern("{?Lemonldap::NG : ?}{?[{level}] ?}{user_name**} {reason=was not found in LDAP "
                "directory} ({source_host#})", _LOGIN),
        Pattern("{?Lemonldap::NG : ?}{?[{level}] ?}{reason=Bad password} for {user_name**} "
                "({source_host#})", _LOGIN),
        Pattern("{?[?}{?|?}{level=Warn|Info}{?]?}{? ?}{?|?}Auth{?:?}{? ?}{?|?}{reason=Auth-Failure|"
                "Auth-Unauthorized} ip {source_host#} username '{user_name*}'", _LOGIN),
        Pattern("{?[?}{?|?}{level=Warn|Info}{?]?}{? ?}{?|?}Auth{?:?}{? ?}{?|?}Auth-Success ip "
                "{source_host#} username '{user_name*}'", _LOGGED_IN),
        says("{?{_time} ?}[{_class}] New connection: {source_host#}:{source_port+} "
             "({dest_host#}:{dest_port+}) [session: {session}]", action="connect"),
        says("{?{_time} ?}[{_class}{?,{_n+}?}{?,{_ip#}?}] login attempt [b'{user_name**}'/b'"
             "{_password*}'] {result=failed|succeeded}", action="login"),
        Pattern("[vaultwarden::api::{_part}][ERROR] {reason**} IP: {source_host#}. Username: "
                "{user_name*}.", _LOGIN),
        Pattern("[vaultwarden::api::{_part}][ERROR] {reason**} IP: {source_host#}. Username: "
                "{user_name*}", _LOGIN),
        Pattern("[vaultwarden::api::{_part}][ERROR] {reason**} IP: {source_host#}", _LOGIN),
        Pattern("'{source_host#}' {count+} failed login {_w=attempt|attempts}. "
                "{?Invalid account ?}{?Account ?}'{user_name**}'{? via '{_via}'?}",
                _LOGIN),
        Pattern("-1|0|0|[WEB] [{source_host#}] {reason=Authentication failed} for '{user_name**}'"
                "{? : {_rest*}?}", _LOGIN),
        says('Bad Rcon: "{command**}" from "{source_host#}:{source_port+}"', **_LOGIN),
        Pattern("system,error,critical login failure for user {user_name**} from {source_host#} "
                "via {service}", _LOGIN),
        Pattern("{?  ?}Failed Login: username={user_name**} ip={source_host#}", _LOGIN),
        Pattern("{user_name**} {source_host#} failed to login", _LOGIN),
        Pattern("{?{_head*} ?}Authentication attempt from {source_host#}{? ({_proxies*})?} for "
                'user "{user_name**}" {reason=failed}.', _LOGIN),
        Pattern("{?{_head*} ?}User \"{user_name**}\" successfully authenticated from "
                "{?[?}{source_host#}{?{_proxies*}?}{?]?}.", _LOGGED_IN),
        Pattern("{_head*}authentication for {user_name**} from {?IP ?}"
                f"{_MAPPED}{{?: {{reason*}}?}}{{? ({{_rest*}})?}}", _LOGIN),
        Pattern("{?{_level}: ?}{?[{_time*}] ?}failed to validate user credentials ({reason*}) "
                "ip={source_host#}:{source_port+} subsystem={service} username={user_name*}",
                _LOGIN),
        Pattern('{_id} [{_date*}] {user_name} - {source_host#} {module} {script} '
                '"{reason=failed}"{? {_rest*}?}', _LOGIN),
        Pattern('{?info ?}[{service}] {source_host#} - {user_name} "{request**}" FAILED LOGIN '
                "{_service}: {reason*}", _LOGIN),
        Pattern("{_head*}Failed Login Attempt - username:{user_name**} ip:{source_host#}"
                "{? {_rest*}?}", _LOGIN),
        Pattern("{?Server: ?}AUTH-ERROR: {source_host#} - {reason*}", _LOGIN),
        Pattern("[{source_host#}:{source_port+}] {_class}: {reason=Invalid username or password} "
                "for user: {user_name*}", _LOGIN),
        Pattern("{?web_php[{_pid}].?}{?ERR ?}[{source_host#}] [{?Could not retrieve user ?}"
                '{?Login denied for user ?}{?"?}{user_name**}{? details?}{?"?}] at {_rest*}',
                _LOGIN),
        says("{_head*}error: {_code*}: POST /api/sessions: {source_host#}: {reason*}", **_LOGIN),
    ),
    samples=(
        Sample("user denied: root (mysql-denied) from 203.0.113.9",
               {"user_name": "root", "reason": "mysql-denied", "source_host": "203.0.113.9",
                **_LOGIN}),
        Sample("Authentication failure for admin from 192.0.2.1 from 203.0.113.9",
               {"user_name": "admin from 192.0.2.1", "source_host": "203.0.113.9", **_LOGIN}),
        Sample("(mod_auth.c.525) password doesn't match for /a username: b, IP: 203.0.113.9",
               {"reason": "password doesn't match", "path": "/a", "user_name": "b",
                "source_host": "203.0.113.9", **_LOGIN}),
        Sample("[vaultwarden::api::admin][ERROR] Invalid admin token. IP: 203.0.113.9",
               {"reason": "Invalid admin token.", "source_host": "203.0.113.9", **_LOGIN}),
    ),
)  # fmt: skip
_SMB = (
    "{?  ?}Auth: [{service},{_sub*}] user [{domain}]\\[{user_name**}] at [{_time*}] with "
    "[{method}] status [{reason=%s}] workstation [{_station**}] remote host [{_family=ipv4|ipv6}:"
    "{source_host#}:{source_port+}] {_rest*}"
)
SAMBA = Table(
    programs=("smbd", "samba", "smbd_audit", "stamped", ""),
    patterns=(
        Pattern(_SMB % "NT_STATUS_OK", _LOGGED_IN),
        *(
            Pattern(_SMB % f"{status}", _LOGIN)
            for status in (
                "NT_STATUS_NO_SUCH_USER", "NT_STATUS_WRONG_PASSWORD", "NT_STATUS_LOGON_FAILURE",
                "NT_STATUS_ACCOUNT_DISABLED|NT_STATUS_ACCOUNT_LOCKED_OUT|"
                "NT_STATUS_PASSWORD_EXPIRED|NT_STATUS_ACCOUNT_EXPIRED|NT_STATUS_ACCESS_DENIED",
            )
        ),
        says("{user_name}|{source_host#}|{share*}|{operation=connect|disconnect}|{result=ok|fail}"
             "{?|{_rest*}?}", action="share_access"),
        says("{?  ?}{_name} ({?ipv4:?}{?ipv6:?}{source_host#}{?:{source_port+}?}) connect to "
             "service {share} {?initially ?}as user {user_name} ({_rest*}", action="share_access",
             outcome="success"),
        says("{?  ?}{_name} ({?ipv4:?}{?ipv6:?}{source_host#}{?:{source_port+}?}) closed "
             "connection to service {share*}", action="disconnect"),
    ),
    samples=(
        Sample("Auth: [SMB2,(null)] user [WG]\\[root] at [Thu, 14 Oct 2021 15:24:12.02 UTC] with "
               "[NTLMv2] status [NT_STATUS_NO_SUCH_USER] workstation [X] remote host "
               "[ipv4:192.0.2.9:1] y] remote host [ipv4:203.0.113.9:44890] mapped to [WG]\\[root].",
               {"service": "SMB2", "domain": "WG", "user_name": "root", "method": "NTLMv2",
                "reason": "NT_STATUS_NO_SUCH_USER", "source_host": "203.0.113.9",
                "source_port": 44890, **_LOGIN}),
    ),
)  # fmt: skip
