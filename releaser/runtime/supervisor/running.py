"""What runs now? Questions that have an answer at any moment; asking changes nothing."""

from __future__ import annotations

from . import states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .generation import Generation
    from .keeping.keeper import Keeper
    from .upgrade.upgrading import Upgrade


class Running:
    """One version, with another one beside it during an upgrade, and the state of the release as a whole."""

    __slots__ = ("live", "started_at", "state", "stop_timeout_s", "upgrade")

    def __init__(self, live: Generation, now: float) -> None:
        self.live = live
        """The version that the release runs."""
        self.upgrade: Upgrade | None = None
        """The change to another one that is under way."""
        self.state = ""
        """Of `states`; `Life` moves it."""
        self.started_at = now  # monotonic
        self.stop_timeout_s = live.manifest.stop_timeout_s
        """How long an instance may take to end, from SIGTERM on."""

    @property
    def name(self) -> str:
        """The name of the release."""
        return self.live.manifest.name

    @property
    def title(self) -> str:
        """The release and its version, as messages name them."""
        return f"{self.live.manifest.name} {self.live.manifest.version}"

    def take_over(self, generation: Generation) -> None:
        """Have `generation` be what the release runs from now on."""
        self.live = generation
        self.stop_timeout_s = generation.manifest.stop_timeout_s

    def keepers(self) -> list[Keeper]:
        """Return the keepers of what the release runs, and those of the other version during an upgrade."""
        others = [] if self.upgrade is None else self.upgrade.others
        return [*self.live.keepers, *(keeper for keeper in others if keeper not in self.live.keepers)]

    def is_serving(self) -> bool:
        """Tell whether `ping` answers yes."""
        return self.live.is_ready() and self.state in (*states.SERVING_STATES, states.PRE_STOP)

    def is_free(self) -> bool:
        """Tell whether it may be asked to change: it runs, and nobody has asked for an upgrade."""
        return self.state == states.RUNNING and self.upgrade is None

    def word(self) -> str:
        """Return what it does, in one word."""
        if self.upgrade is not None:
            return "upgrading"
        return states.describe(self.state, self.live.is_ready())

    def why_not_free(self) -> str:
        """Return the same where it is the reason to do nothing: what is ready has post_start hooks to run yet."""
        return "starting" if self.state == states.POST_START else self.word()
