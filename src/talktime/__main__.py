"""`python -m talktime` is `talktime`: what the supervisor starts its processes by."""

from talktime.doors.cli.main import run

if __name__ == "__main__":
    run()
