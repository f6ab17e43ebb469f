"""The simulator alone: `python -m connector.simulator --port 8900`."""

import argparse
import asyncio
import sys

from connector.simulator.server import DEFAULT_PORT, Simulator, serve


def _announce(simulator: Simulator) -> None:
    sys.stdout.write(
        f"Genesys {simulator.genesys_url('ORG')}\nLynn    {simulator.lynn_url('LYNN')}\n"
    )
    sys.stdout.write(f"Control {simulator.url}/control/\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for Genesys Cloud and Lynn.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0: any free one")
    asyncio.run(serve(port=parser.parse_args().port, ready=_announce))


if __name__ == "__main__":
    main()
