"""Bills that several people share."""


def shares(cents, people):
    """What each of so many people pays of an amount in cents, the largest share first."""
    return [cents // people] * people
