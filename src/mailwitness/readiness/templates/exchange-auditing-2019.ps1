# Exchange 2010 to SE: shows which mailboxes are not audited, and with -Apply switches mailbox and administrator
# auditing on. What was set before is written to audit-before.csv; -Undo -Apply sets the mailboxes back by it.
param([switch]$Apply, [switch]$Undo, [string]$Before = "audit-before.csv")

if ($Undo) {
    foreach ($row in (Import-Csv -Path $Before)) {
        $was = $row.AuditEnabled -eq "True"
        Set-Mailbox -Identity $row.Guid -AuditEnabled $was -WhatIf:(-not $Apply)
    }
    return
}
$mailboxes = @(Get-Mailbox -ResultSize Unlimited | Where-Object { -not $_.AuditEnabled })
if ($Apply -and -not (Test-Path -Path $Before)) {
    $mailboxes | Select-Object -Property @("Guid", "PrimarySmtpAddress", "AuditEnabled") | Export-Csv -Path $Before -NoTypeInformation
}
foreach ($mailbox in $mailboxes) {
    Set-Mailbox -Identity ([string]$mailbox.Guid) -AuditEnabled $true -WhatIf:(-not $Apply)
}
Get-AdminAuditLogConfig | Select-Object -Property @("AdminAuditLogEnabled", "AdminAuditLogCmdlets", "AdminAuditLogParameters")
Set-AdminAuditLogConfig -AdminAuditLogEnabled $true -AdminAuditLogCmdlets "*" -AdminAuditLogParameters "*" -WhatIf:(-not $Apply)

# Whoever is listed here leaves no mailbox audit record anywhere:
Get-MailboxAuditBypassAssociation -ResultSize Unlimited | Where-Object { $_.AuditBypassEnabled } |
    Select-Object -Property @("Name", "WhenChanged")
