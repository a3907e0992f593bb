# Exchange 2007 SP2: shows the levels of access auditing on this server, and with -Apply raises them to High.
# -Apply -Level Lowest switches it off again. Run in the Exchange Management Shell, on every mailbox server.
param([switch]$Apply, [string]$Level = "High", [string]$Server = $env:COMPUTERNAME)

foreach ($category in @("Folder Access", "Message Access", "Extended Send As", "Extended Send On Behalf Of")) {
    $name = "$Server\MSExchangeIS\9000 Private\$category"
    Get-EventLogLevel -Identity $name
    if ($Apply) { Set-EventLogLevel -Identity $name -Level $Level }
}
if (-not $Apply) { Write-Output "Nothing was changed; -Apply changes it." }
