"""Rolinek, Zietlow and Martius, CVPR 2019: its figures and claims."""
