# Shows which audit entries the SACLs need so that changes of mailbox permissions are recorded, and with -Apply adds them.
# -Remove -Apply takes exactly these entries away again. Needs the right "Manage auditing and security log".
param([switch]$Apply, [switch]$Remove)

$root = [ADSI]"LDAP://RootDSE"
$domain = [string]$root.psbase.Properties["defaultNamingContext"].Value
$configuration = [string]$root.psbase.Properties["configurationNamingContext"].Value
$everyone = New-Object System.Security.Principal.SecurityIdentifier("S-1-1-0")
$flags = [System.Security.AccessControl.AuditFlags]"Success, Failure"
$none = [Guid]::Empty

function New-Rule([string]$rights, [Guid]$attribute, [string]$inheritance, [Guid]$class) {
    New-Object System.DirectoryServices.ActiveDirectoryAuditRule(
        $everyone,
        [System.DirectoryServices.ActiveDirectoryRights]$rights,
        $flags,
        $attribute,
        [System.DirectoryServices.ActiveDirectorySecurityInheritance]$inheritance,
        $class)
}

function Set-Sacl([string]$dn, $rules) {
    $entry = New-Object System.DirectoryServices.DirectoryEntry("LDAP://$dn")
    $entry.psbase.Options.SecurityMasks = [System.DirectoryServices.SecurityMasks]::Sacl
    $security = $entry.psbase.ObjectSecurity
    Write-Output "Before, ${dn}:"
    Write-Output $security.GetSecurityDescriptorSddlForm("Audit")
    foreach ($rule in $rules) {
        if ($Remove) { $security.RemoveAuditRuleSpecific($rule) } else { $security.AddAuditRule($rule) }
    }
    Write-Output "After, ${dn}:"
    Write-Output $security.GetSecurityDescriptorSddlForm("Audit")
    if ($Apply) { $entry.psbase.CommitChanges() } else { Write-Output "Nothing was changed; -Apply changes it." }
}

$classes = @(@CLASSES@)
$attributes = @(@ATTRIBUTES@)
$rules = @()
foreach ($class in $classes) {
    $rules += New-Rule "@RIGHTS@" $none "Descendents" ([Guid]$class)
    foreach ($attribute in $attributes) {
        $rules += New-Rule "WriteProperty" ([Guid]$attribute) "Descendents" ([Guid]$class)
    }
}
Set-Sacl $domain $rules

# SDProp copies AdminSDHolder's descriptor to protected accounts: they inherit nothing from the domain.
$own = @(New-Rule "@RIGHTS@" $none "None" $none)
foreach ($attribute in $attributes) { $own += New-Rule "WriteProperty" ([Guid]$attribute) "None" $none }
Set-Sacl "CN=AdminSDHolder,CN=System,$domain" $own

$exchange = New-Rule "@RIGHTS@, WriteProperty, CreateChild, DeleteChild" $none "All" $none
Set-Sacl "CN=Microsoft Exchange,CN=Services,$configuration" @($exchange)
