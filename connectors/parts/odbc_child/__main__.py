"""Do the one order on standard input; the answer is one line of JSON. Ends with its parent."""

import json
import os
import signal
import sys
import threading
from importlib import import_module
from typing import Any

from renkei.errors import RenkeiError

from .orders import Order

#: Verb → module and function; only the one that is asked for is loaded.
VERBS = {
    "pull": ("pull", "pull"),
    "test": ("trial", "test"),
    "push": ("push", "push"),
    "read_back": ("push", "read_back"),
    "probe": ("probe", "probe"),
}


def main() -> None:
    """Read, do, answer."""
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stdout.write(json.dumps(_answer(order)) + "\n")
    sys.stdout.flush()
    # a driver library may wait for its threads; nothing is left to be done
    os._exit(0)


def _answer(order: Order) -> dict[str, Any]:
    module, function = VERBS[order["verb"]]
    try:
        done: dict[str, Any] = getattr(import_module(f"odbc_child.{module}"), function)(order)
    except RenkeiError as error:
        return {"error": type(error).__name__, "code": error.code, "facts": error.facts}
    except Exception as error:  # noqa: BLE001 - a driver's text may hold residents' data, so only its kind leaves
        facts = {"connection": order["connection"], "state": type(error).__name__}
        return {"error": "Stop", "code": "E_DRIVER", "facts": facts}
    return done


def _end_with_parent() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
