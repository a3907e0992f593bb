"""What must be on, what is on, what is lost while it is off.

* state: what files say is set, and what decides a check on a host
* gather: files and folders to a State; policy_template, audit_csv, registry_export, registry_policy: one form each
* proof: what the trail itself shows: kinds of events seen, changes of auditing, losses, how far logs reach
* policy_effect: what a record of a changed audit policy means for a check
* verdict: proven, configured, unknown or absent, per host and check, over time
* policy_order: which group policies reach a domain controller, and which wins, as the directory links them
* sacl_state: which writes to each mailbox's object its SACL records; audit_entries: the entries that are asked for
* sacl_plan, sacl_write: the entries a live directory lacks, written over LDAP and taken back (extra `directory`)
* kit: the files that switch auditing on; kit_policy, kit_readme, kit_steps, templates/, scripts/: its parts
* event_filter, forwarding: which events to forward, and the subscriptions that do
"""
