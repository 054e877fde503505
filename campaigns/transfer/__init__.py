"""Import and export of the catalogue, of campaigns and of what belongs to them, as CSV and XLSX files."""
