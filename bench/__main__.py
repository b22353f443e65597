"""``python -m bench``: the command line, with every error shown as what, where and what to do."""

import signal
import sys
import traceback

# until there is an interpreter that can tell it nicely, Ctrl-C ends this process as it ends any
_usual = signal.signal(signal.SIGINT, signal.SIG_DFL)

from vocabulary import EXIT_INTERNAL, EXIT_STORE, KxbenchError  # noqa: E402


def main() -> int:
    """Exit codes are those of vocabulary/errors.py, documented in docs/exit-codes.md."""
    from bench.cli import app
    from bench.console import err, print_error
    from bench.signals import Interrupted

    signal.signal(signal.SIGINT, _usual)
    try:
        app(prog_name="kxbench")
    except KxbenchError as error:
        print_error(error)
        return error.exit_code
    except Interrupted as interrupt:
        err.print("kxbench: interrupted before the first cell: nothing was measured")
        return interrupt.exit_code
    except OSError as error:
        err.print(f"kxbench: {error}", markup=False)
        err.print("  remedy: free space, or check the path and its permissions", markup=False)
        return EXIT_STORE
    except Exception:
        traceback.print_exc()
        err.print("kxbench: this is a bug of kxbench; please report the lines above", markup=False)
        return EXIT_INTERNAL
    return 0


if __name__ == "__main__":
    sys.exit(main())
