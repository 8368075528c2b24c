"""The tables in which siemtrigger keeps what it knows, beside those of events and alerts."""

from __future__ import annotations

MATCHES = "SiemMatches"
"""Events that a feed is about; see `rules.matches`."""
ALERT_LOG = "SiemAlertLog"
"""What became of alerts after they opened; the newest row of an alert counts."""
NOTIFIED = "SiemNotified"
"""Who was told of which alerts; see `notify.ledger`."""
RULE_SETS = "SiemRuleSets"
"""Which rules and feeds have a position together; see `rules.sets`."""
OWN = frozenset({MATCHES, ALERT_LOG, NOTIFIED, RULE_SETS})
