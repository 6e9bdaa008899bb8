"""The commands' parser: bad arguments are one line, as all bad input is, and help shows the defaults there are."""

import argparse


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Show a default where there is one and the help does not speak of it."""

    def _get_help_string(self, action):
        if action.default in (None, False, [], argparse.SUPPRESS) or "(default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` that prints no usage before an error.

    Args:
        description: what the command does.
        epilog: what else there is to say below the options.
    """

    def __init__(self, description, epilog=None):
        super().__init__(description=description, epilog=epilog, formatter_class=HelpFormatter)

    def error(self, message):
        """Print one line and exit with code 2."""
        self.exit(2, f"error: {message} (--help lists the arguments)\n")
