"""The controller: it watches the four kinds and makes Jobs, executions and status out of them.

kopf tells which object moved; everything else is ours: a key is queued, observed, decided on by a
pure function, and the decision applied.  Nothing is kept in memory that a restart could lose.
"""
