"""Import and export of the catalogue as CSV and XLSX files."""
