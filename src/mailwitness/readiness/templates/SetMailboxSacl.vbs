' Shows which audit entries the SACLs lack so that changes of mailbox permissions are recorded; "apply" adds them and
' writes down which in sacl-added.txt; "undo" takes exactly these away again. Only SACLs are read and written.
'
'   cscript //nologo SetMailboxSacl.vbs [apply|undo]
'
' Windows 2000 and 2003, as an administrator of the domain; once in every domain that has mailboxes.
Option Explicit

Const SecurityMask = 3 ' ADS_OPTION_SECURITY_MASK
Const SaclOnly = 8 ' ADS_SECURITY_INFO_SACL
Const Audit = 2 ' ADS_ACETYPE_SYSTEM_AUDIT
Const AuditOfObject = 7 ' ADS_ACETYPE_SYSTEM_AUDIT_OBJECT
Const SuccessAndFailure = 192 ' ADS_ACEFLAG_SUCCESSFUL_ACCESS + ADS_ACEFLAG_FAILED_ACCESS
Const HasObjectType = 1
Const HasInheritedType = 2
Const ForReading = 1
Const ForAppending = 8
Const AddedFile = "sacl-added.txt"

Dim root, domain, configuration, everyone, how, allRows, rows, files

how = "show"
If WScript.Arguments.Count > 0 Then how = LCase(WScript.Arguments(0))
If how <> "show" And how <> "apply" And how <> "undo" Then
    WScript.Echo "usage: cscript //nologo SetMailboxSacl.vbs [apply|undo]"
    WScript.Quit 2
End If
' place | access mask | GUID of an attribute or nothing | GUID of the class that inherits it or nothing | flags
@ROWS@
rows = Split(Left(allRows, Len(allRows) - 1), vbLf)
Set files = CreateObject("Scripting.FileSystemObject")
everyone = GetObject("winmgmts:Win32_SID.SID='@TRUSTEE@'").AccountName
Set root = GetObject("LDAP://RootDSE")
domain = root.Get("defaultNamingContext")
configuration = root.Get("configurationNamingContext")

If how = "undo" Then
    Call TakeAway()
Else
    AddTo "pattern", "CN=AdminSDHolder,CN=System," & domain
    AddTo "exchange", "CN=Microsoft Exchange,CN=Services," & configuration
    AddTo "domain", domain
    If how = "show" Then WScript.Echo "Nothing was changed; apply changes it."
End If
WScript.Quit 0

Sub AddTo(place, dn)
    Dim entry, descriptor, list, wanted, known, row, part, found, lacking
    Set entry = Opened(dn)
    Set descriptor = entry.Get("ntSecurityDescriptor")
    Set list = descriptor.SystemAcl
    lacking = 0
    For Each row In rows
        part = Split(row, "|")
        If part(0) = place Then
            Set wanted = AuditEntry(part)
            found = False
            For Each known In list
                If Same(known, wanted) Then found = True
            Next
            If Not found Then
                lacking = lacking + 1
                WScript.Echo "  + " & row
                If how = "apply" Then
                    WriteDown dn & vbTab & row
                    list.AddAce wanted
                End If
            End If
        End If
    Next
    WScript.Echo dn & ": " & lacking & " audit entries are lacking"
    If how = "apply" And lacking > 0 Then
        descriptor.SystemAcl = list
        entry.Put "ntSecurityDescriptor", descriptor
        entry.SetInfo
    End If
End Sub

Sub TakeAway()
    Dim stream, part
    Set stream = files.OpenTextFile(AddedFile, ForReading)
    Do Until stream.AtEndOfStream
        part = Split(stream.ReadLine, vbTab)
        If UBound(part) = 1 Then RemoveFrom part(0), part(1)
    Loop
    stream.Close
End Sub

Sub RemoveFrom(dn, row)
    Dim entry, descriptor, list, wanted, known
    Set entry = Opened(dn)
    Set descriptor = entry.Get("ntSecurityDescriptor")
    Set list = descriptor.SystemAcl
    Set wanted = AuditEntry(Split(row, "|"))
    For Each known In list
        If Same(known, wanted) Then
            list.RemoveAce known
            descriptor.SystemAcl = list
            entry.Put "ntSecurityDescriptor", descriptor
            entry.SetInfo
            WScript.Echo dn & ": - " & row
            Exit Sub
        End If
    Next
    WScript.Echo dn & ": no longer there: " & row
End Sub

Function Opened(dn)
    Set Opened = GetObject("LDAP://" & dn)
    Opened.SetOption SecurityMask, SaclOnly
End Function

Function AuditEntry(part)
    Dim made
    Set made = CreateObject("AccessControlEntry")
    made.Trustee = everyone
    made.AccessMask = CLng(part(1))
    made.AceFlags = CLng(part(4)) + SuccessAndFailure
    made.AceType = Audit
    made.Flags = 0
    If part(2) <> "" Then
        made.Flags = made.Flags + HasObjectType
        made.ObjectType = part(2)
    End If
    If part(3) <> "" Then
        made.Flags = made.Flags + HasInheritedType
        made.InheritedObjectType = part(3)
    End If
    If made.Flags > 0 Then made.AceType = AuditOfObject
    Set AuditEntry = made
End Function

Function Same(one, other)
    Same = False
    If one.AceType <> other.AceType Or one.AceFlags <> other.AceFlags Or one.AccessMask <> other.AccessMask Then Exit Function
    If one.Flags <> other.Flags Or LCase(one.Trustee) <> LCase(other.Trustee) Then Exit Function
    If (other.Flags And HasObjectType) <> 0 Then
        If LCase(one.ObjectType) <> LCase(other.ObjectType) Then Exit Function
    End If
    If (other.Flags And HasInheritedType) <> 0 Then
        If LCase(one.InheritedObjectType) <> LCase(other.InheritedObjectType) Then Exit Function
    End If
    Same = True
End Function

Sub WriteDown(line)
    Dim stream
    Set stream = files.OpenTextFile(AddedFile, ForAppending, True)
    stream.Write line & vbCrLf
    stream.Close
End Sub
