"""What an offline wandb run holds, by wandb's own reader, ``wandb leet inspect``."""

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

READER = shutil.which("wandb", path=Path(sys.executable).parent)


class WandbLog:
    """The transaction log of one session of a run: its records by type, and its last state."""

    def __init__(self, path):
        self.path = path
        self.media_folder = path.parent / "files"
        self.records = defaultdict(list)
        for line in _inspect("--json", path).splitlines():
            record = json.loads(line)
            self.records[record["type"]].append(record.get(record["type"]))
        self.state = json.loads(_inspect("--summary", "--json", path))

    @property
    def run(self):
        return self.records["run"][0]

    @property
    def config(self):
        return self.state["config"]

    @property
    def summary(self):
        return self.state["summary"]

    def curve(self, key):
        """(updates, value) of each time that a key was logged."""
        rows = [record["item"] for record in self.records["history"]]
        return [(row["trainer/global_step"], row[key]) for row in rows if key in row]

    def media(self, key):
        """(updates, kind, file) of a picture, page or table that was logged once."""
        ((step, path),) = self.curve(f"{key}.path")
        return step, self.summary[key]["_type"], self.media_folder / path

    def metrics(self):
        """What is declared of each key: its x axis and which values are in its summary."""
        return {m["name"]: m for m in self.records["metric"] if "name" in m}


def wandb_logs(folder):
    """Those of all sessions in a run's folder, in their order."""
    return [WandbLog(path) for path in sorted(folder.glob("wandb/*run-*/*.wandb"))]


def _inspect(*words):
    command = [str(READER), "leet", "inspect", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
