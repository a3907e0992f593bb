# Shows, and with -Apply makes, the role group of the account that collects: it may look at recipients, configuration and
# audit logs, and change nothing. -Remove shows, -Remove -Apply takes it away again.
# In the Exchange Management Shell (Exchange 2010 to SE), or after Connect-ExchangeOnline.
param([Parameter(Mandatory = $true)][string]$Member, [string]$Name = "Mailwitness Collectors", [switch]$Apply, [switch]$Remove)

$roles = @("View-Only Audit Logs", "View-Only Configuration", "View-Only Recipients")
if ($Remove) {
    Remove-RoleGroup -Identity $Name -Confirm:$false -WhatIf:(-not $Apply)
    return
}
New-RoleGroup -Name $Name -Roles $roles -Members $Member -Description "Reads what Mailwitness imports" -WhatIf:(-not $Apply)
if (-not $Apply) { Write-Output "Nothing was changed; -Apply changes it." }
