"""Reports: tables, figures and pages of finished runs and of data sets."""
