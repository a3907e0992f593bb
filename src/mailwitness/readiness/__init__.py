"""What must be on, what is on, what is lost while it is off.

* state: what files say is set, and what decides a check on a host
* gather: files and folders to a State; policy_template, audit_csv, registry_export, registry_policy: one form each
* proof: what the trail itself shows: kinds of events seen, changes of auditing, losses, how far logs reach
* policy_effect: what a record of a changed audit policy means for a check
* spans: verdicts as runs of time; host_log: one check on one host over time; subjects: which checks are asked of whom
* hosts: which hosts there are, and which nobody heard of; people: whose a record is, by whatever name
* switches: Exchange's own switches over time; sacl_readings: what objects' audit entries record, as read
* verdict: proven, configured, unknown or absent, per host and check, over time
* mailboxes, mailbox_score: what is known of each mailbox alone, and the share of the time that is covered
* survey: all of it, as the verb coverage tells it; answer_coverage: the part that stands beside every other answer
* clocks, log_settings: how far clocks are apart; whether the Security log keeps what it should
* policy_order: which group policies reach a domain controller, and which wins, as the directory links them
* sacl_state: which writes to each mailbox's object its SACL records; audit_entries: the entries that are asked for
* sacl_plan, sacl_write: the entries a live directory lacks, written over LDAP and taken back (extra `directory`)
* kit: the files that switch auditing on; kit_policy, kit_readme, kit_steps, templates/, scripts/: its parts
* event_filter, forwarding: which events to forward, and the subscriptions that do
"""
