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


def run_signing_key() -> int:
    """Make the user's own signing key, and print where it is and its fingerprint.

    Returns:
        The exit code.

    Raises:
        UsageError: there is one already, or a package is missing.
    """
    from reelmill.evidence.custody import signing

    path = signing.make_key()
    _, public = signing.sign(b"", signing.load_key(path))
    print(f"signing key {path}")
    print(f"fingerprint {signing.fingerprint(signing.read_public(public))}")
    print(public.decode(), end="")
    print(
        "\n`reelmill case FOLDER --sign` signs with it. Give the public key above to those who "
        "check your\nsignatures. Keep the file to yourself, with a copy where nobody else gets it."
    )
    return EXIT_DONE
