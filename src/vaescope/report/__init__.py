"""Turns finished runs into tables, pictures and pages."""
