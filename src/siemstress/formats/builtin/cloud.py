"""Audit logs of clouds and of services: AWS, Google, Microsoft, Okta, GitHub."""

from siemstress.formats.base import Sample
from siemstress.formats.documents import Document, document
from siemstress.formats.sayings import ADDRESS, VERBS, alike
from siemstress.sources.arrays import ArrayLines

_AWS = {
    "consolelogin": "login", "createuser": "account_create", "deleteuser": "account_delete",
    "updateuser": "account_change", "creategroup": "group_create", "deletegroup": "group_delete",
    **alike("addusertogroup removeuserfromgroup updategroup", "group_change"),
    **alike("createloginprofile updateloginprofile changepassword", "password_change"),
    **alike("createaccesskey createvirtualmfadevice getfederationtoken createkeypair "
            "createservicespecificcredential importkeypair", "credential_create"),
    **alike("deleteaccesskey deletekeypair deactivatemfadevice deletevirtualmfadevice",
            "credential_delete"),
    **alike("updateaccesskey enablemfadevice", "credential_change"),
    **alike("getsecretvalue getpassworddata decrypt", "credential_access"),
    **alike("assumerole* getsessiontoken", "authenticate"),
    **alike("attachuserpolicy attachrolepolicy attachgrouppolicy putuserpolicy putrolepolicy "
            "putgrouppolicy detachuserpolicy detachrolepolicy detachgrouppolicy createpolicy* "
            "updateassumerolepolicy setdefaultpolicyversion putbucketpolicy putbucketacl "
            "deletebucketpolicy deleterolepolicy deleteuserpolicy", "permission_change"),
    **alike("authorizesecuritygroup* revokesecuritygroup* createnetworkaclentry "
            "deletenetworkaclentry replacenetworkaclentry", "firewall_change"),
    **alike("stoplogging startlogging deletetrail updatetrail createtrail puteventselectors "
            "deleteflowlogs createflowlogs deletedetector", "audit_change"),
    **VERBS,
}  # fmt: skip
CLOUDTRAIL = document(
    "cloudtrail",
    Document(
        keys=("eventVersion eventSource eventName awsRegion",),
        columns={
            "time": ("eventtime",),
            "user_name": ("useridentity.username",
                          "useridentity.sessioncontext.sessionissuer.username",
                          "useridentity.arn"),
        },
        parts={"source_host": (("sourceIPAddress", ADDRESS),)},
        says={
            "action": (("eventName", _AWS),),
            "outcome": (
                ("responseElements.ConsoleLogin", {"success": "success", "failure": "failure"}),
                ("errorCode", {"*": "failure", "": "success"}),
            ),
        },
    ),
    (
        Sample(
            '{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":'
            '"arn:aws:iam::123456789012:user/alice","userName":"alice"},"eventTime":'
            '"2017-08-23T06:15:38Z","eventSource":"signin.amazonaws.com","eventName":'
            '"ConsoleLogin","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7",'
            '"responseElements":{"ConsoleLogin":"Failure"},"errorMessage":"Failed '
            'authentication","eventID":"e1"}',
            {"time": "2017-08-23T06:15:38", "user_name": "alice", "source_host": "192.0.2.7",
             "action": "login", "outcome": "failure", "fields.eventName": "ConsoleLogin",
             "fields.sourceIPAddress": "192.0.2.7"},
        ),
        Sample(
            '{"eventVersion":"1.08","userIdentity":{"type":"AWSService"},"eventTime":'
            '"2017-08-23T06:15:38Z","eventSource":"ec2.amazonaws.com","eventName":'
            '"RunInstances","awsRegion":"us-east-1","sourceIPAddress":"autoscaling.amazonaws.com",'
            '"errorCode":null}',
            {"source_host": None, "action": "resource_create", "outcome": "success"},
        ),
    ),
    unpack=ArrayLines,
    about="AWS CloudTrail, an event a line or files of `Records`.",
)  # fmt: skip
GUARDDUTY = document(
    "guardduty",
    Document(
        keys=("schemaVersion accountId type resource. service. severity title",),
        columns={
            "time": ("service.eventlastseen", "updatedat"),
            "message": ("title",),
            "user_name": ("resource.accesskeydetails.username",),
            "source_host": (
                "service.action.networkconnectionaction.remoteipdetails.ipaddressv4",
                "service.action.awsapicallaction.remoteipdetails.ipaddressv4",
                "service.action.kubernetesapicallaction.remoteipdetails.ipaddressv4",
            ),
            "": ("severity",),
        },
        says={
            "action": (("type", {"*": "alert"}),),
            "severity": (("severity", {"10": "2", **alike("9* 10*", "2"), **alike("7* 8*", "3"),
                                       **alike("4* 5* 6*", "4"), **alike("1* 2* 3*", "5")}),),
        },
    ),
    (
        Sample(
            '{"schemaVersion":"2.0","accountId":"123456789012","type":"Recon:EC2/Portscan",'
            '"resource":{"resourceType":"Instance"},"service":{"serviceName":"guardduty",'
            '"eventLastSeen":"2017-08-23T06:15:38Z","action":{"networkConnectionAction":'
            '{"remoteIpDetails":{"ipAddressV4":"192.0.2.7"}}}},"severity":5.3,"title":'
            '"i-1 scans ports"}',
            {"time": "2017-08-23T06:15:38", "source_host": "192.0.2.7", "action": "alert",
             "severity": 4, "message": "i-1 scans ports", "fields.severity": "5.3"},
        ),
    ),
    about="Findings of Amazon GuardDuty.",
)  # fmt: skip
GCP = document(
    "gcpaudit",
    Document(
        keys=("protoPayload. logName resource.", "protoPayload. logName timestamp"),
        columns={
            "time": ("timestamp",),
            "user_name": ("protopayload.authenticationinfo.principalemail",),
        },
        parts={"source_host": (("protoPayload.requestMetadata.callerIp", ADDRESS),)},
        says={
            "action": (
                ("protoPayload.methodName",
                 {"createserviceaccount": "account_create",
                  "deleteserviceaccount": "account_delete",
                  "createserviceaccountkey": "credential_create",
                  "deleteserviceaccountkey": "credential_delete",
                  "accesssecretversion": "credential_access",
                  "setiampolicy": "permission_change", **VERBS}, r"([^.]+)$"),
            ),
            "outcome": (("protoPayload.status.code", {"": "success", "0": "success",
                                                      "*": "failure"}),),
        },
    ),
    (
        Sample(
            '{"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog",'
            '"authenticationInfo":{"principalEmail":"alice@example.com"},"requestMetadata":'
            '{"callerIp":"192.0.2.7"},"serviceName":"iam.googleapis.com","methodName":'
            '"google.iam.admin.v1.CreateServiceAccountKey","status":{"code":7}},"logName":'
            '"projects/x/logs/cloudaudit.googleapis.com%2Factivity","resource":{"type":'
            '"service_account"},"severity":"NOTICE","timestamp":"2017-08-23T06:15:38.5Z"}',
            {"time": "2017-08-23T06:15:38.500", "user_name": "alice@example.com",
             "source_host": "192.0.2.7", "action": "credential_create", "outcome": "failure",
             "severity": 5},
        ),
    ),
    about="Google Cloud's audit logs.",
)  # fmt: skip
GOOGLE = document(
    "gworkspace",
    Document(
        keys=("kind id.time actor. events",),
        columns={"time": ("id.time",), "user_name": ("actor.email",)},
        parts={"source_host": (("ipAddress", ADDRESS),)},
        says={
            "action": (
                ("events", {**alike("login_success login_failure login_challenge", "login"),
                            "logout": "logout", "password_edit": "password_change",
                            **alike("suspicious_login* account_disabled*", "alert"),
                            **VERBS}, r'"name":"(\w+)"'),
            ),
            "outcome": (("events", {"login_success": "success", "login_failure": "failure"},
                         r'"name":"(\w+)"'),),
        },
    ),
    (
        Sample(
            '{"kind":"admin#reports#activity","id":{"time":"2017-08-23T06:15:38.500Z",'
            '"applicationName":"login"},"actor":{"email":"bob@example.com"},"ipAddress":'
            '"192.0.2.7","events":[{"type":"login","name":"login_failure"}]}',
            {"time": "2017-08-23T06:15:38.500", "user_name": "bob@example.com",
             "source_host": "192.0.2.7", "action": "login", "outcome": "failure"},
        ),
    ),
    about="Google Workspace's activity reports.",
)  # fmt: skip
_ERRORS = {"0": "success", "*": "failure"}
ENTRA = document(
    "entraid",
    Document(
        keys=("userPrincipalName createdDateTime status. ipAddress appDisplayName",
              "category operationName time resultType properties.userPrincipalName"),
        columns={
            "time": ("createddatetime", "time"),
            "user_name": ("userprincipalname", "properties.userprincipalname"),
            "": ("level",),
        },
        parts={"source_host": (("ipAddress", ADDRESS), ("properties.ipAddress", ADDRESS),
                               ("callerIpAddress", ADDRESS))},
        says={
            "action": (("category", {"": "login", **alike("signinlogs managedidentitysigninlogs "
                                     "noninteractiveusersigninlogs serviceprincipalsigninlogs",
                                     "login")}),),
            "outcome": (("status.errorCode", _ERRORS), ("resultType", _ERRORS)),
        },
    ),
    (
        Sample(
            '{"createdDateTime":"2017-08-23T06:15:38Z","userPrincipalName":"bob@example.com",'
            '"appDisplayName":"Portal","ipAddress":"192.0.2.7","status":{"errorCode":50126,'
            '"failureReason":"Invalid username or password"},"conditionalAccessStatus":'
            '"notApplied"}',
            {"time": "2017-08-23T06:15:38", "user_name": "bob@example.com",
             "source_host": "192.0.2.7", "action": "login", "outcome": "failure"},
        ),
    ),
    aliases=("azuread",),
    unpack=ArrayLines,
    about="Sign-ins of Microsoft Entra ID (Azure AD), of Graph and of diagnostic settings.",
)  # fmt: skip
OFFICE = document(
    "office365",
    Document(
        keys=("CreationTime Operation Workload RecordType",
              "CreationTime Operation UserId Workload"),
        columns={"time": ("creationtime",), "user_name": ("userid",)},
        parts={"source_host": (("ClientIP", ADDRESS), ("ClientIPAddress", ADDRESS),
                               ("ActorIpAddress", ADDRESS))},
        says={
            "action": (
                ("Operation", {
                    **alike("userloggedin userloginfailed", "login"), "userloggedoff": "logout",
                    "fileaccessed*": "file_access", "filedownloaded": "file_download",
                    "fileuploaded": "file_upload", **alike("filedeleted* filerecycled",
                                                           "file_delete"),
                    **alike("filemodified* filerenamed filemoved", "file_change"),
                    "add user.": "account_create", "delete user.": "account_delete",
                    "update user.": "account_change", "disable account.": "account_lock",
                    **alike("new-inboxrule set-inboxrule set-mailbox updateinboxrules",
                            "config_change"),
                    **{f"{word} user password.": "password_change" for word in ("reset", "change")},
                    **dict.fromkeys(("add member to role.", "remove member from role.",
                                     "add-mailboxpermission", "consent to application."),
                                    "permission_change"),
                    **dict.fromkeys(("add member to group.", "remove member from group."),
                                    "group_change"),
                    **VERBS,
                }),
            ),
            "outcome": (
                ("Operation", {"userloggedin": "success", "userloginfailed": "failure"}),
                ("ResultStatus", {**alike("succeeded success true", "success"),
                                  **alike("failed failure false", "failure")}),
            ),
        },
    ),
    (
        Sample(
            '{"CreationTime":"2017-08-23T06:15:38","Id":"i1","Operation":"UserLoginFailed",'
            '"RecordType":15,"ResultStatus":"Success","UserId":"bob@example.com","Workload":'
            '"AzureActiveDirectory","ClientIP":"[2001:db8::7]:50122"}',
            {"time": "2017-08-23T06:15:38", "user_name": "bob@example.com", "action": "login",
             "source_host": "2001:db8::7", "outcome": "failure",
             "fields.Operation": "UserLoginFailed"},
        ),
        Sample(
            '{"CreationTime":"2017-08-23T06:15:38","Operation":"FileDownloaded","RecordType":6,'
            '"UserId":"bob@example.com","Workload":"SharePoint","ClientIP":"192.0.2.7:5012"}',
            {"action": "file_download", "source_host": "192.0.2.7"},
        ),
    ),
    unpack=ArrayLines,
    about="The unified audit log of Microsoft 365.",
)  # fmt: skip
OKTA = document(
    "okta",
    Document(
        keys=("eventType actor. outcome. published", "eventType actor. published uuid"),
        columns={
            "time": ("published",),
            "user_name": ("actor.alternateid",),
            "source_host": ("client.ipaddress",),
            "message": ("displaymessage",),
        },
        says={
            "action": (
                ("eventType", {
                    "user.session.start": "login", "user.session.end": "logout",
                    "user.authentication.sso": "authenticate", "user.authentication.*": "login",
                    "user.lifecycle.create*": "account_create",
                    "user.lifecycle.delete*": "account_delete",
                    **alike("user.lifecycle.suspend user.lifecycle.deactivate "
                            "user.account.lock*", "account_lock"),
                    **alike("user.lifecycle.activate* user.lifecycle.unsuspend "
                            "user.lifecycle.reactivate user.account.unlock*", "account_unlock"),
                    **alike("user.account.update_password user.account.reset_password",
                            "password_change"),
                    **alike("user.account.privilege.* group.privilege.*", "permission_change"),
                    "group.user_membership.*": "group_change", "policy.*": "policy_change",
                    "system.api_token.create": "credential_create",
                    "system.api_token.revoke": "credential_delete",
                    "user.mfa.*": "credential_change", "security.threat.*": "alert",
                    "*": "api_call",
                }),
            ),
            "outcome": (("outcome.result", {**alike("success allow", "success"),
                                            **alike("failure deny", "failure")}),),
        },
    ),
    (
        Sample(
            '{"uuid":"u1","published":"2017-08-23T06:15:38.500Z","eventType":'
            '"user.session.start","severity":"WARN","displayMessage":"User login to Okta",'
            '"actor":{"alternateId":"bob@example.com"},"client":{"ipAddress":"192.0.2.7"},'
            '"outcome":{"result":"FAILURE","reason":"INVALID_CREDENTIALS"}}',
            {"time": "2017-08-23T06:15:38.500", "user_name": "bob@example.com",
             "source_host": "192.0.2.7", "action": "login", "outcome": "failure", "severity": 4,
             "message": "User login to Okta", "fields.outcome.reason": "INVALID_CREDENTIALS"},
        ),
    ),
    about="Okta's system log.",
)  # fmt: skip
GITHUB = document(
    "github",
    Document(
        keys=("action actor created_at org", "action actor @timestamp created_at",
              "action actor created_at _document_id"),
        columns={
            "time": ("created_at", "@timestamp"),
            "user_name": ("actor",),
            "source_host": ("actor_ip",),
            "": ("user",),
        },
        says={
            "action": (
                ("action", {
                    **alike("org.add_member org.remove_member team.add_member team.remove_member",
                            "group_change"),
                    **alike("repo.add_member repo.remove_member repo.access org.update_member "
                            "team.add_repository", "permission_change"),
                    **alike("public_key.create personal_access_token.create "
                            "oauth_authorization.create", "credential_create"),
                    **alike("public_key.delete personal_access_token.delete", "credential_delete"),
                    **alike("git.clone git.fetch", "file_download"), "git.push": "file_upload",
                }),
                ("action", VERBS, r"\.([^.]+)$"),
                ("action", {"*": "api_call"}),
            ),
        },
    ),
    (
        Sample(
            '{"@timestamp":1503468938500,"action":"repo.destroy","actor":"bob","actor_ip":'
            '"192.0.2.7","created_at":1503468938500,"org":"example","repo":"example/x",'
            '"_document_id":"d1","user":"carol"}',
            {"time": "2017-08-23T06:15:38.500", "user_name": "bob", "source_host": "192.0.2.7",
             "action": "resource_delete", "fields.action": "repo.destroy", "fields.user": "carol"},
        ),
    ),
    about="GitHub's audit log.",
)  # fmt: skip
