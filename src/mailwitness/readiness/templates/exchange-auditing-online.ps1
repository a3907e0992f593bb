# Exchange Online: shows whether the organization's mailbox auditing is on, and with -Apply switches it on.
# -Apply -Off sets it back. Connect-ExchangeOnline first.
param([switch]$Apply, [switch]$Off)

Get-OrganizationConfig | Select-Object -Property "AuditDisabled"
Get-AdminAuditLogConfig | Select-Object -Property "UnifiedAuditLogIngestionEnabled"
if ($Apply) {
    Set-OrganizationConfig -AuditDisabled ([bool]$Off)
    Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled (-not $Off)
} else {
    Write-Output "Nothing was changed; -Apply changes it."
}

# Whoever is listed here leaves no mailbox audit record anywhere:
Get-MailboxAuditBypassAssociation -ResultSize Unlimited | Where-Object { $_.AuditBypassEnabled } |
    Select-Object -Property @("Name", "WhenChanged")
