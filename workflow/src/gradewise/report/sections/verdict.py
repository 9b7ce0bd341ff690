"""Section: what is recommended, in plain words."""

from gradewise.report.answer import section as section

ORDER = 0
