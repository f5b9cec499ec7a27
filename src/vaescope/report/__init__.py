"""Turns finished runs into tables, figures and pages."""
