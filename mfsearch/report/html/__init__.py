"""The report as one HTML file: charts by family, the page around them. Only what writes a report imports these modules."""
