"""The exit codes of commands that judge, as their help tells them; other commands have their own in `EXITS`."""

JUDGED = """\
  0  everything checked, everything held
  1  something checked did not hold
  2  usage or manifest error
  3  nothing was checked
  4  something could not be checked: unreadable file, missing reference, crash, time-out (beats 1)
  130, 143  interrupted; partial reports are written
"""
