"""The processes of a demonstration: started, watched, killed, and at the end gone, those that they left behind included."""

import glob
import os
import signal
import subprocess
import time


class Failure(Exception):
    """Something that the demonstration cannot go on without did not happen."""


def now_ms():
    return int(time.time() * 1000)


def wait_for(what, condition, timeout, interval=0.1):
    """The first true answer of `condition`; Failure with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not seen within {timeout:g} s")
        time.sleep(interval)


class Processes:
    """Programs by name, each with a log of its own in the folder."""

    def __init__(self, folder):
        self.folder = folder
        self._running = {}

    def start(self, name, command):
        with open(self.log(name), "ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )
        return self._running[name]

    def log(self, name):
        return os.path.join(self.folder, f"{name}.log")

    def pid(self, name):
        return self._running[name].pid

    def check(self):
        """Failure if a program has ended that nobody ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise Failure(f"{name}: ended by itself with status {process.returncode}; see {self.log(name)}\n{self.tail(name)}")

    def tail(self, name, lines=12):
        with open(self.log(name), errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def kill(self, name):
        """SIGKILL, and its end awaited."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name, timeout=10):
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return process.returncode

    def end_all(self):
        """Agents and scheduler first, so that nobody starts anything any more; then what they left."""
        for name in reversed(list(self._running)):
            self.stop(name, 5)
        deadline = time.monotonic() + 10
        while (left := self.left_behind()) and time.monotonic() < deadline:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)

    def left_behind(self):
        """Pids of what lives on after the agents: supervisors and their tasks. Their command line or environment names the folder."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                with open(f"/proc/{name}/environ", "rb") as environment, open(f"/proc/{name}/cmdline", "rb") as arguments:
                    text = environment.read() + b"\0" + arguments.read()
            except OSError:
                continue
            if f"{self.folder}/".encode() in text and not is_zombie(int(name)):
                found.append(int(name))
        return found

    def remove_cgroups(self):
        """The cgroups of the agents in the folder, which are named after the first digits of their incarnations."""
        for incarnation in glob.glob(os.path.join(self.folder, "*", "incarnation")):
            with open(incarnation) as file:
                tag = file.read(12)
            for group in sorted(glob.glob(f"/sys/fs/cgroup/**/switchyard/{tag}*/**/", recursive=True), key=len, reverse=True):
                try:
                    os.rmdir(group)
                except OSError:
                    pass


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in ("Z", "X")
    except OSError:
        return True


def start_time(pid):
    """When the process began, in the kernel's ticks: with its pid it is known for ever. None: it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[19])
    except OSError:
        return None
