#!/usr/bin/env python3
"""Every field of the session's messages has a mutation that ignores it, or a reason why nothing rests on it.

  session_fields.py ROOT

Reads proto/switchyard/v1/agent.proto from AgentMessage and SchedulerMessage down. A new field fails here until it is in FIELDS.
"""
import os
import re
import sys

ROOTS = ("AgentMessage", "SchedulerMessage")

# Reasons that stand for many fields. A value of FIELDS that is one of these is no mutation.
SUBJECT = "names what the message speaks of: without it there is nothing to ignore"
UNREAD = "nobody reads it: no promise rests on it"
COUNTED = "enters the accounts as it is; no rule of the protocol reads it"
COMFORT = "how often, how fine or for whose eyes: no bound, grant or lease rests on it"
LAUNCH = "what the task is, carried to the machine as it is; the session's rules never read it"
MACHINE = "what the machine shall do, carried to it as it is; what it does is judged by its draw and devices"
LOGS = "a byte stream beside the session"
REASONS = (SUBJECT, UNREAD, COUNTED, COMFORT, LAUNCH, MACHINE, LOGS)

FIELDS = {
    "AgentMessage": {"node": SUBJECT},
    "NodeHello": {
        "agent_incarnation": "clone_accepted", "boot_id": "ignores_boot_id", "hardware_id": "ignores_hardware_id",
        "version": COMFORT, "applied_revision": UNREAD, "cluster_id": "ignores_hello_cluster_id",
        "store_incarnation": "ignores_hello_store_incarnation", "term": "ignores_hello_term",
    },
    "GroupCapability": {"group": SUBJECT, "enforcer": "ignores_enforcer", "devices": "ignores_capability_devices"},
    "NodeReport": {
        "applied_revision": "ignores_applied_revision", "set_hash": "ignores_reported_hash", "scanning": "ignores_scanning",
        "sequence": "ignores_report_sequence", "fell_back": UNREAD,
    },
    "AllocationReport": {
        "allocation": SUBJECT, "epoch": "ignores_epoch", "phase": "ignores_task_phase", "revision": "old_revision_confirmed",
        "confirmed_mw": "ignores_confirmed", "reading_mw": "ignores_reading", "modelled": "ignores_modelled",
        "exit_code": "ignores_exit_code", "reason": COMFORT, "devices": "ignores_orphan_devices", "job": "ignores_orphan_job",
        "kind": "ignores_orphan_kind", "hashes": COUNTED, "shares_accepted": COUNTED, "shares_rejected": COUNTED,
        "energy_mj": COUNTED,
    },
    "DeviceFault": {"device": "ignores_faults", "reading_mw": "ignores_faults", "reason": COMFORT},
    "GroupReport": {
        "group": SUBJECT, "unallocated_mw": "ignores_unallocated", "unallocated_devices": "ignores_unallocated_devices",
        "revision": UNREAD,
    },
    "Heartbeat": {
        "sequence": "renewal_without_echo", "applied_revision": "ignores_applied_revision", "last_reading": UNREAD,
        "unchanged": UNREAD,
    },
    "Telemetry": {"sequence": UNREAD, "draw_mw": "ignores_draw", "modelled": COMFORT},
    "GroupDraw": {"group": SUBJECT, "draw_mw": UNREAD},
    "MeterReading": {"budget": SUBJECT, "draw_mw": "ignores_meters", "age_ms": "ignores_meter_age"},
    "LogData": {"stream": LOGS, "data": LOGS, "is_stderr": LOGS, "end": LOGS, "error": LOGS},
    "SchedulerMessage": {
        "node": SUBJECT, "cluster_id": "ignores_cluster_id", "store_incarnation": "ignores_store_incarnation",
        "term": "old_leader_accepted",
    },
    "Welcome": {
        "lease_ms": "ignores_lease", "heartbeat_ms": COMFORT, "report_interval_ms": COMFORT, "start_grace_ms": COMFORT,
        "model": MACHINE, "device_models": MACHINE, "dead_band_ppm": COMFORT, "ramp_scale_ppm": MACHINE,
    },
    "DesiredSet": {
        "revision": "ignores_set_revision", "base_revision": "ignores_base_revision", "removed": "ignores_removed",
        "set_hash": "ignores_base_revision",
    },
    "DesiredAllocation": {
        "allocation": SUBJECT, "epoch": "ignores_epoch", "phase": "ignores_order_phase", "grant_mw": "ignores_grant",
        "devices": MACHINE, "device_share_milli": MACHINE, "launch": LAUNCH, "job": SUBJECT, "kind": LAUNCH, "grace_ms": MACHINE,
        "fence_after_ms": MACHINE, "group": MACHINE, "fallback_mw": MACHINE,
    },
    "OperatingSegment": {"count": MACHINE, "point": MACHINE},
    "Renewal": {"sequence": "renewal_without_echo"},
    "LogRequest": {"stream": LOGS, "allocation": LOGS, "follow": LOGS, "tail_lines": LOGS, "cancel": LOGS, "credit_bytes": LOGS},
    "Refusal": {"reason": COMFORT, "retry": COMFORT},
}

_MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}|^message (\w+) \{([^\n]*)\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"(?:repeated |optional )?([\w.]+) (\w+) = \d+;")


def messages_of(text):
    """{message: [(type, field)]} of the messages of a .proto."""
    text = re.sub(r"//[^\n]*", "", text)
    found = {}
    for match in _MESSAGE.finditer(text):
        name, body = (match.group(1), match.group(2)) if match.group(1) else (match.group(3), match.group(4))
        found[name] = _FIELD.findall(body)
    return found


def leaves_below(messages):
    """[(message, field)] that fly in a session, without the fields that only hold another message of this file."""
    todo, seen, leaves = list(ROOTS), set(), []
    while todo:
        message = todo.pop()
        if message in seen:
            continue
        seen.add(message)
        for kind, field in messages[message]:
            if kind in messages and kind != "TaskLaunch":
                todo.append(kind)
            else:
                leaves.append((message, field))
    return leaves


def main():
    root = sys.argv[1]
    with open(os.path.join(root, "proto/switchyard/v1/agent.proto"), encoding="utf-8") as file:
        leaves = leaves_below(messages_of(file.read()))
    with open(os.path.join(root, "common/faults/registry.inc"), encoding="utf-8") as file:
        mutations = set(re.findall(r"^SWITCHYARD_MUTATION_ENTRY\((\w+),", file.read(), re.MULTILINE))
    faults = []
    for message, field in leaves:
        said = FIELDS.get(message, {}).get(field)
        if said is None:
            faults.append(f"{message}.{field}: is in no line of FIELDS; name the mutation that ignores it, or the reason why none does")
        elif said not in REASONS and said not in mutations:
            faults.append(f'{message}.{field}: its mutation "{said}" is not in common/faults/registry.inc')
    known = set(leaves)
    for message, fields in FIELDS.items():
        faults += [f"{message}.{field}: is in FIELDS and flies in no session; take it out" for field in fields
                   if (message, field) not in known]
    for fault in faults:
        print(fault)
    covered = sum(1 for message, field in leaves if FIELDS.get(message, {}).get(field) in mutations)
    print(f"{len(leaves)} fields, {covered} with a mutation")
    return 1 if faults or len(leaves) < 60 else 0


if __name__ == "__main__":
    sys.exit(main())
