"""Dashboards as code: which charts a project has, and the same for wandb."""
