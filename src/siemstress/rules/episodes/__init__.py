"""Windows over matches: which runs of events make a rule's condition true, group by group."""
