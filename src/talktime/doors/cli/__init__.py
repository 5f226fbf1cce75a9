"""The command line: `talktime`."""
