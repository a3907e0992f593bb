' Saves event logs of a Windows 2000 or 2003 machine as .evt files, for `mailwitness import FOLDER`. It reads only: no
' log is cleared and no setting changed.
'
'   cscript //nologo Save-EventLogs2003.vbs /out:D:\Evidence [/logs:Security,Application] [/computer:DC01]
'
' Every run that finds something new makes one folder <out>\<computer>-<time> with a saved log for each log and
' manifest.json. The folder is written beside <out> (<out>.writing, on the same volume) and moved in as a whole when it
' is finished, so that whoever watches <out> never sees half of it. A copy holds the whole log: what an earlier copy held
' too counts once. The bookmark (<out>.writing\bookmark-<computer>.txt) keeps the number of the newest record saved; a log
' without a newer one is not saved again, and where the oldest record still there is newer than the one that should
' follow, the manifest says how many records were overwritten in between: then run it more often, or give the log room.
'
' Run it as a scheduled task by an account that may back up files and manage the security log (rights SeBackupPrivilege
' and SeSecurityPrivilege); it needs no administrator. With /computer the copy is made on that machine, and <out> must be
' a path there.

Option Explicit

Const ReturnAtOnce = 48 ' wbemFlagReturnImmediately + wbemFlagForwardOnly: the newest record comes first, and only it is asked for
Const ForReading = 1
Const ForWriting = 2

Dim arguments, files, outDir, writing, computer, logs, service, began, runName, staging, bookmarkPath
Dim marks, reached, exports, saved, failed, logName

Set arguments = WScript.Arguments.Named
Set files = CreateObject("Scripting.FileSystemObject")
If Not arguments.Exists("out") Then
    WScript.Echo "usage: cscript //nologo Save-EventLogs2003.vbs /out:FOLDER [/logs:Security,Application] [/computer:NAME]"
    WScript.Quit 2
End If
outDir = arguments("out")
If Right(outDir, 1) = "\" Then outDir = Left(outDir, Len(outDir) - 1)
logs = "Security,Application"
If arguments.Exists("logs") Then logs = arguments("logs")
computer = "."
If arguments.Exists("computer") Then computer = arguments("computer")

Set service = GetObject("winmgmts:{impersonationLevel=impersonate,(Backup,Security)}!\\" & computer & "\root\cimv2")
If computer = "." Then computer = MachineName()
began = UtcNow()
writing = outDir & ".writing"
runName = computer & "-" & Compact(began)
staging = writing & "\" & runName
bookmarkPath = writing & "\bookmark-" & computer & ".txt"
MakeFolder outDir
MakeFolder writing
MakeFolder staging

Set marks = ReadBookmark(bookmarkPath)
Set reached = CreateObject("Scripting.Dictionary")
exports = ""
saved = 0
failed = 0
For Each logName In Split(logs, ",")
    SaveLog Trim(logName)
Next

If saved = 0 And failed = 0 Then
    files.DeleteFolder staging ' our own, and empty: there was nothing new
    WScript.Quit 0
End If
WriteText staging & "\manifest.json", Manifest()
files.MoveFolder staging, outDir & "\" & runName
Call WriteBookmark ' last: whatever fails before this line is saved again by the next run
WScript.Echo outDir & "\" & runName
If failed > 0 Then WScript.Quit 1
WScript.Quit 0

' ---- logs

Sub SaveLog(name)
    Dim found, log, newest, oldest, before, lost, path, result, count
    Set found = service.ExecQuery("SELECT * FROM Win32_NTEventLogFile WHERE LogfileName='" & Replace(name, "'", "") & "'")
    count = 0
    For Each log In found
        count = count + 1
        newest = NewestRecord(name)
        before = 0
        If marks.Exists(LCase(name)) Then before = marks(LCase(name))
        If newest = before And newest > 0 Then
            reached(LCase(name)) = before
            Exit For
        End If
        oldest = newest - log.NumberOfRecords + 1
        lost = 0
        If before > 0 And oldest > before + 1 Then lost = oldest - before - 1
        path = staging & "\" & computer & "-" & SafeName(name) & ".evt"
        result = log.BackupEventLog(path)
        If result = 0 Then
            saved = saved + 1
            If newest > 0 Then reached(LCase(name)) = newest
        Else
            failed = failed + 1
            If before > 0 Then reached(LCase(name)) = before
        End If
        AddExport name, files.GetFileName(path), result, oldest, newest, log.NumberOfRecords, before, lost
        Exit For
    Next
    If count = 0 Then
        failed = failed + 1
        AddExport name, "", -1, 0, 0, 0, 0, 0
    End If
End Sub

Function NewestRecord(name)
    Dim record
    NewestRecord = 0
    For Each record In service.ExecQuery("SELECT RecordNumber FROM Win32_NTLogEvent WHERE Logfile='" & Replace(name, "'", "") & "'", "WQL", ReturnAtOnce)
        NewestRecord = CDbl(record.RecordNumber) ' an unsigned 32-bit number, more than a Long holds
        Exit For
    Next
End Function

' ---- manifest and bookmark

Sub AddExport(name, file, result, oldest, newest, records, before, lost)
    Dim text
    text = "{""Name"": " & Quoted("EventLog-" & name) & ", ""File"": " & Quoted(file) & ", ""Complete"": " & Truth(result = 0 And lost = 0)
    text = text & ", ""Count"": " & Number(records) & ", ""OldestRecord"": " & Number(oldest) & ", ""NewestRecord"": " & Number(newest)
    text = text & ", ""RecordBefore"": " & Number(before) & ", ""Overwritten"": " & Number(lost)
    If result = -1 Then text = text & ", ""Error"": ""this machine has no such log"""
    If result > 0 Then text = text & ", ""Error"": ""BackupEventLog returned " & Number(result) & """"
    If exports <> "" Then exports = exports & "," & vbCrLf & "  "
    exports = exports & text & "}"
End Sub

Function Manifest()
    Manifest = "{""CollectionManifest"": ""Save-EventLogs2003.vbs"", ""ScriptVersion"": ""1.0"", ""ComputerName"": " & Quoted(computer) & _
        ", ""CollectedAt"": " & Quoted(Instant(began)) & ", ""StartedAt"": " & Quoted(Instant(began)) & ", ""FinishedAt"": " & Quoted(Instant(UtcNow())) & _
        ", ""EndDate"": " & Quoted(Instant(began)) & ", ""Exports"": [" & vbCrLf & "  " & exports & vbCrLf & "]}" & vbCrLf
End Function

Function ReadBookmark(path)
    Dim found, stream, parts
    Set found = CreateObject("Scripting.Dictionary")
    If files.FileExists(path) Then
        Set stream = files.OpenTextFile(path, ForReading)
        Do Until stream.AtEndOfStream
            parts = Split(stream.ReadLine, "=")
            If UBound(parts) = 1 Then
                If IsNumeric(parts(1)) Then found(LCase(parts(0))) = CDbl(parts(1))
            End If
        Loop
        stream.Close
    End If
    Set ReadBookmark = found
End Function

Sub WriteBookmark()
    Dim name, text
    For Each name In marks.Keys
        If Not reached.Exists(name) Then reached(name) = marks(name)
    Next
    For Each name In reached.Keys
        text = text & name & "=" & Number(reached(name)) & vbCrLf
    Next
    WriteText bookmarkPath & ".new", text
    If files.FileExists(bookmarkPath) Then files.DeleteFile bookmarkPath
    files.MoveFile bookmarkPath & ".new", bookmarkPath
End Sub

' ---- texts, times, folders

Function Quoted(text)
    Dim place, code, result
    For place = 1 To Len(text)
        code = AscW(Mid(text, place, 1)) And 65535
        If code = 34 Or code = 92 Or code < 32 Or code > 126 Then
            result = result & "\u" & Right("000" & Hex(code), 4)
        Else
            result = result & Mid(text, place, 1)
        End If
    Next
    Quoted = """" & result & """"
End Function

Function Number(value)
    Number = Replace(FormatNumber(value, 0, 0, 0, 0), ",", "") ' digits only, in every locale
End Function

Function Truth(value)
    If value Then Truth = "true" Else Truth = "false"
End Function

Function UtcNow()
    Dim system ' Windows 2000 has no SWbemDateTime; the offset of today, in minutes, is told by every generation
    For Each system In GetObject("winmgmts:\\.\root\cimv2").ExecQuery("SELECT CurrentTimeZone FROM Win32_OperatingSystem")
        UtcNow = DateAdd("n", -system.CurrentTimeZone, Now())
    Next
End Function

Function Two(value)
    Two = Right("0" & CStr(value), 2)
End Function

Function Instant(at)
    Instant = Year(at) & "-" & Two(Month(at)) & "-" & Two(Day(at)) & "T" & Two(Hour(at)) & ":" & Two(Minute(at)) & ":" & Two(Second(at)) & "Z"
End Function

Function Compact(at)
    Compact = Year(at) & Two(Month(at)) & Two(Day(at)) & "T" & Two(Hour(at)) & Two(Minute(at)) & Two(Second(at)) & "Z"
End Function

Function SafeName(text)
    Dim place, letter, result
    For place = 1 To Len(text)
        letter = Mid(text, place, 1)
        If InStr("\/:*?""<>| ", letter) > 0 Then letter = "-"
        result = result & letter
    Next
    SafeName = result
End Function

Function MachineName()
    Dim system
    For Each system In service.ExecQuery("SELECT Name FROM Win32_ComputerSystem")
        MachineName = system.Name
    Next
End Function

Sub MakeFolder(path)
    If Not files.FolderExists(path) Then files.CreateFolder path
End Sub

Sub WriteText(path, text)
    Dim stream
    Set stream = files.OpenTextFile(path, ForWriting, True) ' ASCII: whatever is not was escaped
    stream.Write text
    stream.Close
End Sub
