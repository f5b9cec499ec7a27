"""A Slurm cluster of one node in a network of its own, where Debian's packages are installed."""

import ctypes
import os
import shutil
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

NEEDED = (
    "slurmctld",
    "slurmd",
    "munged",
    "srun",
    "sbatch",
    "squeue",
    "scontrol",
    "unshare",
    "nsenter",
)
CONFIG = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
AuthInfo=socket={folder}/munge.sock
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1
KillWait=10
ReturnToService=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=60 State=UP
"""
# an address besides 127.0.0.1, without which no name is resolved; it is the loopback's, too
NETWORK = "ip link set lo up && ip addr add 10.255.255.254/32 dev lo && exec sleep infinity"


def why_not():
    """Why no cluster can be started here; nothing: it can."""
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        return f"{', '.join(missing)} not installed: apt-get install slurmctld slurmd munge"
    if os.getuid() != 0:
        return "only root can start Slurm's daemons"
    done = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return "no network of its own can be made here" if done.returncode else ""


class Cluster:
    """A cluster whose daemons talk to each other on the loopback of a network of their own.

    Args:
        folder: of its files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        self.network = subprocess.Popen(["unshare", "--net", "sh", "-c", NETWORK])

    def start(self) -> None:
        """Start the daemons and wait until the node takes jobs."""
        folder = self.folder
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        text = CONFIG.format(host=os.uname().nodename.partition(".")[0], folder=folder)
        (folder / "slurm.conf").write_text(text)
        files = {"key-file": key.name, "socket": "munge.sock", "pid-file": "munged.pid"}
        files |= {"log-file": "munged.log", "seed-file": "munged.seed"}
        munged = ["munged", "--force", *(f"--{k}={folder}/{name}" for k, name in files.items())]
        self._wait_for("10.255.255.254", "ip", "address")
        for daemon in (munged, ["slurmctld"], ["slurmd"]):
            environment, null = os.environ | self.environment, subprocess.DEVNULL
            subprocess.run(
                self.words(*daemon), env=environment, stdout=null, stderr=null, check=True
            )
        self._wait_for("idle", "sinfo", "--noheader", "-o", "%T")

    def _wait_for(self, word: str, *command: str) -> None:
        until = time.monotonic() + 60
        while word not in (told := self.run(*command, check=False)):
            assert time.monotonic() < until, f"{command} says {told}"
            time.sleep(0.1)

    def words(self, *command: str) -> list[str]:
        """A command as one within the network."""
        return ["nsenter", f"--net=/proc/{self.network.pid}/ns/net", *command]

    @property
    def enter(self) -> partial[None]:
        """What brings a process into the network."""
        return partial(_enter, self.network.pid)

    def run(self, *command: str, check: bool = True) -> str:
        """What a command prints."""
        environment = os.environ | self.environment
        done = subprocess.run(
            self.words(*command), env=environment, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def jobs(self) -> dict[str, str]:
        """States of the jobs that are queued or at work."""
        lines = self.run("squeue", "--noheader", "--array", "-o", "%i %T").splitlines()
        return dict(line.split() for line in lines)

    def close(self) -> None:
        """End the daemons and the network."""
        self.run("scancel", "--user", "root", check=False)
        for daemon in ("slurmd", "slurmctld", "munged"):
            file = self.folder / f"{daemon}.pid"
            if file.is_file():  # slurmd would wait for the steps of a test that has failed
                os.kill(int(file.read_text()), signal.SIGKILL)
        self.network.kill()
        self.network.wait()


def _enter(pid: int) -> None:
    """Go into the network of another process, as ``os.setns`` does from Python 3.12."""
    with open(f"/proc/{pid}/ns/net") as network:
        assert ctypes.CDLL(None).setns(network.fileno(), 0) == 0
