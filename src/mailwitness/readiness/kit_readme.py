"""The kit's README: what to do in which order, what it costs, and how to undo each step."""

from __future__ import annotations

from mailwitness.knowledge.audit_settings import Generation, audit_settings

_STEPS: dict[str, tuple[str, str, str]] = {
    "audit-policy.inf": (
        "Audit policy and size of the Security log",
        (
            "Keep a backup of the Default Domain Controllers Policy (Group Policy Management, Back Up). Edit "
            "the policy: Computer Configuration, Windows Settings, Security Settings, Import Policy, "
            "audit-policy.inf. On a single machine without the policy: `secedit /configure /db audit.sdb /cfg"
            " audit-policy.inf /areas SECURITYPOLICY`. Then `gpupdate /force` (Windows 2000: `secedit "
            "/refreshpolicy machine_policy`)."
        ),
        "Restore the backup of the policy.",
    ),
    "audit.csv": (
        "Subcategories by group policy (Windows 2008 R2 and later)",
        (
            "Edit the Default Domain Controllers Policy: Advanced Audit Policy Configuration, Import "
            "Settings, audit.csv. Import replaces what is set there: merge by hand where something is."
        ),
        "Import the settings you exported before, or set each to Not Configured.",
    ),
    "audit-policy.cmd": (
        "Subcategories by script (Windows 2008, which has no group policy for them)",
        "On each domain controller: `audit-policy.cmd` shows, `audit-policy.cmd apply` sets, keeping the state before.",
        "`auditpol /restore /file:audit-before.csv`",
    ),
    "Set-MailboxSacl.ps1": (
        "Audit entries (SACLs) in Active Directory",
        (
            "As a domain administrator: `.\\Set-MailboxSacl.ps1` shows before and after, `-Apply` writes. "
            "Without these entries the audit policy alone records nothing of permissions."
        ),
        "`.\\Set-MailboxSacl.ps1 -Remove -Apply`",
    ),
    "SetMailboxSacl.vbs": (
        "Audit entries (SACLs) in Active Directory",
        (
            "As a domain administrator: `cscript SetMailboxSacl.vbs` shows, `cscript SetMailboxSacl.vbs "
            "apply` writes. By hand: Active Directory Users and Computers, View, Advanced Features; "
            "properties of the domain, Security, Advanced, Auditing, Add, Everyone; apply onto User objects; "
            "Modify Permissions and Modify Owner, successful and failed; then Properties, the attributes "
            "listed in the script. dsacls can only show these entries."
        ),
        "`cscript SetMailboxSacl.vbs remove`",
    ),
    "exchange-diagnostics.reg": (
        "Diagnostics of the Exchange store (experimental: names of the values are not documented)",
        (
            "First `reg export HKLM\\SYSTEM\\CurrentControlSet\\Services\\MSExchangeIS\\Diagnostics "
            "before.reg`. Better set it by hand: Exchange System Manager, server, Properties, Diagnostics "
            "Logging, MSExchangeIS, Mailbox, categories Logons and Access Control, Maximum. Or import the "
            "file on every Exchange server."
        ),
        "`reg import before.reg`",
    ),
    "exchange-auditing.ps1": (
        "Auditing of Exchange",
        "In the Exchange Management Shell: `.\\exchange-auditing.ps1` shows, `-Apply` sets.",
        "Exchange 2007: `-Apply -Level Lowest`. Exchange 2010 and later: `-Undo -Apply` for mailboxes.",
    ),
    "exchange-online-auditing.ps1": (
        "Auditing of Exchange Online",
        "`Connect-ExchangeOnline`, then `.\\exchange-online-auditing.ps1` shows, `-Apply` sets.",
        "`.\\exchange-online-auditing.ps1 -Apply -Off`",
    ),
    "forwarding/domain-controllers.xml": (
        "Forwarding of exactly the events that are read",
        (
            "On the collector: `wecutil qc`, then `wecutil cs forwarding\\domain-controllers.xml` and the "
            "same for exchange-servers.xml. By group policy give the servers the collector's address "
            "(Administrative Templates, Event Forwarding, Configure target Subscription Manager) and let "
            "NETWORK SERVICE read the Security log (add it to Event Log Readers). The files "
            "collector-initiated.xml do it the other way round. OpenWEC: `openwec subscriptions load` with "
            "the .toml files."
        ),
        '`wecutil ds "Mailwitness domain-controllers"` and `wecutil ds "Mailwitness exchange-servers"`',
    ),
}


def readme(generation: Generation, names: list[str]) -> str:
    """Return the README of a kit that holds the files `names`."""
    settings = audit_settings()
    lines = [f"# Switch auditing on: generation {generation}", ""]
    lines += ["Every script shows first and changes only when told to. Do the steps in this order.", ""]
    number = 0
    for name, (title, doing, undo) in _STEPS.items():
        if name in names:
            number += 1
            lines += [f"## {number}. {title}: {name}", doing, "", f"Undo: {undo}", ""]
    if generation == "2003":
        lines += [
            "## Collecting",
            "Event forwarding does not reach Windows 2000 and 2003. Save the logs as .evt and import those files.",
            "",
        ]
    lines += ["## What each setting is for", "| setting | question | lost without it | mark |", "|---|---|---|---|"]
    lines += [f"| {c.title} | {c.question} | {c.lost} | {c.mark} |" for c in settings.checks_of(generation)]
    size = settings.event_logs.get(generation)
    if size is not None:
        note = f" ({size.note})" if size.note else ""
        lines += ["", f"Size of the Security log: {size.size_mb} MB{note}."]
    lines += ["", "## Common errors"]
    lines += [f"* {each.claim} {each.truth} ({each.source})" for each in settings.corrections]
    lines += ["", "Then see what is covered: `mailwitness coverage --trail DIR --state SYSVOL`.", ""]
    return "\n".join(lines)
