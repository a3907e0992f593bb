' Shows which audit entries the SACLs need so that changes of mailbox permissions are recorded; "apply" adds them,
' "remove" takes exactly these entries away again. Windows 2000 and 2003: cscript SetMailboxSacl.vbs [apply|remove]
Option Explicit

Const ADS_OPTION_SECURITY_MASK = 3
Const ADS_SECURITY_INFO_SACL = 8
Const AUDIT = 2
Const AUDIT_OBJECT = 7
Const SUCCESS_AND_FAILURE = 192
Const INHERIT = 2
Const INHERIT_ONLY = 8
Const HAS_OBJECT_TYPE = 1
Const HAS_INHERITED_TYPE = 2
Const WRITE_DAC_AND_OWNER = 786432
Const WRITE_PROPERTY = 32
Const CREATE_AND_DELETE_CHILD = 3

Dim root, domain, configuration, everyone, how, classes, attributes, class_, attribute
how = "show"
If WScript.Arguments.Count > 0 Then how = LCase(WScript.Arguments(0))
If how <> "show" And how <> "apply" And how <> "remove" Then
    WScript.Echo "give apply, remove or nothing"
    WScript.Quit 2
End If
everyone = GetObject("winmgmts:Win32_SID.SID='S-1-1-0'").AccountName
Set root = GetObject("LDAP://RootDSE")
domain = root.Get("defaultNamingContext")
configuration = root.Get("configurationNamingContext")
classes = Array(@CLASSES@)
attributes = Array(@ATTRIBUTES@)

SetSacl domain, INHERIT + INHERIT_ONLY, classes, attributes, WRITE_DAC_AND_OWNER
SetSacl "CN=AdminSDHolder,CN=System," & domain, 0, Array(""), attributes, WRITE_DAC_AND_OWNER
SetSacl "CN=Microsoft Exchange,CN=Services," & configuration, INHERIT, Array(""), Array(), _
    WRITE_DAC_AND_OWNER + WRITE_PROPERTY + CREATE_AND_DELETE_CHILD

Sub SetSacl(dn, flags, ofClasses, ofAttributes, mask)
    Dim entry, descriptor, list
    Set entry = GetObject("LDAP://" & dn)
    entry.SetOption ADS_OPTION_SECURITY_MASK, ADS_SECURITY_INFO_SACL
    Set descriptor = entry.Get("ntSecurityDescriptor")
    Set list = descriptor.SystemAcl
    WScript.Echo dn & ": " & list.AceCount & " audit entries"
    For Each class_ In ofClasses
        Change list, mask, flags, "", class_
        For Each attribute In ofAttributes
            Change list, WRITE_PROPERTY, flags, attribute, class_
        Next
    Next
    If how = "show" Then Exit Sub
    descriptor.SystemAcl = list
    entry.Put "ntSecurityDescriptor", descriptor
    entry.SetInfo
End Sub

Sub Change(list, mask, flags, objectType, inheritedType)
    Dim wanted, known
    Set wanted = CreateObject("AccessControlEntry")
    wanted.Trustee = everyone
    wanted.AccessMask = mask
    wanted.AceFlags = flags + SUCCESS_AND_FAILURE
    wanted.AceType = AUDIT
    wanted.Flags = 0
    If objectType <> "" Then
        wanted.Flags = wanted.Flags + HAS_OBJECT_TYPE
        wanted.ObjectType = objectType
    End If
    If inheritedType <> "" Then
        wanted.Flags = wanted.Flags + HAS_INHERITED_TYPE
        wanted.InheritedObjectType = inheritedType
    End If
    If wanted.Flags > 0 Then wanted.AceType = AUDIT_OBJECT
    WScript.Echo "  " & how & ": mask " & mask & " of " & objectType & " on " & inheritedType
    For Each known In list
        If Same(known, wanted) Then
            If how = "remove" Then list.RemoveAce known
            Exit Sub
        End If
    Next
    If how = "apply" Then list.AddAce wanted
End Sub

Function Same(one, other)
    Same = one.AceType = other.AceType And one.AceFlags = other.AceFlags And one.AccessMask = other.AccessMask _
        And one.Flags = other.Flags And LCase(one.Trustee) = LCase(other.Trustee)
    If Same And (other.Flags And HAS_OBJECT_TYPE) Then Same = LCase(one.ObjectType) = LCase(other.ObjectType)
    If Same And (other.Flags And HAS_INHERITED_TYPE) Then
        Same = LCase(one.InheritedObjectType) = LCase(other.InheritedObjectType)
    End If
End Function
