"""How a schedule's expression is written: what the API server can judge without a calendar.

Apart from `schedule`, which knows what the expressions mean: whoever only reads a task does not
load what computes times.
"""

from typing import Final

RATE_GRAMMAR: Final = r"rate\((1 (minute|hour|day)|([2-9]|[1-9][0-9]{1,4}) (minutes|hours|days))\)"
_FIELD: Final = r"[0-9A-Za-z*?,/#-]+"
CRON_GRAMMAR: Final = rf"(cron\({_FIELD}( {_FIELD}){{4,5}}\)|{_FIELD}( {_FIELD}){{4}})"
EXPRESSION_GRAMMAR: Final = f"({RATE_GRAMMAR}|{CRON_GRAMMAR})"
