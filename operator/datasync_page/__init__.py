"""The report of a run for people: one HTML page, made by the runner and by `datasync run` alike."""
