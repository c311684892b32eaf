/* Lease and drift: may watts be given away because time has passed?
 *
 * One node hashes; its watt is wanted by another allocation, which gets it when the node confirmed its lowering, or
 * when its lease is over as the scheduler counts it. Heartbeats, renewals, sets and reports are lost and late,
 * heartbeats and reports also repeated and reordered; the clock of the agent's machine drifts; agents die and come back
 * without memory; an agent may be mute about a lowering for ever; the scheduler crashes and begins a new term. The
 * enforcer is one that counts (a dead-man timer of the device, a supervisor) or one that does not (the agent itself).
 *
 * Time is discrete. L, MARGIN and RAMP are in ticks of the scheduler's clock; in every L + DRIFT ticks the other clock
 * misses at most one, and may run ahead as often.
 *
 * Proven, for executions of any length with RAISES raises of the node:
 *   W  the node and the other allocation never draw the one watt together;
 *   Y  the ledger never counts more than the one watt: it is given away once its bound has been lowered durably;
 *   T  under an enforcer that counts every lowering ends, confirmed or expired, within
 *      CONFIRM + 1 + L + DRIFT + MARGIN + RAMP ticks of the order, or of the term's start: silence and refusal end
 * alike.
 *
 * A new process of an agent takes what is left on its enforcer for its own lease: more than the code allows it.
 *
 * Not modelled: AI, which no lease fences; hosts that sleep (the lease counts CLOCK_BOOTTIME); the return of a whole
 * fleet. Identities and terms are in session.pml, the arithmetic of bounds in bound.pml.
 *
 * Removed by -DWITHOUT_<RULE>: DRIFT_MARGIN, COUNT_FROM_SEND, ECHO, ORDERED_STREAM, NEW_STRETCH, WITHHOLDING,
 * DURABLE_EXPIRY, COUNTING_ENFORCER, RENEWED_AT_START, CONFIRMATION.
 */

#define L 2
#define DRIFT 1
#define MARGIN 1
#define RAMP 1
#define CONFIRM 1
#define RAISES 1
#ifdef WITHOUT_DRIFT_MARGIN
#define EXPIRY (L + MARGIN + RAMP)
#else
#define EXPIRY (L + DRIFT + MARGIN + RAMP)
#endif
#define ENDS (CONFIRM + 1 + L + DRIFT + MARGIN + RAMP)
#define MIN(p, q) ((p) < (q) -> (p) : (q))

/* ---- the scheduler ---- */
byte rev = 1;
bit grant = 1, bound = 1;            /* of the node's hashing, in the newest revision */
bool expired = false;
bit row_grant = 1, row_bound = 1;    /* the rows, where a mutation keeps them apart */
bool row_expired = false;
bool other = false, other_draws = false;  /* the other allocation: granted, and drawing */
byte since_renewed = 0;              /* ticks since the last heartbeat that was answered; at most EXPIRY */
byte since_ordered = 0;              /* ticks since the lowering that is not acknowledged; 0: none */
byte raises = 0;

/* ---- the wire ---- */
byte set_rev = 0;                    /* the set under way; 0: none */
bit set_grant = 0;
bool beat[2] = false;                /* a heartbeat of this slot was sent, and may arrive */
bool renewal[2] = false;             /* its answer is under way */
bool behind[2] = false;              /* ... on the stream behind a set */
byte reported = 0;                   /* the newest revision at which the agent reported nothing drawn */

/* ---- the agent's machine ---- */
bool counts = false;                 /* the enforcer acts by itself */
bool alive = true;                   /* the agent's process */
byte left = L;                       /* ticks of its clock until the end of the lease, as told to the enforcer */
byte age[2] = L;                     /* ticks of its clock since each heartbeat was sent; L: it can extend nothing */
byte late = 0;                       /* ticks for which a lease that is over has not been enforced */
byte steady = L;                     /* ticks since its clock last missed one or ran ahead; at most L */
byte held = 1;                       /* revision of the set that it holds, 0: none */
bit held_grant = 1;
bool fresh = true;                   /* that set was learned under the stretch of lease that runs now */
bool draws = true;

byte n;  /* of one step only */

inline CheckDraw() { assert(!(draws && other_draws)) /* W */ }

/* The clock of the machine goes on by `ticks`. */
inline Pass(ticks) {
  left = (left > (ticks) -> left - (ticks) : 0);
  age[0] = MIN(L, age[0] + (ticks));
  age[1] = MIN(L, age[1] + (ticks));
  /* The end of the lease is the end of the stretch.
   * code: agent/reconcile/lease.h Stretch; agent/reconcile/lease.cc Renew */
  if
  :: left == 0 -> fresh = false
  :: else
  fi
}

active proctype Time() {
  /* What the class says and what the agent tested: the weaker counts.
   * code: scheduler/core/sessions.cc AdoptCapabilities */
  if
  :: counts = true
  :: counts = false
  fi;
  do
  /* A tick, when all that is due in this one is done: expiry is a timer, an enforcer that counts keeps its bound. */
  /* code: scheduler/core/sessions.cc NodeTimer, LeaseExpiry; agent/reconcile/lease.cc NextDeadline */
  :: atomic {
       !(since_renewed == EXPIRY && !expired) && !(counts && draws && left == 0 && late == MARGIN + RAMP - 1) ->
       /* Within MARGIN and RAMP after the end of the lease the draw is gone. */
       d_step { late = (left == 0 && draws && counts -> late + 1 : 0) };
       if
       :: true -> d_step { Pass(1); steady = MIN(L, steady + 1); printf("time: a tick\n") }
       :: steady == L -> d_step { steady = 0; printf("time: a tick that the machine's clock misses\n") }
       :: steady == L -> d_step { Pass(2); steady = 0; printf("time: a tick that the machine's clock counts twice\n") }
       fi;
       d_step {
         since_renewed = MIN(EXPIRY, since_renewed + 1);
         if
         :: since_ordered > 0 -> since_ordered = MIN(ENDS + 1, since_ordered + 1)
         :: else
         fi;
         assert(!counts || since_ordered <= ENDS)  /* T */
       }
     }
  od
}

/* A heartbeat of slot i comes in, perhaps not for the first time. A node that did not acknowledge a lowering is not
 * answered; else the answer leaves after the row that says that the node is back. */
inline Answer(i) {
  if
#ifdef WITHOUT_WITHHOLDING
  :: false
#else
  :: since_ordered > CONFIRM + 1 -> printf("scheduler: withholds the renewal\n")
#endif
  :: else ->
    since_renewed = 0;
    expired = false; row_expired = false;
    renewal[i] = true;
    behind[i] = set_rev > 0;
    printf("scheduler: answers heartbeat %d\n", i)
  fi
}

inline Commit() {
  row_grant = grant;
  row_bound = bound;
  row_expired = expired
}

active proctype Scheduler() {
  do
  /* code: scheduler/core/sessions.cc Heartbeat; scheduler/rpc/agent_sessions.cc OnHeartbeat */
  :: d_step { beat[0] -> Answer(0) }
  :: d_step { beat[1] -> Answer(1) }
  /* The watt is wanted elsewhere: the node is ordered down. */
  /* code: scheduler/core/hashing.cc FillHashing; scheduler/core/charges.cc OrderGrant, NoteLowering */
  :: d_step {
       grant == 1 ->
       rev++; grant = 0; since_ordered = 1;
       Commit();
       printf("scheduler: orders the node down, revision %d\n", rev)
     }
  /* It is there again: the node may rise, if it is renewed and owes no lowering. */
  /* code: scheduler/core/hashing.cc MayRise; scheduler/core/sessions.cc Available */
  :: d_step {
       grant == 0 && bound == 0 && !other && since_ordered == 0 && !expired && since_renewed < L && raises < RAISES ->
       rev++; grant = 1; bound = 1; raises++;
       Commit();
       printf("scheduler: orders the node up, revision %d\n", rev);
       assert(bound + other <= 1)  /* Y */
     }
  /* code: scheduler/rpc/agent_sessions.cc NextSet */
  :: d_step {
       set_rev != rev ->
       set_rev = rev; set_grant = grant;
       behind[0] = false; behind[1] = false;
       printf("scheduler: sends set %d\n", rev)
     }
  /* The node says that at the newest revision it draws nothing. */
  /* code: scheduler/core/sessions.cc Report, Acknowledge; scheduler/core/evidence.cc TakeClaim, ConfirmBound */
#ifdef WITHOUT_CONFIRMATION
  :: d_step { grant == 0 && bound == 1 ->
#else
  :: d_step { grant == 0 && bound == 1 && reported == rev ->
#endif
       bound = 0; since_ordered = 0;
       Commit();
       printf("scheduler: revision %d is confirmed\n", rev)
     }
  /* The lease is over, as the scheduler counts it: from the receipt of the last heartbeat that it answered. What counts
   * as evidence is lowered by a row, which is there before anything uses the watt. */
  /* code: scheduler/core/sessions.cc ExpireLease, LeaseExpiry, WithDrift, WorstRampDown;
   * scheduler/engine/engine.cc MakeDurable */
  :: d_step {
       since_renewed == EXPIRY && !expired ->
       expired = true;
       if
#ifdef WITHOUT_COUNTING_ENFORCER
       :: grant == 1 || bound == 1 ->
#else
       :: counts && (grant == 1 || bound == 1) && rev < 9 ->  /* 9: reached only where a rule is missing */
#endif
         rev++; grant = 0; bound = 0; since_ordered = 0;
         printf("scheduler: the lease is over, the watt is free\n")
       :: else -> printf("scheduler: the lease is over, nothing is free\n")
       fi;
#ifndef WITHOUT_DURABLE_EXPIRY
       Commit()
#endif
     }
  /* Another allocation gets the watt by the ledger; its own order leaves when its row is there. */
  /* code: scheduler/core/attempts.cc StartTasks; scheduler/core/charges.cc HoldDevices;
   * scheduler/engine/engine.cc Release */
  :: d_step { !other && bound == 0 && grant == 0 -> other = true; printf("scheduler: commits the watt to another\n") }
  :: d_step { other && !other_draws -> other_draws = true; printf("other: draws\n"); CheckDraw() }
  /* It ends, and is confirmed ended. */
  /* code: scheduler/core/task_reports.cc EndAllocation, RemoveAllocation; scheduler/core/charges.cc ReturnDevices */
  :: d_step { other && raises < RAISES -> other = false; other_draws = false; printf("other: ended\n") }
  /* A crash and a new term: the rows are what is left. Every node whose expiry is not in them counts as renewed now,
   * and owes what it has not confirmed from now on. */
  /* code: scheduler/core/sessions.cc StartTerm; scheduler/core/restore.cc Restore */
  :: d_step {
       grant = row_grant; bound = row_bound; expired = row_expired;
#ifdef WITHOUT_RENEWED_AT_START
       since_renewed = EXPIRY;
#else
       since_renewed = (expired -> EXPIRY : 0);
#endif
       since_ordered = (bound > grant -> 1 : 0);
       printf("scheduler: a new term\n")
     }
  od
}

/* The answer to heartbeat i comes in. What stood before it on the stream has come, or never will. */
inline Renew(i) {
#ifndef WITHOUT_ORDERED_STREAM
  if
  :: behind[i] -> set_rev = 0; set_grant = 0
  :: else
  fi;
#endif
  behind[i] = false;
#ifdef WITHOUT_COUNT_FROM_SEND
  n = (age[i] < L -> L : 0);
#else
#ifdef WITHOUT_ECHO
  n = L - MIN(age[0], age[1]);
#else
  n = L - age[i];
#endif
#endif
  if
  :: n > left ->
#ifdef WITHOUT_NEW_STRETCH
     fresh = fresh || held > 0;
#endif
     left = n; late = 0;
     printf("agent: renewed by the answer to heartbeat %d, %d ticks are left\n", i, left)
  :: else
  fi;
  n = 0;
  /* It was answered; earlier ones say nothing new any more. */
  if
  :: age[1 - i] >= age[i] -> age[1 - i] = L
  :: else
  fi;
  age[i] = L
#if !defined(WITHOUT_ECHO) && !defined(WITHOUT_COUNT_FROM_SEND)
  ; renewal[i] = false
#endif
}

/* A heartbeat takes a slot whose former one can extend nothing any more, whoever still reads or answers that one. */
inline Beat(i) {
  age[i] = 0;
  beat[i] = true; renewal[i] = false; behind[i] = false;
  printf("agent: sends heartbeat %d\n", i)
}

active proctype Agent() {
  do
  /* code: agent/session/node_session.cc SayHeartbeat; agent/reconcile/lease.cc Send */
  :: d_step { alive && age[0] == L -> Beat(0) }
  :: d_step { alive && age[1] == L -> Beat(1) }
  /* code: agent/reconcile/lease.cc Renew; agent/reconcile/reconcile.cc ReceiveRenewal, Fence */
  :: d_step { alive && renewal[0] -> Renew(0) }
  :: d_step { alive && renewal[1] -> Renew(1) }
  /* code: agent/reconcile/held_set.cc Receive; agent/reconcile/reconcile.cc ReceiveSet */
  :: d_step {
       alive && set_rev > 0 ->
       if
       :: set_rev >= held ->
         held = set_rev; held_grant = set_grant; fresh = left > 0;
         printf("agent: holds set %d\n", held)
       :: else
       fi;
       set_rev = 0; set_grant = 0
     }
  /* No raise without a lease, nor by a set of an earlier stretch. */
  /* code: agent/reconcile/reconcile.cc MayRaise, Raise */
  :: d_step {
       alive && fresh && left > 0 && held_grant == 1 && !draws ->
       draws = true; printf("agent: raises\n"); CheckDraw()
     }
  /* code: agent/reconcile/reconcile.cc Lower, LowerOne */
  :: d_step { alive && held > 0 && held_grant == 0 && draws -> draws = false; late = 0; printf("agent: lowers\n") }
  /* A mute agent never says so: nothing here has to happen. */
  /* code: agent/session/node_session.cc SayReport; agent/reconcile/report.cc Report */
  :: d_step {
       alive && held > 0 && held_grant == 0 && !draws && reported < held ->
       reported = held; printf("agent: reports\n")
     }
  /* The end of the lease: the enforcer that counts acts by itself, the agent if it lives. */
  /* code: agent/reconcile/lease.cc FallbackDue; agent/reconcile/reconcile.cc Fence;
   * agent/supervisor/supervisor.cc Run */
  :: d_step { left == 0 && draws && (counts || alive) -> draws = false; late = 0; printf("machine: falls back\n") }
  /* The process dies, with it the stream and what was on its way down. What it sent may still arrive. */
  /* code: agent/reconcile/reconcile.cc SessionStarted; agent/reconcile/lease.cc FallbackDue */
  :: d_step {
       alive ->
       alive = false; held = 0; held_grant = 0; fresh = false;
       age[0] = L; age[1] = L;
       renewal[0] = false; renewal[1] = false; behind[0] = false; behind[1] = false;
       set_rev = 0; set_grant = 0;
       printf("agent: dies\n")
     }
  /* code: agent/session/node_session.cc Connected */
  :: d_step { !alive -> alive = true; printf("agent: starts\n") }
  od
}
