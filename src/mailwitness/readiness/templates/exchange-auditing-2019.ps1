# Exchange 2010 to SE: shows which mailboxes and cmdlets are not audited; -Apply switches it on and keeps what was set in
# audit-before.xml; -Undo shows, -Undo -Apply sets that again. In the Exchange Management Shell, once.
param([switch]$Apply, [switch]$Undo, [string]$Before = "audit-before.xml", [int]$AgeLimitDays = 90)

$admin = @(@AUDIT_ADMIN@)
$delegate = @(@AUDIT_DELEGATE@)
$kept = @("Guid", "PrimarySmtpAddress", "AuditEnabled", "AuditAdmin", "AuditDelegate", "AuditLogAgeLimit")
# Exchange 2010 has no list of cmdlets that are left out
$hasExclusions = (Get-Command Set-AdminAuditLogConfig).Parameters.ContainsKey("AdminAuditLogExcludedCmdlets")

if ($Undo) {
    $was = Import-Clixml -Path $Before
    foreach ($row in @($was.Mailboxes)) {
        Set-Mailbox -Identity ([string]$row.Guid) -AuditEnabled ([bool]$row.AuditEnabled) -AuditAdmin @($row.AuditAdmin) -AuditDelegate @($row.AuditDelegate) -AuditLogAgeLimit ([string]$row.AuditLogAgeLimit) -WhatIf:(-not $Apply)
    }
    $excluded = @{}
    if ($hasExclusions) { $excluded["AdminAuditLogExcludedCmdlets"] = @($was.Config.AdminAuditLogExcludedCmdlets) }
    Set-AdminAuditLogConfig -AdminAuditLogEnabled ([bool]$was.Config.AdminAuditLogEnabled) -AdminAuditLogCmdlets @($was.Config.AdminAuditLogCmdlets) -AdminAuditLogParameters @($was.Config.AdminAuditLogParameters) -WhatIf:(-not $Apply) @excluded
    return
}

function Test-Lacking($mailbox) {
    # True where a mailbox is not audited, not for these acts, or its records are kept for less than asked
    if (-not $mailbox.AuditEnabled) { return $true }
    foreach ($act in $admin) { if (@($mailbox.AuditAdmin) -notcontains $act) { return $true } }
    foreach ($act in $delegate) { if (@($mailbox.AuditDelegate) -notcontains $act) { return $true } }
    ([TimeSpan][string]$mailbox.AuditLogAgeLimit).TotalDays -lt $AgeLimitDays
}

$config = Get-AdminAuditLogConfig
$config | Select-Object -Property @("AdminAuditLogEnabled", "AdminAuditLogCmdlets", "AdminAuditLogParameters", "AdminAuditLogExcludedCmdlets", "LogLevel", "AdminAuditLogAgeLimit")
$lacking = @(Get-Mailbox -ResultSize Unlimited | Where-Object { Test-Lacking $_ })
if ($Apply -and -not (Test-Path -Path $Before)) {
    @{ Mailboxes = @($lacking | Select-Object -Property $kept); Config = $config } | Export-Clixml -Path $Before -Depth 3
}
foreach ($mailbox in $lacking) {
    $days = [Math]::Max(([TimeSpan][string]$mailbox.AuditLogAgeLimit).TotalDays, $AgeLimitDays)
    Set-Mailbox -Identity ([string]$mailbox.Guid) -AuditEnabled $true -AuditAdmin @{ Add = $admin } -AuditDelegate @{ Add = $delegate } -AuditLogAgeLimit ([TimeSpan]::FromDays($days)) -WhatIf:(-not $Apply)
}
$excluded = @{}
if ($hasExclusions) { $excluded["AdminAuditLogExcludedCmdlets"] = $null }
Set-AdminAuditLogConfig -AdminAuditLogEnabled $true -AdminAuditLogCmdlets "*" -AdminAuditLogParameters "*" -WhatIf:(-not $Apply) @excluded

# Whoever is listed here leaves no mailbox audit record anywhere; Set-MailboxAuditBypassAssociation takes it back:
Get-MailboxAuditBypassAssociation -ResultSize Unlimited | Where-Object { $_.AuditBypassEnabled } |
    Select-Object -Property @("Name", "WhenChanged")
