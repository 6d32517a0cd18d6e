"""What can be embedded, each read in its own way but to one interface.

`opening` finds out what an input is; `parts` says what a part of it must be able to do; `arrays`,
`pictures` and `tables` are the parts; `columns` reads images out of a column of a table.
"""
