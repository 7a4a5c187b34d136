"""`reelmill key`: where the user's key is stored, and its fingerprint."""

from __future__ import annotations

from reelmill.commands.exit_codes import EXIT_DONE, EXIT_SOME_FAILED
from reelmill.core.keys import KEY_FILE_VARIABLE, user_key


def run_key() -> int:
    """Print the key's path and fingerprint. Creates a key when there is none yet.

    Returns:
        The exit code: 1 when the key cannot be saved.

    Raises:
        UsageError: others can read the key, or it is damaged.
    """
    key = user_key()
    if key.path is None:
        print(key.problem)
        return EXIT_SOME_FAILED
    print(f"key         {key.path}")
    print(f"fingerprint {key.seal.fingerprint}")
    print(
        "\nReelmill marks the results it keeps with this key, and reuses only results that carry "
        "the\n"
        "mark. To share the key, copy the file to a colleague (mode 600), or put it where only "
        "your\n"
        f"team can read it and name it in {KEY_FILE_VARIABLE}. Anyone who has it can forge results."
    )
    return EXIT_DONE
