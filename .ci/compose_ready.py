#!/usr/bin/env python3
"""Wait until the Compose stack is up: what runs on is healthy, what runs once has ended well.

Exit code 1 as soon as a service has failed, or when the time is over. Needs Python and Docker.
"""

import argparse
import json
import subprocess
import sys
import time


def compose(*arguments: str) -> str:
    """What `docker compose` prints; ends the program when it fails."""
    done = subprocess.run(["docker", "compose", *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: docker compose {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def services() -> dict[str, bool]:
    """Whether it is meant to end, by name of service."""
    declared = json.loads(compose("config", "--format", "json"))["services"]
    return {name: service.get("restart") == "no" for name, service in declared.items()}


def states() -> dict[str, dict]:
    """State, health and exit code of the container of each service that has one."""
    lines = compose("ps", "--all", "--format", "json").splitlines()
    return {found["Service"]: found for found in map(json.loads, lines)}


def waiting(expected: dict[str, bool], found: dict[str, dict]) -> list[str]:
    """The services that are not ready yet, with their states; ends the program for a failed one."""
    left = []
    for name, ends in sorted(expected.items()):
        container = found.get(name, {"State": "missing", "Health": ""})
        if container["State"] == "exited":
            if not ends or container["ExitCode"]:
                sys.exit(f"error: {name} ended with exit code {container['ExitCode']}")
        elif ends or container["Health"] != "healthy":
            left.append(f"{name} ({container['Health'] or container['State']})")
    return left


def main() -> None:
    """Ask until everything is ready, saying what is waited for whenever that changes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15, help="time limit; default 15")
    parser.add_argument("--pause", type=float, default=5, help="seconds between two questions")
    chosen = parser.parse_args()
    deadline = time.monotonic() + 60 * chosen.minutes
    expected, before = services(), None
    while left := waiting(expected, states()):
        if left != before:
            print(f"waiting for {', '.join(left)}", flush=True)
        before = left
        if time.monotonic() + chosen.pause > deadline:
            sys.exit(f"error: not ready in time: {', '.join(left)}")
        time.sleep(chosen.pause)
    print("everything is ready")


if __name__ == "__main__":
    main()
