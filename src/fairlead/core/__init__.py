"""The pure heart: types, decisions, the execution state machine. No IO, no clock, no global random."""
