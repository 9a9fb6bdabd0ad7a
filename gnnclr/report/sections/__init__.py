"""The sections of a report of runs, a file each."""
