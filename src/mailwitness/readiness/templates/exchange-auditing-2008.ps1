# Exchange 2007 SP2: shows the levels of access auditing on this server; -Apply raises them to High and keeps what was
# set in auditing-before.csv; -Undo shows, -Undo -Apply sets that again. In the Exchange Management Shell, on every
# mailbox server.
param([switch]$Apply, [switch]$Undo, [string]$Before = "auditing-before.csv", [string]$Server = $env:COMPUTERNAME)

$names = @()
foreach ($category in @("Folder Access", "Message Access", "Extended Send As", "Extended Send On Behalf Of")) {
    $names += "$Server\MSExchangeIS\9000 Private\$category"
}
if ($Undo) {
    foreach ($row in @(Import-Csv -Path $Before)) {
        Write-Output "$($row.Identity): $($row.EventLevel)"
        if ($Apply) { Set-EventLogLevel -Identity $row.Identity -Level $row.EventLevel }
    }
} else {
    $levels = @($names | ForEach-Object { Get-EventLogLevel -Identity $_ } | Select-Object -Property @("Identity", "EventLevel"))
    $levels
    if ($Apply -and -not (Test-Path -Path $Before)) { $levels | Export-Csv -Path $Before -NoTypeInformation }
    foreach ($name in $names) {
        if ($Apply) { Set-EventLogLevel -Identity $name -Level High }
    }
}
if (-not $Apply) { Write-Output "Nothing was changed; -Apply changes it." }
