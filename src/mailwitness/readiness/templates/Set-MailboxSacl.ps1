# Shows which audit entries the SACLs lack so that changes of mailbox permissions are recorded; -Apply adds them.
# What was there before is kept in sacl-before.txt, and -Undo shows, -Undo -Apply puts it back, where nobody has changed
# the SACL since. Only SACLs are read and written. Needs the right "Manage auditing and security log".
# Windows 2008 and later, as an administrator of the domain; once in every domain that has mailboxes.
param([switch]$Apply, [switch]$Undo, [string]$Before = "sacl-before.txt")

# place | access mask | attribute or nothing | class that inherits it or nothing | flags of inheritance
$rows = @(@ROWS@)

$root = [ADSI]"LDAP://RootDSE"
$domain = [string]$root.psbase.Properties["defaultNamingContext"].Value
$configuration = [string]$root.psbase.Properties["configurationNamingContext"].Value
$schema = [string]$root.psbase.Properties["schemaNamingContext"].Value
$everyone = New-Object System.Security.Principal.SecurityIdentifier("@TRUSTEE@")
$inheritance = @{ "0" = "None"; "2" = "All"; "10" = "Descendents" }
$guids = @{ "" = [Guid]::Empty }

function Get-SchemaGuid([string]$name) {
    # The GUID this directory's own schema has for an attribute or class; nothing where it has none
    if (-not $guids.ContainsKey($name)) {
        $base = New-Object System.DirectoryServices.DirectoryEntry("LDAP://$schema")
        $searcher = New-Object System.DirectoryServices.DirectorySearcher($base, "(lDAPDisplayName=$name)")
        $found = $searcher.FindOne()
        if ($null -eq $found) {
            Write-Output "The schema has no $name, so no object has it either: no entry." | Out-Host
            $guids[$name] = $null
        } else {
            $guids[$name] = New-Object Guid(, [byte[]]$found.Properties["schemaidguid"][0])
        }
    }
    $guids[$name]
}

function Get-Rule([string]$place) {
    foreach ($row in $rows) {
        $part = $row.Split("|")
        if ($part[0] -ne $place) { continue }
        $attribute = Get-SchemaGuid $part[2]
        $class = Get-SchemaGuid $part[3]
        if ($null -eq $attribute -or $null -eq $class) { continue }
        New-Object System.DirectoryServices.ActiveDirectoryAuditRule(
            $everyone,
            [System.DirectoryServices.ActiveDirectoryRights][int]$part[1],
            [System.Security.AccessControl.AuditFlags]"Success, Failure",
            $attribute,
            [System.DirectoryServices.ActiveDirectorySecurityInheritance]$inheritance[$part[4]],
            $class)
    }
}

function Open-Sacl([string]$dn) {
    $entry = New-Object System.DirectoryServices.DirectoryEntry("LDAP://$dn")
    $entry.psbase.Options.SecurityMasks = [System.DirectoryServices.SecurityMasks]::Sacl
    $entry
}

function Add-Sacl([string]$dn, $rules) {
    $entry = Open-Sacl $dn
    $security = $entry.psbase.ObjectSecurity
    $was = $security.GetSecurityDescriptorSddlForm("Audit")
    foreach ($rule in $rules) { $security.AddAuditRule($rule) }
    $is = $security.GetSecurityDescriptorSddlForm("Audit")
    if ($was -eq $is) {
        Write-Output "$dn lacks nothing."
        return
    }
    Write-Output "$dn, before:"
    Write-Output "  $was"
    Write-Output "$dn, after:"
    Write-Output "  $is"
    if ($Apply) {
        Add-Content -Path $Before -Value "$dn`t$was`t$is"
        $entry.psbase.CommitChanges()
    }
}

function Undo-Sacl([string]$line) {
    $dn, $was, $is = $line.Split("`t")
    $entry = Open-Sacl $dn
    $security = $entry.psbase.ObjectSecurity
    if ($security.GetSecurityDescriptorSddlForm("Audit") -ne $is) {
        Write-Output "$dn was changed since: left alone. Before, it was:"
        Write-Output "  $was"
        return
    }
    Write-Output "$dn goes back to:"
    Write-Output "  $was"
    $security.SetSecurityDescriptorSddlForm($was, "Audit")
    if ($Apply) { $entry.psbase.CommitChanges() }
}

function Find-Protected {
    # Mailboxes that inherit no audit entries: SE_SACL_PROTECTED (0x2000) of their descriptor
    $base = New-Object System.DirectoryServices.DirectoryEntry("LDAP://$domain")
    $filter = "(&(|(objectClass=user)(objectClass=inetOrgPerson))(|(msExchMailboxGuid=*)(homeMDB=*)))"
    $searcher = New-Object System.DirectoryServices.DirectorySearcher($base, $filter)
    $searcher.PageSize = 1000
    $searcher.SecurityMasks = [System.DirectoryServices.SecurityMasks]::Sacl
    [void]$searcher.PropertiesToLoad.Add("ntsecuritydescriptor")
    [void]$searcher.PropertiesToLoad.Add("distinguishedname")
    foreach ($found in $searcher.FindAll()) {
        $descriptor = [byte[]]$found.Properties["ntsecuritydescriptor"][0]
        if (($descriptor[3] -band 0x20) -ne 0) { [string]$found.Properties["distinguishedname"][0] }
    }
}

if ($Undo) {
    # from the last to the first: what inherits from a domain is put back after it
    $lines = @(Get-Content -Path $Before)
    for ($number = $lines.Count - 1; $number -ge 0; $number--) { Undo-Sacl $lines[$number] }
} else {
    # AdminSDHolder first: SDProp copies its SACL to protected accounts within the hour, whatever the domain says
    $own = @(Get-Rule "pattern")
    Add-Sacl "CN=AdminSDHolder,CN=System,$domain" $own
    foreach ($dn in @(Find-Protected)) { Add-Sacl $dn $own }
    Add-Sacl "CN=Microsoft Exchange,CN=Services,$configuration" @(Get-Rule "exchange")
    Add-Sacl $domain @(Get-Rule "domain")
}
if (-not $Apply) { Write-Output "Nothing was changed; -Apply changes it." }
