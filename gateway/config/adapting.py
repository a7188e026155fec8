"""A profile as it is on one device of the site: with the parts that it has, and with what the site says of it."""

from __future__ import annotations

from drivers.adaptation import Adaptation, AdaptationError
from drivers.profile import Profile, profile_points
from gateway.config.built import Checker
from gateway.config.document import Path
from gateway.config.site import DeviceEntry, Module


def fitted(checker: Checker, path: Path, entry: Module | DeviceEntry, profile: Profile) -> Profile | None:
    """`profile` with the parts and the changes of `entry`; None when they do not fit it, which is told."""
    whole = _with_parts(checker, path, entry, profile) if isinstance(entry, DeviceEntry) else profile
    try:
        return whole.adapted(_said(entry), checker.site.site.timezone)
    except AdaptationError as error:
        checker.problem((*path, *error.loc), error.sentence, value=len(error.loc) == 1)
        return None


def _said(entry: Adaptation) -> Adaptation:
    """Of an entry only what its profile is to hear."""
    return Adaptation.model_construct(**{key: getattr(entry, key) for key in Adaptation.model_fields})


def _with_parts(checker: Checker, path: Path, entry: DeviceEntry, profile: Profile) -> Profile:
    if not profile.part_hint:
        return profile  # a part may still be one of the device's points from modules
    if not entry.parts and not profile_points(profile):
        checker.problem(path, f"nothing would be read: name its `parts` ({profile.part_hint})")
    elif not entry.parts:
        told = f"no `parts`: only the device as a whole would be watched, none of its parts ({profile.part_hint})"
        checker.warn(path, told)
    own = {point.part for point in profile_points(profile)}
    wanted = [part for part in entry.parts if part not in own]
    try:
        return profile.for_parts(wanted)
    except ValueError:
        return profile.for_parts([part for part in wanted if _is_part(checker, path, profile, part)])


def _is_part(checker: Checker, path: Path, profile: Profile, part: str) -> bool:
    try:
        profile.for_parts([part])
    except ValueError as error:
        checker.problem((*path, "parts", part), str(error))
        return False
    return True
