# Shows, and with -Apply registers, the scheduled task that runs @SCRIPT@ every hour.
# -Remove shows, -Remove -Apply takes it away again. Run it as a local administrator on the machine that collects, from
# the folder this kit lies in: the task runs the script where it is now, so put it where only administrators may write.
# -Account DOMAIN\name$ is a group managed service account; for another account schtasks asks for the password.
param(
    [string]$Account,
    [string]$OutputDir,
    [string]$Arguments = "@ARGUMENTS@",
    [string]$TaskName = "Mailwitness @SCRIPT@",
    [switch]$Apply,
    [switch]$Remove
)

if ($Remove) {
    & schtasks.exe /Query /TN $TaskName
    if ($Apply) { & schtasks.exe /Delete /TN $TaskName /F } else { Write-Output "Nothing was changed; -Apply changes it." }
    return
}
if (-not $Account -or -not $OutputDir) { throw "give -Account and -OutputDir" }
$folder = Split-Path -Parent $MyInvocation.MyCommand.Path
$script = Join-Path -Path $folder -ChildPath "@SCRIPT@"
$task = New-Object System.Xml.XmlDocument
$task.Load((Join-Path -Path $folder -ChildPath "@SCRIPT@.task.xml"))
$task.Task.Principals.Principal.UserId = $Account
$task.Task.Actions.Exec.Arguments = "-NoProfile -NonInteractive -ExecutionPolicy AllSigned -File `"$script`" -OutputDir `"$OutputDir`" $Arguments"
Write-Output $task.OuterXml
if ($Apply) {
    $file = Join-Path -Path $folder -ChildPath "@SCRIPT@.registered.xml"
    $task.Save($file)
    if ($Account.EndsWith('$')) {
        & schtasks.exe /Create /TN $TaskName /XML $file /RU $Account
    } else {
        & schtasks.exe /Create /TN $TaskName /XML $file /RU $Account /RP
    }
} else {
    Write-Output "Nothing was changed; -Apply changes it."
}
