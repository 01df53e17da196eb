"""The main path once through, on real walking data, every claim checked.

`world` is where the demonstration lives, `people` who walks in it, `stages` what happens, `claims` what was checked,
`report` how it is told.
"""
