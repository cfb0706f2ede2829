"""The admin is told of every module of Asterisk that the dialplan and the services use, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

from agi.protocol import APPLICATIONS

ROOT = Path(__file__).parents[2]
DIALPLAN = ROOT / "dialplan"

CORE = frozenset(
    {"Answer", "Goto", "GotoIf", "Hangup", "MSet", "Ringing", "Set", "Wait"}  # applications
    | {"CoreShowChannels", "Originate"}  # actions
)
"""What needs no module."""

MODULES = {
    "app_dial": {"Dial"},
    "app_exec": {"ExecIf"},
    "app_playback": {"Playback"},
    "app_playtones": {"PlayTones", "StopPlayTones"},
    "app_record": {"Record"},
    "app_senddtmf": {"PlayDTMF"},
    "app_stack": {"Gosub", "LOCAL", "Return"},
    "func_callerid": {"CALLERID"},
    "func_channel": {"CHANNEL", "MASTER_CHANNEL"},
    "func_cut": {"CUT"},
    "func_env": {"FILE", "STAT"},
    "func_global": {"GLOBAL"},
    "func_logic": {"IF"},
    "func_rand": {"RAND"},
    "func_strings": {"FIELDQTY", "FILTER", "LEN", "STRFTIME"},
    "func_timeout": {"TIMEOUT"},
    "res_agi": {"AGI"},
    "res_manager_devicestate": {"DeviceStateList"},
    "res_musiconhold": {"StartMusicOnHold", "StopMusicOnHold"},
}
"""Who provides what, as in Asterisk's own core-en_US.xml."""

UNSEEN = {"format_wav", "res_timing_timerfd"}
"""Needed though nothing names them: for prompts and recordings, and for tones."""


def used() -> set[str]:
    """Applications, functions and manager actions: whatever is called by a name."""
    lines = (DIALPLAN / "hotline.conf").read_text(encoding="utf-8").splitlines()
    code = "\n".join(line for line in lines if not line.lstrip().startswith(";"))
    verbs = (ROOT / "ami" / "verbs.py").read_text(encoding="utf-8")
    actions = re.findall(r'self\.(?:action|_rows)\(\s*"(\w+)"', verbs)
    return {*re.findall(r"\b([A-Z][A-Za-z_]+)\(", code), *actions, *APPLICATIONS}


def told() -> set[str]:
    text = (DIALPLAN / "README.md").read_text(encoding="utf-8")
    (paragraph,) = re.findall(r"^Modules that it needs.*?\n\n", text, re.S | re.M)
    return set(re.findall(r"`((?:app|format|func|res)_\w+)`", paragraph))


def test_what_is_used_is_provided_by_a_module_that_we_know():
    assert used() == CORE.union(*MODULES.values())


def test_the_admin_is_told_of_every_module_and_of_no_other():
    assert told() == MODULES.keys() | UNSEEN


def test_our_own_pbx_loads_each_of_them():
    modules = (DIALPLAN / "private" / "common" / "modules.conf").read_text(encoding="utf-8")
    loaded = set(re.findall(r"^(?:load|require) => (\w+)\.so$", modules, re.M))
    assert MODULES.keys() | UNSEEN <= loaded
