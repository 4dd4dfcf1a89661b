"""A streaming standby of a test's throw-away cluster: made with pg_basebackup, promoted, stopped. Standard library
only."""
import contextlib
import glob
import os
import pwd
import shutil
import signal
import tempfile
import time

from tests.lib.instance import run

PROGRAMS = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]


def as_server(*words, check=True):
    """Runs one of PostgreSQL's programs as a user that it accepts: never root."""
    if os.geteuid() == 0:
        words = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env", *words)
    return run(*words, check=check)


class Standby:
    """Copies the server behind a socket folder and follows it; use as a context manager."""

    def __init__(self, primary_socket, database="firstring"):
        self.primary_socket, self.database = primary_socket, database
        self.folder = tempfile.mkdtemp(prefix="firstring-standby-", dir="/var/tmp")
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        os.chmod(self.folder, 0o700)
        self.data = os.path.join(self.folder, "data")

    def __enter__(self):
        as_server(f"{PROGRAMS}/pg_basebackup", "-h", self.primary_socket, "-U", "postgres", "-D", self.data, "-R",
                  "-X", "stream", "--checkpoint=fast", "--no-sync")
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a") as file:
            file.write(f"unix_socket_directories = '{self.folder}'\nlisten_addresses = ''\nport = 5432\n"
                       "hot_standby_feedback = on\nwal_retrieve_retry_interval = 200ms\n")
        self.start()
        return self

    def __exit__(self, *_):
        self.signal(signal.SIGCONT)
        as_server(f"{PROGRAMS}/pg_ctl", "stop", "-s", "-m", "immediate", "-D", self.data, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        as_server(f"{PROGRAMS}/pg_ctl", "start", "-w", "-s", "-D", self.data, "-l", os.path.join(self.folder, "log"))

    def conninfo(self, user="firstring_redirector"):
        return f"host={self.folder} dbname={self.database} user={user}"

    def psql(self, statement):
        return run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.conninfo("postgres"),
                   "-c", statement).stdout.decode().strip()

    def promote(self):
        as_server(f"{PROGRAMS}/pg_ctl", "promote", "-w", "-s", "-D", self.data)

    def postmaster(self):
        with open(os.path.join(self.data, "postmaster.pid")) as file:
            return int(file.readline())

    def signal(self, how):
        """To the postmaster and its children, such as SIGSTOP."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            postmaster = self.postmaster()
            with open(f"/proc/{postmaster}/task/{postmaster}/children") as file:
                children = [int(word) for word in file.read().split()]
            for each in [postmaster, *children]:
                os.kill(each, how)

    def caught_up(self, primary_psql, seconds=20):
        """Waits until it has replayed all that the primary has written up to now."""
        target = primary_psql("select pg_current_wal_lsn()")
        end = time.monotonic() + seconds
        while self.psql(f"select pg_last_wal_replay_lsn() >= '{target}'") != "t":
            assert time.monotonic() < end, "the standby does not catch up"
            time.sleep(0.05)
