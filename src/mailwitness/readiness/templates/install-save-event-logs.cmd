@echo off
rem install-save-event-logs.cmd                         shows the task
rem install-save-event-logs.cmd apply ACCOUNT FOLDER    saves the event logs of this machine every hour
rem install-save-event-logs.cmd remove                  takes the task away again
rem Windows 2003. Windows 2000 has no schtasks; there, as an administrator:
rem   at 01:00 /every:M,T,W,Th,F,S,Su cscript //nologo C:\Mailwitness\Save-EventLogs2003.vbs /out:D:\Evidence
rem Put this folder where only administrators may write: the task runs the script where it is now.
setlocal
set TASK=Mailwitness Save-EventLogs2003
if /i "%~1"=="apply" goto apply
if /i "%~1"=="remove" goto remove
schtasks /query /fo list /v | find "%TASK%"
echo Nothing was changed.
goto end
:apply
if "%~3"=="" goto usage
schtasks /create /tn "%TASK%" /tr "cscript.exe //nologo \"%~dp0Save-EventLogs2003.vbs\" /out:\"%~3\"" /sc hourly /ru "%~2"
goto end
:remove
schtasks /delete /tn "%TASK%" /f
goto end
:usage
echo usage: install-save-event-logs.cmd [apply ACCOUNT FOLDER or remove]
:end
endlocal
