/* All together: two nodes that hash beneath one budget of 2 watts, and a gang with a member on each that wants them
 * both.
 *
 * Leases with clocks that drift, revisions and bounds, two terms with an outlived leader that goes on speaking, plans,
 * earmarks, epochs and releases run side by side here, as each was looked at alone in lease.pml, bound.pml, session.pml
 * and plan.pml. What those assume of each other is no assumption here.
 *
 * Not exhaustive: the states are far too many. Spin keeps one bit string per state instead of the state (bitstate
 * search) and so leaves out what falls onto the same bits. A counter-example is real; its absence proves nothing by
 * itself.
 *
 * Looked for: W, Y and G as in plan.pml, T as in session.pml.
 * Removed by -DWITHOUT_<RULE>: TERM_CHECK, EARMARK. Counter-examples to the other rules lie deeper than this search is
 * sure to come.
 */

#define CAP 2
#define LAST 6                 /* revisions of a node */
#define L 2
#define RAMP 1
#define EXPIRY (L + 1 + RAMP)  /* 1: the drift */
#define CONFIRM 1
#define MIN(p, q) ((p) < (q) -> (p) : (q))

mtype = { PENDING, PLANNED, PREPARE, RUN, STOP, NOTHING, PREPARED, RUNNING, ENDED };

/* ---- the scheduler ---- */
byte term = 1;
mtype phase = PENDING;         /* of the gang */
bit epoch;
byte earmarked;
byte rev[2] = 1, ordered_at[2] = 1, confirmed[2] = 1;  /* revisions: newest, newest with a grant, confirmed */
bit grant[2] = 1, watts[2] = 1;
bool charged[2];               /* the member's watt */
mtype said[2] = NOTHING;
bool session[2] = true, heard[2] = true, expired[2];
byte since_renewed[2], since_ordered[2];
bool due;

/* ---- the wire of each node: a set, the last one of the leader before, a heartbeat, its answer, a report ---- */
byte set_term[2], set_rev[2], stale_rev[2], renewal_term[2], report_rev[2];
bit set_grant[2], stale_grant[2], set_epoch[2], stale_epoch[2], report_watts[2], report_epoch[2];
mtype set_phase[2] = NOTHING, stale_phase[2] = NOTHING, report_said[2] = NOTHING;
bool beat[2], behind[2], report[2];

/* ---- the agents and their machines ---- */
byte follows[2] = 1, held[2] = 1, followed[2] = 1, left[2] = L, age[2] = L, late[2], steady[2] = L;
bit held_grant[2] = 1, held_epoch[2], member_epoch[2];
mtype held_phase[2] = NOTHING, member[2] = NOTHING;
bool known[2] = true, fresh[2] = true, welcomed[2] = true, scanned[2] = true, draws[2] = true, was_prepared[2];

byte take, room;

#define BOUND(n) (watts[n] | (ordered_at[n] >= confirmed[n] -> 1 : 0))
#define COUNTED (BOUND(0) + BOUND(1) + charged[0] + charged[1])
#ifdef WITHOUT_EARMARK
#define HEADROOM (COUNTED < CAP -> CAP - COUNTED : 0)
#else
#define HEADROOM (COUNTED + earmarked < CAP -> CAP - COUNTED - earmarked : 0)
#endif
#define MEMBER_DRAWS(n) (member[n] == RUNNING -> 1 : 0)
#define AVAILABLE(n) (session[n] && heard[n] && !expired[n] && since_renewed[n] < L)
#define GANG_OF(n) (phase == PENDING || phase == PLANNED -> NOTHING : phase)

inline CheckDraw() { assert(draws[0] + draws[1] + MEMBER_DRAWS(0) + MEMBER_DRAWS(1) <= CAP) /* W */ }

/* Time of node n: a tick of the scheduler's clock, of which its own misses at most one in L + 1.
 * code: scheduler/core/sessions.cc LeaseExpiry; agent/reconcile/lease.cc Runs */
inline Pass(n, missed) {
  late[n] = (left[n] == 0 && draws[n] -> late[n] + 1 : 0);
  if
  :: missed -> steady[n] = 0
  :: else ->
    steady[n] = MIN(L, steady[n] + 1);
    left[n] = (left[n] > 0 -> left[n] - 1 : 0);
    age[n] = MIN(L, age[n] + 1);
    fresh[n] = fresh[n] && left[n] > 0;
    known[n] = known[n] && left[n] > 0
  fi;
  since_renewed[n] = MIN(EXPIRY, since_renewed[n] + 1);
  since_ordered[n] = (since_ordered[n] > 0 -> MIN(CONFIRM + 2, since_ordered[n] + 1) : 0)
}
#define PROMPT(n) ((since_renewed[n] < EXPIRY || expired[n]) && !(draws[n] && left[n] == 0 && late[n] == RAMP))

active proctype Time() {
  do
  /* code: scheduler/core/sessions.cc NodeTimer; agent/reconcile/lease.cc NextDeadline */
  :: d_step { !due && PROMPT(0) && PROMPT(1) -> Pass(0, false); Pass(1, false); printf("time: a tick\n") }
  :: d_step {
       !due && PROMPT(0) && PROMPT(1) && steady[0] == L ->
       Pass(0, true); Pass(1, false); printf("time: a tick, missed by node 0\n")
     }
  :: d_step {
       !due && PROMPT(0) && PROMPT(1) && steady[1] == L ->
       Pass(0, false); Pass(1, true); printf("time: a tick, missed by node 1\n")
     }
  od
}

/* A new revision of the set of node n grants its hashing g. */
inline Order(n, g) {
  rev[n]++; grant[n] = g;
  if
  :: g == 1 -> ordered_at[n] = rev[n]
  :: else -> since_ordered[n] = (since_ordered[n] == 0 -> 1 : since_ordered[n])
  fi;
  printf("scheduler: orders node %d to %d, revision %d\n", n, g, rev[n])
}

inline FillNode(n) {
  if
  :: grant[n] == 1 && room == 0 && rev[n] < LAST -> Order(n, 0)
  :: grant[n] == 0 && room > 0 && BOUND(n) == 0 && HEADROOM > 0 && since_ordered[n] == 0 && AVAILABLE(n) &&
     rev[n] < LAST - 1 ->
    Order(n, 1)
  :: else
  fi;
  room = (room > 0 -> room - 1 : 0)
}

inline Advance() {
  if
  :: phase == PLANNED ->
    take = MIN(CAP - earmarked, HEADROOM);
    earmarked = earmarked + take; take = 0;
    if
    :: earmarked == CAP && AVAILABLE(0) && AVAILABLE(1) ->
      earmarked = 0; charged[0] = true; charged[1] = true;
      phase = PREPARE; epoch = 1 - epoch;
      said[0] = NOTHING; said[1] = NOTHING; was_prepared[0] = false; was_prepared[1] = false;
      printf("scheduler: the plan is full, the members prepare\n")
    :: else
    fi
  :: else
  fi
}

/* What goes with a stream that ends. */
inline NoSet(n) {
  set_term[n] = 0; set_rev[n] = 0; set_grant[n] = 0; set_phase[n] = NOTHING; set_epoch[n] = 0;
  behind[n] = false
}

inline NoReport(n) {
  report[n] = false;
  report_rev[n] = 0; report_watts[n] = 0; report_said[n] = NOTHING; report_epoch[n] = 0
}

/* The leader before goes on speaking: what it last sent, or last committed. */
inline NewTerm(n) {
  stale_rev[n] = (set_rev[n] > 0 -> set_rev[n] : rev[n]);
  stale_grant[n] = (set_rev[n] > 0 -> set_grant[n] : grant[n]);
  stale_phase[n] = (set_rev[n] > 0 -> set_phase[n] : GANG_OF(n));
  stale_epoch[n] = (set_rev[n] > 0 -> set_epoch[n] : epoch);
  NoSet(n);
  session[n] = false; heard[n] = false;
  since_renewed[n] = (expired[n] -> EXPIRY : 0);
  since_ordered[n] = (BOUND(n) > grant[n] -> 1 : 0)
}

active proctype Rounds() {
  do
  /* code: scheduler/core/round.cc RunRound; scheduler/core/advance_plans.cc AdvancePlans;
   * scheduler/core/hashing.cc FillHashing */
  :: d_step {
       due ->
       due = false;
       Advance();
       room = charged[0] + charged[1] + (phase == PLANNED -> CAP : 0);
       room = (room < CAP -> CAP - room : 0);
       FillNode(0); FillNode(1); room = 0;
       Advance();
       assert(COUNTED + earmarked <= CAP)  /* Y */
     }
  /* code: scheduler/core/plans.cc OpenPlan */
  :: d_step { !due && phase == PENDING -> phase = PLANNED; due = true; printf("scheduler: opens a plan\n") }
  /* code: scheduler/core/plans.cc PlanTimer, ClosePlan */
  :: d_step {
       !due && phase == PLANNED ->
       phase = PENDING; earmarked = 0; due = true; printf("scheduler: the plan times out\n")
     }
  /* code: scheduler/core/task_reports.cc CheckGangs */
  :: d_step {
       !due && phase == PREPARE && said[0] == PREPARED && said[1] == PREPARED && heard[0] && heard[1] ->
       phase = RUN; printf("scheduler: releases the gang\n")
     }
  /* code: scheduler/core/attempts.cc StopAttempt */
  :: d_step { !due && (phase == PREPARE || phase == RUN) -> phase = STOP; printf("scheduler: stops the gang\n") }
  /* code: scheduler/core/task_reports.cc FinishAttempt */
  :: d_step {
       !due && phase == STOP && said[0] == ENDED && said[1] == ENDED ->
       phase = PENDING; said[0] = NOTHING; said[1] = NOTHING; was_prepared[0] = false; was_prepared[1] = false;
       due = true;
       printf("scheduler: the attempt is over\n")
     }
  /* A new term: sessions are gone, leases count from now, rows and plans are what they were. */
  /* code: scheduler/core/sessions.cc StartTerm; scheduler/core/restore.cc Restore;
   * scheduler/store/rocks_store.cc StartTerm */
  :: d_step {
       !due && term == 1 ->
       term = 2;
       NewTerm(0); NewTerm(1);
       due = true;
       printf("scheduler: a new term\n")
     }
  od
}

/* What the scheduler does about node n. */
inline Serve(n) {
  do
  /* code: scheduler/core/sessions.cc Heartbeat */
  :: d_step {
       !due && session[n] && beat[n] && since_ordered[n] <= CONFIRM + 1 ->
       beat[n] = false; since_renewed[n] = 0; expired[n] = false;
       renewal_term[n] = term; behind[n] = set_rev[n] > 0;
       printf("scheduler: answers node %d\n", n)
     }
  /* code: scheduler/core/sessions.cc ExpireLease; scheduler/core/hashing.cc ExpiryReleases */
  :: d_step {
       !due && since_renewed[n] == EXPIRY && !expired[n] ->
       expired[n] = true;
       if
       :: rev[n] < LAST -> Order(n, 0); confirmed[n] = rev[n]; watts[n] = 0; since_ordered[n] = 0; due = true
       :: else
       fi;
       printf("scheduler: the lease of node %d is over\n", n)
     }
  /* code: scheduler/rpc/agent_sessions.cc NextSet */
  :: d_step {
       !due && session[n] && (set_rev[n] != rev[n] || set_phase[n] != GANG_OF(n) || set_epoch[n] != epoch) ->
       set_term[n] = term; set_rev[n] = rev[n];
       set_grant[n] = grant[n]; set_phase[n] = GANG_OF(n); set_epoch[n] = epoch;
       behind[n] = false;
       printf("scheduler: sends node %d its set %d\n", n, rev[n])
     }
  /* code: scheduler/core/sessions.cc Hello, Objection, EndSession */
  :: d_step {
       !due && follows[n] <= term && !(session[n] && welcomed[n]) ->
       session[n] = true; heard[n] = false; welcomed[n] = false; renewal_term[n] = 0; NoSet(n); NoReport(n);
       printf("scheduler: node %d says hello\n", n)
     }
  /* code: scheduler/core/sessions.cc Report; scheduler/core/evidence.cc ConfirmBound;
   * scheduler/core/task_reports.cc TakeTaskReport, EndMissing */
  :: d_step {
       !due && session[n] && report[n] ->
       heard[n] = true;
       if
       :: report_rev[n] >= confirmed[n] ->
         confirmed[n] = report_rev[n]; watts[n] = report_watts[n];
         since_ordered[n] = (BOUND(n) == grant[n] -> 0 : since_ordered[n])
       :: else
       fi;
       if
       :: charged[n] && report_epoch[n] == epoch && report_said[n] != NOTHING ->
         said[n] = report_said[n];
         charged[n] = said[n] != ENDED;
         phase = (said[n] == ENDED -> STOP : phase)
       :: else
       fi;
       printf("scheduler: node %d reports %d at revision %d\n", n, report_watts[n], report_rev[n]);
       NoReport(n); due = true
     }
  od
}

active proctype Serve0() { Serve(0) }
active proctype Serve1() { Serve(1) }

#ifdef WITHOUT_TERM_CHECK
#define ACCEPTS(n, from) true
#else
#define ACCEPTS(n, from) ((from) >= follows[n])
#endif

inline Hold(n, r, g, p, e) {
  if
  :: r >= held[n] ->
    held[n] = r; held_grant[n] = g; held_phase[n] = p; held_epoch[n] = e;
    fresh[n] = left[n] > 0 && known[n];
    printf("agent %d: holds set %d\n", n, r)
  :: else
  fi
}

/* The agent of node n, its machine and its member of the gang. */
inline Agent(n) {
  do
  /* code: agent/session/node_session.cc TakeWelcome, Follow */
  :: d_step { session[n] && !welcomed[n] && ACCEPTS(n, term) -> follows[n] = term; welcomed[n] = true }
  /* code: agent/session/node_session.cc SayHeartbeat; agent/reconcile/lease.cc Send */
  :: d_step {
       session[n] && welcomed[n] && age[n] == L ->
       age[n] = 0; beat[n] = true; renewal_term[n] = 0; printf("agent %d: heartbeat\n", n)
     }
  /* code: agent/reconcile/lease.cc Renew; agent/reconcile/reconcile.cc Fence */
  :: d_step {
       renewal_term[n] > 0 && ACCEPTS(n, renewal_term[n]) ->
       follows[n] = renewal_term[n];
       if
       :: behind[n] -> NoSet(n)
       :: else
       fi;
       if
       :: L - age[n] > left[n] ->
         fresh[n] = fresh[n] && left[n] > 0 && known[n]; left[n] = L - age[n]; late[n] = 0; known[n] = true
       :: else
       fi;
       age[n] = L; renewal_term[n] = 0; behind[n] = false;
       printf("agent %d: is renewed for %d\n", n, left[n])
     }
  /* code: agent/reconcile/held_set.cc Receive; agent/reconcile/reconcile.cc AcceptSender */
  :: d_step {
       set_rev[n] > 0 && ACCEPTS(n, set_term[n]) ->
       follows[n] = set_term[n]; Hold(n, set_rev[n], set_grant[n], set_phase[n], set_epoch[n]); NoSet(n)
     }
  :: d_step {
       stale_rev[n] > 0 && ACCEPTS(n, 1) ->
       assert(follows[n] == 1);  /* T */
       Hold(n, stale_rev[n], stale_grant[n], stale_phase[n], stale_epoch[n])
     }
  /* code: agent/reconcile/reconcile.cc Lower, LowerOne */
  :: d_step {
       held[n] > 0 && held_grant[n] == 0 && draws[n] ->
       draws[n] = false; late[n] = 0; printf("node %d: stops hashing\n", n)
     }
  /* code: agent/reconcile/reconcile.cc Fence; agent/supervisor/supervisor.cc Run */
  :: d_step { left[n] == 0 && draws[n] -> draws[n] = false; late[n] = 0; printf("node %d: falls back\n", n) }
  /* code: agent/reconcile/reconcile.cc Raise, MayRaise */
  :: d_step {
       fresh[n] && left[n] > 0 && held_grant[n] == 1 && !draws[n] ->
       draws[n] = true; printf("node %d: hashes\n", n); CheckDraw()
     }
  /* code: agent/reconcile/reconcile.cc Raise, DevicesFree; agent/supervisor/supervisor.cc Run */
  :: d_step {
       fresh[n] && left[n] > 0 && held_phase[n] == PREPARE && member[n] == NOTHING && held_grant[n] >= draws[n] ->
       member[n] = PREPARED; member_epoch[n] = held_epoch[n]; was_prepared[n] = true;
       printf("member %d: is prepared\n", n)
     }
  /* code: agent/reconcile/reconcile.cc RaiseOne */
  :: d_step {
       fresh[n] && left[n] > 0 && held_phase[n] == RUN && member[n] == PREPARED && held_epoch[n] == member_epoch[n] ->
       member[n] = RUNNING;
       printf("member %d: runs\n", n);
       assert(was_prepared[0] && was_prepared[1]);  /* G */
       CheckDraw()
     }
  /* code: agent/reconcile/reconcile.cc LowerOne; agent/supervisor/supervisor.cc Run */
  :: d_step { member[n] == PREPARED || member[n] == RUNNING -> member[n] = ENDED; printf("member %d: ends\n", n) }
  /* code: agent/reconcile/reconcile.cc Forget */
  :: d_step {
       member[n] == ENDED && held[n] > 0 && (held_phase[n] == NOTHING || held_epoch[n] != member_epoch[n]) ->
       member[n] = NOTHING; member_epoch[n] = 0
     }
  /* code: agent/reconcile/report.cc Report; agent/reconcile/reconcile.cc NoteFollowed, Decide */
  :: d_step {
       session[n] && welcomed[n] && scanned[n] ->
       followed[n] = (held[n] > 0 && held_grant[n] >= draws[n] -> held[n] : followed[n]);
       report[n] = true; report_rev[n] = followed[n]; report_watts[n] = draws[n];
       if
       :: member[n] != NOTHING -> report_said[n] = member[n]; report_epoch[n] = member_epoch[n]
       :: member[n] == NOTHING && held[n] > 0 && (held_phase[n] == RUN || held_phase[n] == STOP) ->
         report_said[n] = ENDED; report_epoch[n] = held_epoch[n]
       :: else -> report_said[n] = NOTHING; report_epoch[n] = 0
       fi;
       printf("agent %d: reports\n", n)
     }
  /* code: agent/runtime/runtime.h Observe */
  :: d_step { !scanned[n] -> scanned[n] = true }
  /* A new process: the machine, the supervisors and the leader that it follows outlive it. */
  /* code: agent/session/state_directory.cc Open; agent/reconcile/reconcile.cc RestoreSender, SessionStarted */
  :: d_step {
       session[n] ->
       session[n] = false; heard[n] = false; welcomed[n] = false;
       scanned[n] = false; known[n] = false; fresh[n] = false;
       held[n] = 0; held_grant[n] = 0; held_phase[n] = NOTHING; held_epoch[n] = 0; followed[n] = 0;
       age[n] = L; renewal_term[n] = 0; NoSet(n);
       printf("agent %d: restarts\n", n)
     }
  od
}

active proctype Agent0() { Agent(0) }
active proctype Agent1() { Agent(1) }
