# Shows, and with -Apply makes, the account that collects: a group managed service account (no password to keep) that
# may read event logs of domain controllers and nothing else. -Remove shows, -Remove -Apply takes it away again.
# Windows 2012 and later with the module ActiveDirectory, as an administrator of the domain. -Computer is the machine
# that collects. The domain needs a KDS root key (Get-KdsRootKey); make one with Add-KdsRootKey if there is none.
param([Parameter(Mandatory = $true)][string]$Computer, [string]$Name = "mailwitness", [switch]$Apply, [switch]$Remove)

Import-Module ActiveDirectory
$readers = "@EVENT_LOG_READERS@" # Event Log Readers
if ($Remove) {
    $account = Get-ADServiceAccount -Identity $Name
    Remove-ADGroupMember -Identity $readers -Members $account -Confirm:$false -WhatIf:(-not $Apply)
    Remove-ADServiceAccount -Identity $Name -Confirm:$false -WhatIf:(-not $Apply)
    return
}
$machine = Get-ADComputer -Identity $Computer
$domain = (Get-ADDomain).DNSRoot
New-ADServiceAccount -Name $Name -DNSHostName "$Name.$domain" -PrincipalsAllowedToRetrieveManagedPassword $machine -WhatIf:(-not $Apply)
if ($Apply) {
    $account = Get-ADServiceAccount -Identity $Name
    Add-ADGroupMember -Identity $readers -Members $account
    Write-Output "On ${Computer}: Install-ADServiceAccount $Name; then use the account DOMAIN\$Name`$ without a password."
} else {
    Write-Output "It would become a member of the group $readers (Event Log Readers). Nothing was changed; -Apply changes it."
}
