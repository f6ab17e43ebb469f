"""What the pages, the audit API and the export cost when there is a year of much work to show."""
