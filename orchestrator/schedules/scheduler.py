"""The scheduler: looks what is due, claims it in the ledger, and has it begun. Its only state is the ledger.

Any number of schedulers may work on one ledger, and be killed and started at will: a due time is a unique row, claimed by
compare-and-set before anything is sent, and a claim whose scheduler is gone is taken over with the id that it had sent.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from itertools import islice

from orchestrator.errors import KerasweepError, LaunchError, LedgerError
from orchestrator.ledger import FiringRow, FiringState, Ledger, Owner, ScheduleRow
from orchestrator.occasion_names import occasion_of
from orchestrator.schedules.due_times import due_between, due_times
from orchestrator.schedules.launching import Launcher, Order
from orchestrator.search import SweepState

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""So often the ledger is looked at: what is asked for by hand, or left by another scheduler, waits so long."""

CLAIM_SECONDS = 300.0
"""So long a claim lasts whose scheduler cannot be seen to be gone."""

QUEUE_SECONDS = 30.0
RETRY_SECONDS = (10.0, 600.0)
"""The first pause after a launch that failed, and the longest; in between it is as long as the firing has been tried."""

_AT_ONCE = 4  # firings dealt with at once: after an outage they come one after the other
_ROOM_SECONDS = 0.2
_DUES_A_LOOK = 1000
_BETWEEN_DUES = 60.0  # cron knows nothing shorter
_SUPERSEDED = "no scheduler began it before a later one was due, which stands for it"


class Scheduler:
    """Fires what is due.

    Parameters
    ----------
    ledger : holds schedules, firings and sweeps.
    launcher_of : gives the launcher of a schedule's sweeps.
    clock : gives the time in unix seconds.
    owner : who claims; by default this process.
    """

    def __init__(
        self,
        ledger: Ledger,
        launcher_of: Callable[[ScheduleRow], Launcher],
        clock: Callable[[], float] = time.time,
        owner: Owner | None = None,
    ) -> None:
        self._ledger = ledger
        self._launcher_of = launcher_of
        self._clock = clock
        self._owner = owner or Owner.current()
        self._at_work: set[tuple[str, int]] = set()
        self._settled = threading.Condition()
        self.looked: float | None = None
        """When the last look ended well."""
        self.trouble: str | None = None
        """Why the look after it did not."""

    def run(self, stop: threading.Event) -> None:
        """Look again and again until ``stop`` is set. No failure ends it."""
        while not stop.is_set():
            try:
                pause = self.look()
            except Exception as error:
                # whatever is wrong with one look, the next night must not be lost to it
                self.trouble = str(error) or type(error).__name__
                logger.log(logging.WARNING, "the scheduler could not look what is due: %s", error, exc_info=not _is_ours(error))
                pause = LOOK_SECONDS
            stop.wait(pause)

    def look(self) -> float:
        """Deal with all that is due now; return the seconds until there may be more to do.

        Raises
        ------
        LedgerError : the ledger cannot be read or written; what is due stays so.
        """
        schedules = {schedule.name: schedule for schedule in self._ledger.schedules.all()}
        self._take_up_open(schedules)
        troubles: list[str] = []
        pause = LOOK_SECONDS
        for schedule in schedules.values():
            try:
                if not schedule.paused:
                    pause = min(pause, self._look_at(schedule))
            except LedgerError:
                raise
            except Exception as error:  # such as a time zone that this machine lacks: the other schedules go on
                troubles.append(f"{schedule.name}: {error}")
                logger.exception("schedule %s cannot be looked at", schedule.name)
        self.looked, self.trouble = self._clock(), "; ".join(troubles) or None
        return pause

    def settle(self, timeout: float) -> bool:
        """Wait until no firing is at work here; return whether that is so. What is left is taken over by the next scheduler."""
        with self._settled:
            return self._settled.wait_for(lambda: not self._at_work, timeout)

    # --- what is due ----------------------------------------------------------------------------------------------------------

    def _look_at(self, schedule: ScheduleRow) -> float:
        """See to it that every due time of ``schedule`` has its firing; return the seconds until the next look."""
        now = self._clock()
        dues = list(islice(due_between(schedule.cron, schedule.timezone, schedule.since, now), _DUES_A_LOOK))
        late = [due for due in dues if now - due > schedule.catch_up]
        if late:
            new = self._ledger.firings.miss(schedule.name, late, _too_late(schedule))
            logger.warning("%s: missed %d due times, the last one %s", schedule.name, new, occasion_of(late[-1]))
        considered = len(late)
        partial = len(dues) == _DUES_A_LOOK
        if schedule.overlap == "allow" and (stood_for := dues[considered:-1]):  # all at once would be a night's work in a minute
            new = self._ledger.firings.miss(schedule.name, stood_for, _SUPERSEDED)
            logger.warning("%s: %d due times before %s were missed", schedule.name, new, occasion_of(dues[-1]))
            considered += len(stood_for)
        for due in dues[considered:]:
            if not self._has_room or (partial and schedule.overlap == "allow"):  # the last one is not known yet
                break
            self._claim(schedule.name, due, schedule)
            considered += 1
        if considered:
            self._ledger.schedules.considered(schedule.name, dues[considered - 1])
        if considered < len(dues):
            return _ROOM_SECONDS
        if partial:
            return 0.0
        upcoming = next(due_times(schedule.cron, schedule.timezone, max(now, schedule.since)), None)
        return LOOK_SECONDS if upcoming is None else min(max(upcoming - self._clock(), 0.0), LOOK_SECONDS)

    def _take_up_open(self, schedules: Mapping[str, ScheduleRow]) -> None:
        """Claim firings whose time to be tried again has come, or whose scheduler is gone. Those of paused schedules wait."""
        for firing in self._ledger.firings.open():
            schedule = schedules.get(firing.schedule)
            waits = firing.state is FiringState.WAITING and (firing.not_before or 0) > self._clock()
            if not waits and not (schedule is not None and schedule.paused) and self._has_room:
                self._claim(firing.schedule, firing.due, schedule)

    @property
    def _has_room(self) -> bool:
        return len(self._at_work) < _AT_ONCE

    def _claim(self, name: str, due: int, schedule: ScheduleRow | None) -> None:
        """Claim a due time, and deal with it in a thread: whatever a cluster or a process does, looking goes on."""
        if (name, due) in self._at_work:
            return
        claim = self._ledger.firings.claim(name, due, self._owner, CLAIM_SECONDS)
        if claim is None:
            return
        if schedule is None:
            sent = f", {claim.submission} may have been sent before" if claim.submission is not None else ""
            self._ledger.firings.finish(claim, FiringState.SKIPPED, f"the schedule was removed{sent}")
            return
        with self._settled:
            self._at_work.add((name, due))
        threading.Thread(target=self._deal_with, args=(claim, schedule), name=f"{name} {due}", daemon=True).start()

    # --- one firing, in its thread --------------------------------------------------------------------------------------------

    def _deal_with(self, claim: FiringRow, schedule: ScheduleRow) -> None:
        try:
            self._fire(claim, schedule)
        except LedgerError as error:
            logger.warning("%s: %s The claim lapses, and is taken over.", claim.schedule, error)
        except Exception as error:
            logger.log(logging.WARNING, "%s: not begun: %s", claim.schedule, error, exc_info=not _is_ours(error))
            self._try_again(claim, schedule, error)
        finally:
            with self._settled:
                self._at_work.remove((claim.schedule, claim.due))
                self._settled.notify_all()

    def _fire(self, claim: FiringRow, schedule: ScheduleRow) -> None:
        firings = self._ledger.firings
        order = Order(spec=schedule.spec, occasion=occasion_of(claim.due), address=schedule.address)
        if claim.submission is not None:  # sent to a cluster, or perhaps by a scheduler that did not live to say so
            if self._has_begun(order):
                self._finish_fired(claim, claim.submission)
                return
            if self._launcher_of(schedule).is_underway(order, claim.submission):
                self._look_again(claim, claim.submission)
                return
        if self._clock() - claim.due > schedule.catch_up:
            firings.finish(claim, FiringState.MISSED, claim.message or _too_late(schedule))
            return
        if schedule.overlap == "allow" and self._is_superseded(claim):
            firings.finish(claim, FiringState.MISSED, claim.message or _SUPERSEDED)
            return
        launcher = self._launcher_of(schedule)
        obstacle = None if schedule.overlap == "allow" else self._obstacle(order, claim, launcher)
        if obstacle is not None and schedule.overlap == "queue":
            firings.postpone(claim, self._clock() + QUEUE_SECONDS, f"waits for {obstacle}")
        elif obstacle is not None:
            logger.warning("%s: skipped %s, since %s was still running", claim.schedule, order.occasion, obstacle)
            firings.finish(claim, FiringState.SKIPPED, f"{obstacle} was still running")
        else:
            submission = launcher.reserve(order)
            if not firings.name_submission(claim, order.occasion, submission, CLAIM_SECONDS):
                return  # taken over meanwhile
            launcher.launch(order, submission)
            if self._has_begun(order):
                self._finish_fired(claim, submission)
            else:
                self._look_again(claim, submission)

    def _finish_fired(self, claim: FiringRow, submission: str) -> None:
        if self._ledger.firings.finish(claim, FiringState.FIRED):
            logger.info("%s: fired %s, %.0f s late", claim.schedule, submission, self._clock() - claim.due)

    def _look_again(self, claim: FiringRow, submission: str) -> None:
        """Leave a sweep to the cluster that has it, however long that has no room; sent in time, it is not missed any more."""
        pause = min(max((self._clock() - claim.created) / 4, LOOK_SECONDS), QUEUE_SECONDS)
        self._ledger.firings.postpone(claim, self._clock() + pause, f"{submission} is sent, its driver has not begun")

    def _obstacle(self, order: Order, claim: FiringRow, launcher: Launcher) -> str | None:
        """Return what a sweep that may not overlap has before it: an earlier firing still open, or another occasion at work.

        An earlier due time always has its row before a later one is claimed, and stays open until the ledger has its sweep: so
        two schedulers that deal with two due times at the same moment see each other.
        """
        for firing in self._ledger.firings.open():
            if firing.schedule == claim.schedule and firing.due < claim.due:
                return f"{order.name}/{occasion_of(firing.due)}"
        for occasion, state in self._ledger.occasion_states(order.name).items():
            if state is SweepState.RUNNING and occasion != order.occasion:
                sweep = self._ledger.sweep(order.name, occasion)
                if launcher.is_running(sweep):
                    return sweep.title
        return None

    def _is_superseded(self, claim: FiringRow) -> bool:
        """Whether a later due time has come while this one could not be begun: after an outage one sweep starts, not all."""
        if self._clock() - claim.due < _BETWEEN_DUES:  # asked for by hand a moment before
            return False
        return self._ledger.firings.history(claim.schedule, 1)[0].due > claim.due

    def _has_begun(self, order: Order) -> bool:
        known = order.occasion in self._ledger.occasion_states(order.name)
        return known and self._ledger.sweep(order.name, order.occasion).attempt > 0

    def _try_again(self, claim: FiringRow, schedule: ScheduleRow, error: Exception) -> None:
        """Have a launch that failed repeated as long as ``catch_up`` allows, then give it up."""
        message = str(error) or type(error).__name__
        now = self._clock()
        shortest, longest = RETRY_SECONDS
        again = now + min(max(now - claim.created, shortest), longest)
        hopeless = isinstance(error, KerasweepError) and error.exit_code == 2
        try:
            if hopeless or again - claim.due > schedule.catch_up:
                self._ledger.firings.finish(claim, FiringState.FAILED, message)
            else:
                self._ledger.firings.postpone(claim, again, message)
        except LedgerError as failure:
            logger.warning("%s: %s The claim lapses, and is taken over.", claim.schedule, failure)


def ask_by_hand(ledger: Ledger, schedule: ScheduleRow, clock: Callable[[], float] = time.time) -> FiringRow:
    """Make a firing that is due now, for whichever scheduler looks next; return it.

    Raises
    ------
    LaunchError : the schedule is paused, so that no scheduler would begin it.
    """
    if schedule.paused:
        advice = f"kerasweep schedule resume {schedule.name}"
        raise LaunchError(f"{schedule.name} is paused, and nothing of it is begun; resume it first: {advice}", exit_code=2)
    due = int(clock())
    while (claim := ledger.firings.claim(schedule.name, due, Owner.current(), CLAIM_SECONDS)) is None:
        due += 1
    ledger.firings.postpone(claim, clock(), "asked for by hand")
    return claim


def _too_late(schedule: ScheduleRow) -> str:
    return f"no scheduler dealt with it within {schedule.catch_up:g} s"


def _is_ours(error: Exception) -> bool:
    return isinstance(error, KerasweepError)
