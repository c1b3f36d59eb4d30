"""Words that are no names without brackets, as Kusto's own grammar has them: a query that parses here parses there.

Most keywords are names wherever they cannot be mistaken (`count`, `type`, `from`); these are the others.
"""

_NEVER = """
    and anomalychart areachart asc bagexpansion barchart between bin_legacy boolean byte card columnchart containscs
    contains_cs cycles datascope decodeblocks desc endswith endswith_cs expandoutput external_data first flags has_all
    has_any has_cs hasprefix hasprefix_cs hassuffix hassuffix_cs hotcache isfuzzy ladderchart last like likecs linechart
    missing nooptimization notcontains notcontainscs notlike notlikecs or others piechart pivotchart project relaxed
    scatterchart simple stackedareachart startswith startswith_cs timechart timeline timepivot treemap union
    with_itemindex with_match_id with_step_name
    char date datetime decimal double dynamic float int int8 int16 int32 int64 long real string time timespan uint8
    uint16 uint32 uint uint64 ulong uniqueid
"""
_NOT_READ = """
    accumulate as by contains datatable earliest externaldata find has in invoke latest materialize of print sample
    search set title to toscalar totable verbose where
"""
_NOT_DECLARED = "kind withsource with_source true True TRUE false False FALSE"
_CLAUSES = """
    alias declare default evaluate from hint let limit matches nulls on optional output range restrict step typeof view
    with
"""

NEVER_NAMES = frozenset(_NEVER.split())
# Words that cannot name a column, variable or table where one is read.
NOT_READ = NEVER_NAMES | frozenset(_NOT_READ.split())
# Words that cannot name a column where one is made.
NOT_DECLARED = NEVER_NAMES | frozenset(_NOT_DECLARED.split())
# Words that cannot name a variable.
NOT_BOUND = NOT_READ | NOT_DECLARED
# Words that the printer puts in brackets: those above, and those that begin a clause somewhere.
QUOTED = NOT_BOUND | frozenset(_CLAUSES.split())
# Words that are read as functions all the same.
CALLABLE = frozenset({"materialize", "toscalar", "totable"})
