<#
.SYNOPSIS
Collects what Exchange 2010 to Exchange Server SE can tell about rights, roles, audit settings and audit logs into one
folder, for `mailwitness import FOLDER`. It reads only: it changes no setting, no right and no mailbox.

.DESCRIPTION
Every run makes one folder <OutputDir>\<computer>-<time> with one CLIXML file for each cmdlet, the event logs of this
machine where asked for, and manifest.json, which says what was asked for, what came, and what did not. The folder is
written beside OutputDir (<OutputDir>.writing, on the same volume) and moved in as a whole when it is finished, so that
whoever watches OutputDir never sees half of it.

Run it again and again: a bookmark (<OutputDir>.writing\bookmark-<computer>.txt) keeps until when each log was read, and
the next run begins -OverlapHours before that. Records that come twice count once.

Roles needed: View-Only Audit Logs, View-Only Configuration, View-Only Recipients. Nothing more; in particular not
Organization Management. Security and MSExchange Management event logs need a member of Event Log Readers on this
machine. What a missing role hides is said in the manifest and is no error.

Run it in the Exchange Management Shell, or anywhere with -ConnectionUri (implicit remoting; the endpoint may be
constrained: no script runs there). The shell shows one domain only unless it was told otherwise; in a forest with
several domains say `Set-ADServerSettings -ViewEntireForest $true` before (it holds for the session only).

As a scheduled task:
  powershell.exe -NoProfile -NonInteractive -ExecutionPolicy AllSigned -File Collect-ExchangeEvidence.ps1
    -OutputDir D:\Evidence -ConnectionUri http://ex01.fabrik.example/PowerShell/
(the default, Kerberos, needs no password; sign the script, or give the policy your own).

.PARAMETER OutputDir
The folder that Mailwitness watches or that you import.
.PARAMETER StartDate
From when on the logs are read. Default: where the bookmark says, less -OverlapHours; without one -FirstDays back.
.PARAMETER EndDate
Until when the logs are read. Default: now.
.PARAMETER ResultSize
How many mailboxes are looked at: a number for a trial, or Unlimited.
.PARAMETER Folders
Whose permissions are read: Known (root, inbox, sent items, calendar, contacts, tasks, notes, deleted items), All, None.
.PARAMETER ConnectionUri
The PowerShell address of an Exchange server, where this is no Exchange Management Shell.
.PARAMETER EventLogs
Event logs of this machine to save as .evtx, if it has them.
.EXAMPLE
.\Collect-ExchangeEvidence.ps1 -OutputDir D:\Evidence -WhatIf
Lists what would be collected.
#>
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [Parameter(Mandatory = $true)][string]$OutputDir,
    [datetime]$StartDate,
    [datetime]$EndDate = (Get-Date),
    [string]$ResultSize = 'Unlimited',
    [ValidateSet('Known', 'All', 'None')][string]$Folders = 'Known',
    [string]$ConnectionUri,
    [string[]]$EventLogs = @('MSExchange Management', 'Security'),
    [int]$OverlapHours = 2,
    [int]$FirstDays = 90
)

# Windows PowerShell 2.0 (Exchange 2010) runs this too: no [ordered], no [pscustomobject], no -in, no ConvertTo-Json.
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop' # does not reach cmdlets that come from a session: they are told one by one
$ScriptVersion = '1.0'
$Cap = 250000 # most that Search-MailboxAuditLog and Search-AdminAuditLog give at once
$Commands = @(
    'Get-ADPermission', 'Get-ADServerSettings', 'Get-AdminAuditLogConfig', 'Get-ExchangeServer', 'Get-Group',
    'Get-LogonStatistics', 'Get-Mailbox', 'Get-MailboxAuditBypassAssociation', 'Get-MailboxDatabase',
    'Get-MailboxFolderPermission', 'Get-MailboxFolderStatistics', 'Get-MailboxPermission', 'Get-MailboxStatistics',
    'Get-ManagementRoleAssignment', 'Get-ManagementScope', 'Get-OrganizationConfig', 'Get-RoleGroup',
    'Get-RoleGroupMember', 'Get-User', 'Search-AdminAuditLog', 'Search-MailboxAuditLog'
)
$NotOfTheObject = @('RunspaceId', 'PSComputerName', 'PSShowComputerName') # of the session it came through
$KnownFolders = @('Root', 'Inbox', 'SentItems', 'Calendar', 'Contacts', 'Tasks', 'Notes', 'DeletedItems')

function Format-Instant {
    # ISO 8601 in UTC, whatever the culture of the machine
    param([datetime]$Time)
    $Time.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.fffZ', [System.Globalization.CultureInfo]::InvariantCulture)
}

function Format-JsonText {
    param([string]$Text)
    $parts = foreach ($character in $Text.ToCharArray()) {
        $code = [int]$character
        if ($code -eq 34 -or $code -eq 92 -or $code -lt 32 -or $code -gt 126) { '\u{0:x4}' -f $code } else { $character }
    }
    '"' + (@($parts) -join '') + '"'
}

function Format-Json {
    # ConvertTo-Json does not exist before PowerShell 3.0; a manifest holds texts, numbers, truths, lists and tables
    param($Value)
    if ($null -eq $Value) { return 'null' }
    if ($Value -is [bool]) { if ($Value) { return 'true' } else { return 'false' } }
    if ($Value -is [int]) { return $Value.ToString([System.Globalization.CultureInfo]::InvariantCulture) }
    if ($Value -is [hashtable]) {
        $members = foreach ($key in ($Value.Keys | Sort-Object)) { (Format-JsonText $key) + ': ' + (Format-Json $Value[$key]) }
        return '{' + (@($members) -join ', ') + '}'
    }
    if ($Value -is [array]) {
        $items = foreach ($item in $Value) { Format-Json $item }
        return "[`r`n  " + (@($items) -join ",`r`n  ") + "`r`n]"
    }
    Format-JsonText ([string]$Value)
}

function Add-Column {
    # What the cmdlet gave, with when and of what it was collected; -Whole: the list of that object is whole
    param(
        [Parameter(ValueFromPipeline = $true)]$InputObject,
        [hashtable]$Columns = @{},
        [switch]$Whole
    )
    begin {
        $all = @{ CollectedAt = (Format-Instant (Get-Date)); CollectedProduct = 'exchange' }
        if ($Whole) { $all['CollectedWhole'] = $true }
        foreach ($key in $Columns.Keys) { $all[$key] = $Columns[$key] }
    }
    process {
        $row = $InputObject | Select-Object -Property * -ExcludeProperty $NotOfTheObject
        foreach ($key in $all.Keys) { Add-Member -InputObject $row -MemberType NoteProperty -Name $key -Value $all[$key] -Force }
        $row
    }
}

function Get-Entry {
    # The entries of one object, or the word that it has none: the empty list is a finding too. $Names are the
    # properties by which an export of this cmdlet is known.
    param([hashtable]$Columns, [string[]]$Names = @(), [scriptblock]$Read)
    $entries = @(& $Read)
    if ($entries.Count -eq 0) {
        $row = New-Object -TypeName PSObject
        foreach ($name in $Names) { Add-Member -InputObject $row -MemberType NoteProperty -Name $name -Value $null }
        $entries = @($row)
    }
    $entries | Add-Column -Columns $Columns -Whole
}

function Add-Failure {
    param([string]$Export, [string]$Of, $ErrorRecord)
    $script:Failures[$Export] = [int]$script:Failures[$Export] + 1
    if (@($script:Errors).Count -lt 200) {
        $script:Errors += @{ Export = $Export; Of = $Of; Error = [string]$ErrorRecord }
    }
}

function Export-Evidence {
    # Runs $Read and writes what it gives as CLIXML: typed, streaming, the same in every culture
    param([string]$Name, [string[]]$Needs, [scriptblock]$Read)
    if (-not $script:Run.ShouldProcess($Name, 'Export')) { return }
    $missing = @($Needs | Where-Object { -not (Get-Command -Name $_ -ErrorAction SilentlyContinue) })
    if ($missing.Count -gt 0) {
        $script:Exports += @{ Name = $Name; Complete = $false; Error = 'not available to this account: ' + ($missing -join ', ') }
        return
    }
    $path = Join-Path -Path $script:Staging -ChildPath "$Name.xml"
    $script:Count = 0
    $script:Failures[$Name] = 0
    $said = $null
    try {
        & $Read | ForEach-Object { $script:Count++; $_ } | Export-Clixml -Path $path -Depth 4 -Encoding UTF8
    }
    catch {
        $said = [string]$_
    }
    $export = @{ Name = $Name; File = "$Name.xml"; Count = [int]$script:Count; Failed = [int]$script:Failures[$Name] }
    $export['Complete'] = ($null -eq $said) -and ($script:Failures[$Name] -eq 0)
    if ($said) { $export['Error'] = $said }
    if ((Test-Path -Path $path) -and (Get-Command -Name Get-FileHash -ErrorAction SilentlyContinue)) {
        $export['Sha256'] = (Get-FileHash -LiteralPath $path -Algorithm SHA256).Hash.ToLowerInvariant()
    }
    $script:Exports += $export
    Write-Verbose -Message ("{0}: {1}" -f $Name, $script:Count)
}

function Read-Bookmark {
    param([string]$Path)
    $marks = @{}
    if (Test-Path -Path $Path) {
        foreach ($line in (Get-Content -Path $Path)) {
            $name, $time = $line -split '=', 2
            if ($time) { $marks[$name] = [datetime]::Parse($time, [System.Globalization.CultureInfo]::InvariantCulture).ToUniversalTime() }
        }
    }
    $marks
}

function Get-Start {
    # Where a log is read from: what was asked for, else the bookmark less the overlap, else the first days
    param([string]$Log)
    if ($script:StartGiven) { return $StartDate.ToUniversalTime() }
    if ($script:Marks.ContainsKey($Log)) { return $script:Marks[$Log].AddHours(-$OverlapHours) }
    $EndDate.ToUniversalTime().AddDays(-$FirstDays)
}

function Search-Window {
    # A search that returns its cap may have left records out: its window is halved until no half does
    param([datetime]$From, [datetime]$To, [scriptblock]$Search)
    $found = @(& $Search $From $To)
    if ($found.Count -lt $Cap) { return $found }
    $half = ($To - $From).TotalSeconds / 2
    if ($half -lt 1) {
        Add-Failure -Export $script:Log -Of (Format-Instant $From) -ErrorRecord "more than $Cap records within two seconds"
        return $found
    }
    $middle = $From.AddSeconds($half)
    Search-Window -From $From -To $middle -Search $Search
    Search-Window -From $middle -To $To -Search $Search
}

function Save-EventLog {
    # wevtutil epl only reads the log; the window is in the query, so that files stay small
    param([string]$Log)
    if (-not $script:Run.ShouldProcess($Log, 'Save the event log')) { return }
    $ErrorActionPreference = 'Continue' # a program that writes to its error output is no reason to stop
    $name = 'EventLog-' + ($Log -replace '[^\w-]', '-')
    $file = "$name.evtx"
    & wevtutil.exe gl $Log 2>&1 | Out-Null
    if ($LASTEXITCODE -ne 0) { return } # this machine has no such log
    $from, $to = (Format-Instant (Get-Start $name)), (Format-Instant $EndDate)
    $query = "*[System[TimeCreated[@SystemTime>='$from' and @SystemTime<='$to']]]"
    $said = & wevtutil.exe epl $Log (Join-Path -Path $script:Staging -ChildPath $file) "/q:$query" 2>&1
    $export = @{ Name = $name; File = $file; From = $from; To = $to; Complete = ($LASTEXITCODE -eq 0) }
    if ($LASTEXITCODE -ne 0) { $export['Error'] = (@($said) -join ' ') } else { $script:Reached[$name] = $to }
    $script:Exports += $export
}

$Run = $PSCmdlet
$StartGiven = $PSBoundParameters.ContainsKey('StartDate')
$Exports = @()
$Errors = @()
$Failures = @{}
$Reached = @{}
$Log = ''
$Count = 0
$Began = Get-Date
$Computer = [string]$env:COMPUTERNAME
$OutputDir = $OutputDir.TrimEnd('\', '/')
$Writing = "$OutputDir.writing"
$Name = '{0}-{1}' -f $Computer, $Began.ToUniversalTime().ToString('yyyyMMddTHHmmssZ', [System.Globalization.CultureInfo]::InvariantCulture)
$Staging = Join-Path -Path $Writing -ChildPath $Name
$BookmarkPath = Join-Path -Path $Writing -ChildPath "bookmark-$Computer.txt"
$Marks = Read-Bookmark -Path $BookmarkPath

$Session = $null
if ($ConnectionUri) {
    $asked = $WhatIfPreference
    $WhatIfPreference = $false # connecting writes proxies of the cmdlets to a temporary folder
    $Session = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri $ConnectionUri -Authentication Kerberos
    Import-PSSession -Session $Session -CommandName $Commands -DisableNameChecking -AllowClobber | Out-Null
    $WhatIfPreference = $asked
}
if (-not (Get-Command -Name Get-Mailbox -ErrorAction SilentlyContinue)) {
    throw 'Get-Mailbox is not known here: run this in the Exchange Management Shell, or give -ConnectionUri.'
}
foreach ($folder in @($OutputDir, $Writing, $Staging)) {
    if (-not (Test-Path -Path $folder)) { New-Item -ItemType Directory -Path $folder | Out-Null }
}

try {
    # Lists first, loops after: a remote session runs one pipeline at a time, so no Exchange cmdlet may feed another.
    $databases = @()
    $homes = @{}
    Export-Evidence -Name 'Get-MailboxDatabase' -Needs 'Get-MailboxDatabase' -Read {
        $script:databases = @(Get-MailboxDatabase -ErrorAction Stop)
        foreach ($database in $script:databases) { $script:homes[[string]$database.Name] = [string]$database.DistinguishedName }
        $script:databases | Add-Column
    }
    $mailboxes = @()
    Export-Evidence -Name 'Get-Mailbox' -Needs 'Get-Mailbox' -Read {
        $script:mailboxes = @(Get-Mailbox -ErrorAction Stop -ResultSize $ResultSize)
        $at = Format-Instant (Get-Date) # one time for all: they came in one answer
        foreach ($mailbox in $script:mailboxes) {
            $of = $script:homes[[string]$mailbox.Database]
            $mailbox | Add-Column -Columns @{ CollectedAt = $at; CollectedDatabase = $of }
        }
    }
    Export-Evidence -Name 'Get-User' -Needs 'Get-User' -Read { Get-User -ErrorAction Stop -ResultSize Unlimited | Add-Column }
    Export-Evidence -Name 'Get-Group' -Needs 'Get-Group' -Read { Get-Group -ErrorAction Stop -ResultSize Unlimited | Add-Column }
    Export-Evidence -Name 'Get-AdminAuditLogConfig' -Needs 'Get-AdminAuditLogConfig' -Read { Get-AdminAuditLogConfig -ErrorAction Stop | Add-Column }
    Export-Evidence -Name 'Get-OrganizationConfig' -Needs 'Get-OrganizationConfig' -Read { Get-OrganizationConfig -ErrorAction Stop | Add-Column }
    Export-Evidence -Name 'Get-MailboxAuditBypassAssociation' -Needs 'Get-MailboxAuditBypassAssociation' -Read {
        Get-MailboxAuditBypassAssociation -ErrorAction Stop -ResultSize Unlimited | Add-Column
    }
    Export-Evidence -Name 'Get-ManagementRoleAssignment' -Needs 'Get-ManagementRoleAssignment' -Read {
        Get-ManagementRoleAssignment -ErrorAction Stop -GetEffectiveUsers | Add-Column -Whole
    }
    Export-Evidence -Name 'Get-ManagementScope' -Needs 'Get-ManagementScope' -Read {
        Get-ManagementScope -ErrorAction Stop | Add-Column
    }
    Export-Evidence -Name 'Get-RoleGroupMember' -Needs 'Get-RoleGroup', 'Get-RoleGroupMember' -Read {
        $at = Format-Instant (Get-Date)
        foreach ($group in @(Get-RoleGroup -ErrorAction Stop -ResultSize Unlimited)) {
            $of = @{
                CollectedAt = $at; RoleGroup = [string]$group.Name; RoleGroupGuid = [string]$group.Guid
                RoleGroupDistinguishedName = [string]$group.DistinguishedName
            }
            try { Get-Entry -Columns $of -Read { Get-RoleGroupMember -ErrorAction Stop -Identity ([string]$group.Guid) -ResultSize Unlimited } }
            catch { Add-Failure -Export 'Get-RoleGroupMember' -Of ([string]$group.Name) -ErrorRecord $_ }
        }
    }
    Export-Evidence -Name 'Get-MailboxPermission' -Needs 'Get-MailboxPermission' -Read {
        foreach ($mailbox in $script:mailboxes) {
            $id = [string]$mailbox.Guid
            try { Get-Entry -Columns @{ CollectedObject = $id } -Names 'User', 'AccessRights' -Read { Get-MailboxPermission -ErrorAction Stop -Identity $id } }
            catch { Add-Failure -Export 'Get-MailboxPermission' -Of $id -ErrorRecord $_ }
        }
    }
    Export-Evidence -Name 'Get-ADPermission' -Needs 'Get-ADPermission' -Read {
        $objects = @()
        foreach ($organization in @(Get-OrganizationConfig -ErrorAction Stop)) { $objects += @{ Of = [string]$organization.DistinguishedName; Scope = 'organization' } }
        foreach ($server in @(Get-ExchangeServer -ErrorAction Stop)) { $objects += @{ Of = [string]$server.DistinguishedName; Scope = 'server' } }
        foreach ($database in $script:databases) { $objects += @{ Of = [string]$database.DistinguishedName; Scope = 'database' } }
        foreach ($mailbox in $script:mailboxes) { $objects += @{ Of = [string]$mailbox.DistinguishedName; Scope = 'mailbox' } }
        foreach ($object in $objects) {
            $of = @{ CollectedObject = $object.Of; CollectedScope = $object.Scope }
            try { Get-Entry -Columns $of -Names 'User', 'ExtendedRights' -Read { Get-ADPermission -ErrorAction Stop -Identity $object.Of } }
            catch { Add-Failure -Export 'Get-ADPermission' -Of $object.Of -ErrorRecord $_ }
        }
    }
    if ($Folders -ne 'None') {
        Export-Evidence -Name 'Get-MailboxFolderPermission' -Needs 'Get-MailboxFolderPermission', 'Get-MailboxFolderStatistics' -Read {
            foreach ($mailbox in $script:mailboxes) {
                $id = [string]$mailbox.Guid
                try {
                    foreach ($folder in @(Get-MailboxFolderStatistics -ErrorAction Stop -Identity $id)) {
                        if ($Folders -eq 'Known' -and $KnownFolders -notcontains [string]$folder.FolderType) { continue }
                        $of = @{ CollectedObject = $id; CollectedFolder = [string]$folder.FolderPath }
                        $folderId = '{0}:{1}' -f $id, $folder.FolderId # names are localised and may hold slashes
                        Get-Entry -Columns $of -Names 'FolderName', 'User', 'AccessRights' -Read { Get-MailboxFolderPermission -ErrorAction Stop -Identity $folderId }
                    }
                }
                catch { Add-Failure -Export 'Get-MailboxFolderPermission' -Of $id -ErrorRecord $_ }
            }
        }
    }
    Export-Evidence -Name 'Get-MailboxStatistics' -Needs 'Get-MailboxStatistics' -Read {
        foreach ($database in $script:databases) {
            try { Get-MailboxStatistics -ErrorAction Stop -Database ([string]$database.Guid) | Add-Column }
            catch { Add-Failure -Export 'Get-MailboxStatistics' -Of ([string]$database.Name) -ErrorRecord $_ }
        }
    }
    Export-Evidence -Name 'Get-LogonStatistics' -Needs 'Get-LogonStatistics' -Read { # Exchange 2010 only
        foreach ($database in $script:databases) {
            try { Get-LogonStatistics -ErrorAction Stop -Database ([string]$database.Guid) | Add-Column }
            catch { Add-Failure -Export 'Get-LogonStatistics' -Of ([string]$database.Name) -ErrorRecord $_ }
        }
    }
    $Log = 'Search-AdminAuditLog'
    Export-Evidence -Name $Log -Needs $Log -Read {
        Search-Window -From (Get-Start $script:Log) -To $EndDate.ToUniversalTime() -Search {
            param($from, $to)
            Search-AdminAuditLog -ErrorAction Stop -StartDate $from -EndDate $to -ResultSize $Cap
        } | Add-Column
    }
    $Log = 'Search-MailboxAuditLog'
    Export-Evidence -Name $Log -Needs $Log -Read {
        $from = Get-Start $script:Log
        foreach ($mailbox in $script:mailboxes) {
            $id = [string]$mailbox.Guid
            try {
                Search-Window -From $from -To $EndDate.ToUniversalTime() -Search {
                    param($from, $to)
                    Search-MailboxAuditLog -ErrorAction Stop -Identity $id -ShowDetails -StartDate $from -EndDate $to -ResultSize $Cap
                } | Add-Column
            }
            catch { Add-Failure -Export 'Search-MailboxAuditLog' -Of $id -ErrorRecord $_ }
        }
    }
    $allMailboxes = @($Exports | Where-Object { $_.Name -eq 'Get-Mailbox' -and $_.Complete }).Count -gt 0 -and $ResultSize -eq 'Unlimited'
    foreach ($export in $Exports) {
        if ($export.Name -eq 'Search-MailboxAuditLog' -and -not $allMailboxes) { $export['Complete'] = $false } # not of all of them
        if ($export.Name -like 'Search-*') {
            $export['From'] = Format-Instant (Get-Start $export.Name)
            $export['To'] = Format-Instant $EndDate
            if ($export.Complete) { $Reached[$export.Name] = $export.To }
        }
    }
    foreach ($eventLog in $EventLogs) { Save-EventLog -Log $eventLog }

    if (-not $Run.ShouldProcess($OutputDir, 'Move the finished folder in')) { return }
    $forest = $null
    if (Get-Command -Name Get-ADServerSettings -ErrorAction SilentlyContinue) { $forest = [bool](Get-ADServerSettings -ErrorAction Stop).ViewEntireForest }
    $versions = @()
    if (Get-Command -Name Get-ExchangeServer -ErrorAction SilentlyContinue) {
        $versions = @(Get-ExchangeServer -ErrorAction Stop | ForEach-Object { '{0} {1}' -f $_.Name, $_.AdminDisplayVersion })
    }
    $manifest = @{
        CollectionManifest = 'Collect-ExchangeEvidence.ps1'; ScriptVersion = $ScriptVersion; Product = 'exchange'
        PowerShellVersion = [string]$PSVersionTable.PSVersion; ExchangeServers = $versions; ComputerName = $Computer
        UserName = [string]$env:USERNAME; CollectedAt = (Format-Instant $Began); StartedAt = (Format-Instant $Began); FinishedAt = (Format-Instant (Get-Date))
        EndDate = (Format-Instant $EndDate); ResultSize = $ResultSize; Folders = $Folders; ViewEntireForest = $forest
        Exports = $Exports; Errors = $Errors
    }
    Set-Content -Path (Join-Path -Path $Staging -ChildPath 'manifest.json') -Value (Format-Json $manifest) -Encoding UTF8
    Move-Item -Path $Staging -Destination (Join-Path -Path $OutputDir -ChildPath $Name)
    # The bookmark moves last: whatever fails before this line is read again by the next run.
    foreach ($mark in $Marks.Keys) { if (-not $Reached.ContainsKey($mark)) { $Reached[$mark] = Format-Instant $Marks[$mark] } }
    $lines = foreach ($mark in ($Reached.Keys | Sort-Object)) { '{0}={1}' -f $mark, $Reached[$mark] }
    Set-Content -Path "$BookmarkPath.new" -Value $lines -Encoding UTF8
    Move-Item -Path "$BookmarkPath.new" -Destination $BookmarkPath -Force
    Join-Path -Path $OutputDir -ChildPath $Name
}
finally {
    if ($Session) { Remove-PSSession -Session $Session -WhatIf:$false }
}
