<#
.SYNOPSIS
Collects what Exchange Online can tell about rights, roles, audit settings and the unified audit log into one folder,
for `mailwitness import FOLDER`. It reads only: it changes no setting, no right and no mailbox.

.DESCRIPTION
Every run makes one folder <OutputDir>\<tenant>-<time>: one CLIXML file for each cmdlet, the records of the unified audit
log as JSON, one a line, and manifest.json, which says what was asked for, what came, and what did not. The folder is
written beside OutputDir (<OutputDir>.writing, on the same volume) and moved in as a whole when it is finished, so that
whoever watches OutputDir never sees half of it.

Run it again and again: a bookmark (<OutputDir>.writing\bookmark-<tenant>.txt) keeps until when each kind of record was
read, and the next run begins -OverlapHours before that, for records arrive up to a day late and in no order. Records
that come twice count once.

The unified audit log gives 5,000 records a page and 50,000 a search. A search that would give more is halved in time
until it does not; pages are asked for until none comes; a search that ends with fewer records than it announced is
made again, and what stays short is said in the manifest. Not used, because Exchange Online has retired them:
Search-MailboxAuditLog, New-MailboxAuditLogSearch, Search-AdminAuditLog.

Needs the module ExchangeOnlineManagement 3.0 or later. Roles needed: View-Only Audit Logs, View-Only Configuration,
View-Only Recipients, in a role group of its own for the application; not Global Reader, not Organization Management.
Certificate: an app registration with Exchange.ManageAsApp, its certificate in the store of the account that runs this.

As a scheduled task:
  powershell.exe -NoProfile -NonInteractive -ExecutionPolicy AllSigned -File Collect-ExchangeOnlineEvidence.ps1
    -OutputDir D:\Evidence -Organization fabrik.onmicrosoft.com -AppId <id> -CertificateThumbprint <thumbprint>

.PARAMETER OutputDir
The folder that Mailwitness watches or that you import.
.PARAMETER Organization
The tenant's .onmicrosoft.com name, with -AppId and -CertificateThumbprint or -ManagedIdentity. Without it you are asked
to sign in.
.PARAMETER StartDate
From when on the unified audit log is read. Default: where the bookmark says, less -OverlapHours; without one -FirstDays.
.PARAMETER EndDate
Until when it is read. Default: now.
.PARAMETER ResultSize
How many mailboxes are looked at: a number for a trial, or Unlimited.
.PARAMETER Folders
Whose permissions are read: Known (root, inbox, sent items, calendar, contacts, tasks, notes, deleted items), All, None.
.PARAMETER RecordTypes
Kinds of records that are read. Role assignments to applications are AzureActiveDirectory.
.EXAMPLE
.\Collect-ExchangeOnlineEvidence.ps1 -OutputDir D:\Evidence -WhatIf
Lists what would be collected.
#>
[CmdletBinding(SupportsShouldProcess = $true, DefaultParameterSetName = 'Person')]
param(
    [Parameter(Mandatory = $true)][string]$OutputDir,
    [Parameter(Mandatory = $true, ParameterSetName = 'Certificate')]
    [Parameter(Mandatory = $true, ParameterSetName = 'ManagedIdentity')][string]$Organization,
    [Parameter(Mandatory = $true, ParameterSetName = 'Certificate')][string]$AppId,
    [Parameter(Mandatory = $true, ParameterSetName = 'Certificate')][string]$CertificateThumbprint,
    [Parameter(Mandatory = $true, ParameterSetName = 'ManagedIdentity')][switch]$ManagedIdentity,
    [datetime]$StartDate,
    [datetime]$EndDate = (Get-Date),
    [string]$ResultSize = 'Unlimited',
    [ValidateSet('Known', 'All', 'None')][string]$Folders = 'Known',
    [string[]]$RecordTypes = @(
        'ExchangeAdmin', 'ExchangeItem', 'ExchangeItemGroup', 'ExchangeItemAggregated', 'ExchangeAggregatedOperation',
        'ExchangeSearch', 'AzureActiveDirectory', 'SecurityComplianceCenterEOPCmdlet'
    ),
    [int]$OverlapHours = 48,
    [int]$FirstDays = 30
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop' # does not reach cmdlets that come from a session: they are told one by one
$ScriptVersion = '1.0'
$Page = 5000 # most that Search-UnifiedAuditLog gives at once
$Cap = 50000 # most that one of its sessions gives in all
$Tries = 3
$Commands = @(
    'Get-AdminAuditLogConfig', 'Get-ApplicationAccessPolicy', 'Get-Group', 'Get-Mailbox', 'Get-MailboxAuditBypassAssociation',
    'Get-MailboxFolderPermission', 'Get-MailboxFolderStatistics', 'Get-MailboxPermission',
    'Get-ManagementRoleAssignment', 'Get-ManagementScope', 'Get-OrganizationConfig', 'Get-RecipientPermission',
    'Get-RoleGroup', 'Get-RoleGroupMember', 'Get-User', 'Search-UnifiedAuditLog'
)
$NotOfTheObject = @('RunspaceId', 'PSComputerName', 'PSShowComputerName') # of the session it came through
$KnownFolders = @('Root', 'Inbox', 'SentItems', 'Calendar', 'Contacts', 'Tasks', 'Notes', 'DeletedItems')

function Format-Instant {
    # ISO 8601 in UTC, whatever the culture of the machine
    param([datetime]$Time)
    $Time.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.fffZ', [System.Globalization.CultureInfo]::InvariantCulture)
}

function Add-Column {
    # What the cmdlet gave, with when and of what it was collected; -Whole: the list of that object is whole
    param(
        [Parameter(ValueFromPipeline = $true)]$InputObject,
        [hashtable]$Columns = @{},
        [switch]$Whole
    )
    begin {
        $all = @{ CollectedAt = (Format-Instant (Get-Date)); CollectedProduct = 'exchange_online' }
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

function Add-Export {
    # One line of the manifest
    param([string]$Name, [string]$File, $Said, [hashtable]$More = @{})
    $export = @{ Name = $Name; File = $File; Count = [int]$script:Count; Failed = [int]$script:Failures[$Name] }
    $export['Complete'] = ($null -eq $Said) -and ($script:Failures[$Name] -eq 0)
    if ($Said) { $export['Error'] = [string]$Said }
    foreach ($key in $More.Keys) { $export[$key] = $More[$key] }
    $path = Join-Path -Path $script:Staging -ChildPath $File
    if (Test-Path -Path $path) { $export['Sha256'] = (Get-FileHash -LiteralPath $path -Algorithm SHA256).Hash.ToLowerInvariant() }
    $script:Exports += $export
    Write-Verbose -Message ("{0}: {1}" -f $Name, $script:Count)
    $export
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
    $script:Count = 0
    $script:Failures[$Name] = 0
    $said = $null
    try {
        & $Read | ForEach-Object { $script:Count++; $_ } |
            Export-Clixml -Path (Join-Path -Path $script:Staging -ChildPath "$Name.xml") -Depth 4 -Encoding UTF8
    }
    catch {
        $said = $_
    }
    Add-Export -Name $Name -File "$Name.xml" -Said $said | Out-Null
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
    # Where records are read from: what was asked for, else the bookmark less the overlap, else the first days
    param([string]$Kind)
    if ($script:StartGiven) { return $StartDate.ToUniversalTime() }
    if ($script:Marks.ContainsKey($Kind)) { return $script:Marks[$Kind].AddHours(-$OverlapHours) }
    $EndDate.ToUniversalTime().AddDays(-$FirstDays)
}

function Search-Session {
    # All pages of one search, to the pipeline. Returns nothing and sets $script:Announced where it is too large.
    param([datetime]$From, [datetime]$To, [string]$RecordType)
    $session = [string][guid]::NewGuid()
    $script:Announced = 0
    $script:Received = 0
    do {
        $found = @(Search-UnifiedAuditLog -ErrorAction Stop -StartDate $From -EndDate $To -RecordType $RecordType -SessionId $session -SessionCommand ReturnLargeSet -ResultSize $Page)
        if ($found.Count -gt 0 -and $script:Announced -eq 0) {
            $script:Announced = [int]$found[0].ResultCount
            # The cap itself is suspicious: the service announces no more than it gives.
            if ($script:Announced -ge $Cap -and ($To - $From).TotalSeconds -ge 2) { return }
        }
        $script:Received += $found.Count
        foreach ($record in $found) { $record.AuditData }
    } while ($found.Count -gt 0)
}

function Search-Window {
    # The records of a window, halved where it is too large, asked for again where it came short
    param([datetime]$From, [datetime]$To, [string]$RecordType)
    $said = ''
    for ($try = 1; $try -le $Tries; $try++) {
        try {
            Search-Session -From $From -To $To -RecordType $RecordType # what comes twice counts once
            $said = ''
        }
        catch {
            $said = [string]$_
            $script:Received = -1
        }
        if ($script:Announced -ge $Cap -and $script:Received -eq 0) {
            $middle = $From.AddSeconds(($To - $From).TotalSeconds / 2)
            Search-Window -From $From -To $middle -RecordType $RecordType
            Search-Window -From $middle -To $To -RecordType $RecordType
            return
        }
        if (-not $said -and $script:Announced -lt $Cap -and $script:Received -ge $script:Announced) { return }
        if ($try -lt $Tries) { Start-Sleep -Seconds (30 * $try) }
    }
    if (-not $said) { $said = '{0} records announced, {1} received' -f $script:Announced, $script:Received }
    Add-Failure -Export "UnifiedAuditLog-$RecordType" -Of ('{0} to {1}' -f (Format-Instant $From), (Format-Instant $To)) -ErrorRecord $said
}

function Save-AuditLog {
    # The records of one kind, one JSON document a line, as the service wrote them
    param([string]$RecordType)
    $name = "UnifiedAuditLog-$RecordType"
    if (-not $script:Run.ShouldProcess($name, 'Export')) { return }
    if (-not (Get-Command -Name Search-UnifiedAuditLog -ErrorAction SilentlyContinue)) {
        $script:Exports += @{ Name = $name; Complete = $false; Error = 'not available to this account: Search-UnifiedAuditLog' }
        return
    }
    $script:Count = 0
    $script:Failures[$name] = 0
    $from, $to = (Get-Start $name), $EndDate.ToUniversalTime()
    $path = Join-Path -Path $script:Staging -ChildPath "$name.jsonl"
    $said = $null
    try {
        # A day at a time: what one search gives at most is reached less often
        & {
            for ($begin = $from; $begin -lt $to; $begin = $end) {
                $end = $begin.AddDays(1)
                if ($end -gt $to) { $end = $to }
                Search-Window -From $begin -To $end -RecordType $RecordType
            }
        } | ForEach-Object { $script:Count++; $_ } | Set-Content -Path $path -Encoding UTF8
    }
    catch {
        $said = $_
    }
    $export = Add-Export -Name $name -File "$name.jsonl" -Said $said -More @{ From = (Format-Instant $from); To = (Format-Instant $to) }
    if ($export.Complete) { $script:Reached[$name] = $export.To }
}

$Run = $PSCmdlet
$StartGiven = $PSBoundParameters.ContainsKey('StartDate')
$Exports = @()
$Errors = @()
$Failures = @{}
$Reached = @{}
$Count = 0
$Announced = 0
$Received = 0
$Began = Get-Date

$asked = $WhatIfPreference
$WhatIfPreference = $false # connecting writes proxies of the cmdlets to a temporary folder
$connection = @{ ShowBanner = $false; CommandName = $Commands }
if ($Organization) { $connection['Organization'] = $Organization }
if ($AppId) {
    $connection['AppId'] = $AppId
    $connection['CertificateThumbprint'] = $CertificateThumbprint
}
if ($ManagedIdentity) { $connection['ManagedIdentity'] = $true }
Connect-ExchangeOnline @connection
$WhatIfPreference = $asked

try {
    $tenant = [string](Get-OrganizationConfig -ErrorAction Stop).Name
    $safe = $tenant -replace '[^\w.-]', '-'
    $OutputDir = $OutputDir.TrimEnd('\', '/')
    $Writing = "$OutputDir.writing"
    $Name = '{0}-{1}' -f $safe, $Began.ToUniversalTime().ToString('yyyyMMddTHHmmssZ', [System.Globalization.CultureInfo]::InvariantCulture)
    $Staging = Join-Path -Path $Writing -ChildPath $Name
    $BookmarkPath = Join-Path -Path $Writing -ChildPath "bookmark-$safe.txt"
    $Marks = Read-Bookmark -Path $BookmarkPath
    foreach ($folder in @($OutputDir, $Writing, $Staging)) {
        if (-not (Test-Path -Path $folder)) { New-Item -ItemType Directory -Path $folder | Out-Null }
    }

    # Lists first, loops after: a remote session runs one pipeline at a time, so no Exchange cmdlet may feed another.
    $mailboxes = @()
    Export-Evidence -Name 'Get-Mailbox' -Needs 'Get-Mailbox' -Read {
        $script:mailboxes = @(Get-Mailbox -ErrorAction Stop -ResultSize $ResultSize)
        $script:mailboxes | Add-Column
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
    Export-Evidence -Name 'Get-ApplicationAccessPolicy' -Needs 'Get-ApplicationAccessPolicy' -Read {
        Get-ApplicationAccessPolicy -ErrorAction Stop | Add-Column
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
    Export-Evidence -Name 'Get-RecipientPermission' -Needs 'Get-RecipientPermission' -Read {
        foreach ($mailbox in $script:mailboxes) {
            $id = [string]$mailbox.Guid
            try {
                Get-Entry -Columns @{ CollectedObject = $id } -Names 'Trustee', 'AccessRights' -Read {
                    Get-RecipientPermission -ErrorAction Stop -Identity $id -ResultSize Unlimited
                }
            }
            catch { Add-Failure -Export 'Get-RecipientPermission' -Of $id -ErrorRecord $_ }
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
    foreach ($recordType in $RecordTypes) { Save-AuditLog -RecordType $recordType }

    if (-not $Run.ShouldProcess($OutputDir, 'Move the finished folder in')) { return }
    $manifest = @{
        CollectionManifest = 'Collect-ExchangeOnlineEvidence.ps1'; ScriptVersion = $ScriptVersion; Product = 'exchange_online'
        PowerShellVersion = [string]$PSVersionTable.PSVersion; Organization = $tenant; ComputerName = [string]$env:COMPUTERNAME
        UserName = [string]$env:USERNAME; CollectedAt = (Format-Instant $Began); StartedAt = (Format-Instant $Began); FinishedAt = (Format-Instant (Get-Date))
        EndDate = (Format-Instant $EndDate); ResultSize = $ResultSize; Folders = $Folders; Exports = @($Exports); Errors = @($Errors)
    }
    ConvertTo-Json -InputObject $manifest -Depth 4 | Set-Content -Path (Join-Path -Path $Staging -ChildPath 'manifest.json') -Encoding UTF8
    Move-Item -Path $Staging -Destination (Join-Path -Path $OutputDir -ChildPath $Name)
    # The bookmark moves last: whatever fails before this line is read again by the next run.
    foreach ($mark in $Marks.Keys) { if (-not $Reached.ContainsKey($mark)) { $Reached[$mark] = Format-Instant $Marks[$mark] } }
    $lines = foreach ($mark in ($Reached.Keys | Sort-Object)) { '{0}={1}' -f $mark, $Reached[$mark] }
    Set-Content -Path "$BookmarkPath.new" -Value $lines -Encoding UTF8
    Move-Item -Path "$BookmarkPath.new" -Destination $BookmarkPath -Force
    Join-Path -Path $OutputDir -ChildPath $Name
}
finally {
    Disconnect-ExchangeOnline -Confirm:$false | Out-Null
}
