"""How the profiles of the project around us compare with production."""

from collections.abc import Mapping

from kbtool.app.sandbox import profiles_folder
from kbtool.errors import ConfigError
from kbtool.runbook.parity import FILE, Manifest, Parity, compare
from kbtool.runbook.ports import Description
from kbtool.sandbox.loader import load_profile, load_profiles
from kbtool.sandbox.profile import Profile
from kbtool.sandbox.stage import load_parity, stage_of


def parities(profile: str | None) -> list[Parity]:
    """Return how each profile, or the one that is named, compares with production.

    Raises:
        ConfigError: there is no manifest, or it or a profile has faults.
    """
    folder = profiles_folder()
    manifest = load_parity(folder)
    if manifest is None:
        raise ConfigError(f"no {FILE} in {folder.parent}", "it says what production is")
    profiles = [load_profile(folder, profile)] if profile else load_profiles(folder)
    return [compare(manifest, each.name, stage_of(each)) for each in profiles]


def drift_of(manifest: Manifest | None, profile: Profile, seen: Description) -> tuple[str, ...]:
    """Return the differences of a running sandbox as evidence tells them."""
    if manifest is None:
        return ()
    versions: Mapping[str, str] = {part.name: part.version for part in seen.parts}
    return tuple(compare(manifest, profile.name, stage_of(profile, versions)).lines())
