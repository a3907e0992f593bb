"""Security descriptors: binary and SDDL, their difference, and the names of rights.

* sid: SIDs as text and bytes, SDDL's names for accounts
* ace: entries: kinds, flags, masks and their letters
* descriptor: the descriptor, its lists, a reading that may be partial
* binary: parse_binary, read_binary, write_binary
* sddl: parse_sddl, read_sddl (cut texts), write_sddl
* condition: conditional expressions as tokens and bytes; condition_text as SDDL's text
* claim: resource attributes; application joins both as the seventh field of an entry
* difference: who gained and who lost what; coverage and overtaking weigh the entries
* naming: entries and changes in the words of Exchange and the directory
* fault: DescriptorError, and the limits on what is read
"""
