# Exchange Online: shows whether the organization's mailbox auditing is on; -Apply switches it on and keeps what was set
# in audit-before.xml; -Undo shows, -Undo -Apply sets that again. Connect-ExchangeOnline first.
param([switch]$Apply, [switch]$Undo, [string]$Before = "audit-before.xml")

if ($Undo) {
    $was = Import-Clixml -Path $Before
    $was
    if ($Apply) {
        Set-OrganizationConfig -AuditDisabled ([bool]$was.AuditDisabled)
        Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled ([bool]$was.UnifiedAuditLogIngestionEnabled)
    } else {
        Write-Output "Nothing was changed; -Apply changes it."
    }
    return
}
$now = @{
    AuditDisabled = [bool](Get-OrganizationConfig).AuditDisabled
    UnifiedAuditLogIngestionEnabled = [bool](Get-AdminAuditLogConfig).UnifiedAuditLogIngestionEnabled
}
$now
if ($Apply) {
    if (-not (Test-Path -Path $Before)) { $now | Export-Clixml -Path $Before }
    Set-OrganizationConfig -AuditDisabled $false
    Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled $true
} else {
    Write-Output "Nothing was changed; -Apply changes it."
}

# A list of audited acts that somebody changed is not kept up to date by the service (DefaultAuditSet says which are):
Get-EXOMailbox -ResultSize Unlimited -Properties @("DefaultAuditSet", "AuditEnabled") | Where-Object { @($_.DefaultAuditSet).Count -lt 3 } |
    Select-Object -Property @("PrimarySmtpAddress", "AuditEnabled", "DefaultAuditSet")

# Whoever is listed here leaves no mailbox audit record anywhere; Set-MailboxAuditBypassAssociation takes it back:
Get-MailboxAuditBypassAssociation -ResultSize Unlimited | Where-Object { $_.AuditBypassEnabled } |
    Select-Object -Property @("Name", "WhenChanged")
