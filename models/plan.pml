/* Plan and earmark: may a gang start on watts that others give up bit by bit?
 *
 * Two budgets of CAP watts. Beneath each a node hashes with what is left, and has a member of each of two gangs. Gang 0
 * wants 2 watts beneath the first and 1 beneath the second budget, gang 1 wants 1 and 2: both open plans, collect what
 * hashing releases, start, run, end, and plan again; plans time out. The members of gang 0 are looked at one by one:
 * they prepare, are released, run, end and fail, their supervisors die, orders and reports are lost, repeated and late.
 * Gang 1 is there to compete for watts. The scheduler crashes between any two batches, also between commit and send.
 *
 * Proven, for executions of any length:
 *   W  what runs beneath a budget never draws more than its cap;
 *   Y  charges and earmarks never add up to more than the cap, no watt is in two plans, and hashing never rises into
 *      what a plan has collected before that plan has ended;
 *   R  after each round what an open plan lacks is ordered down: hashing is granted what is left after it, or nothing;
 *   P  the ledger's earmarks are those of the open plans: every plan's account is closed;
 *   G  no member runs before all members of its attempt have been prepared and the release is durable.
 *
 * Assumed here, because bound.pml proves it: a confirmed bound is the most that is drawn, and sets do not go backwards.
 * Caps are constant, devices are not contended, and a node that is silent for good is left to time-outs.
 *
 * Removed by -DWITHOUT_<RULE>: EARMARK, ONE_PLAN_PER_WATT, FILL_EXCLUSION, PLAN_ROWS, ALL_PREPARED,
 * FULL_IN_EVERY_BUDGET, RETURN_ON_TIMEOUT, EPOCH.
 */

#define CAP 2
#define MIN(p, q) ((p) < (q) -> (p) : (q))
#define NEED(p, b) ((p) == (b) -> 2 : 1)  /* of gang p beneath budget b, on the one node there */
#define AT(p, b) 2 * (p) + (b)

mtype = { PENDING, PLANNED, PREPARE, RUN, STOP, NOTHING, PREPARED, RUNNING, ENDED };

/* ---- the scheduler's rows and ledger ---- */
mtype phase[2] = PENDING;      /* of each gang */
bit oldest = 0;                /* the gang whose plan was opened first */
byte got[4];                   /* what each plan has collected, by gang and budget */
byte earmarked[2];             /* what the ledger counts for plans */
byte charged[2];               /* what it counts for members, from the start until they are confirmed ended */
bit epoch;                     /* of gang 0's attempt */
mtype said[2] = NOTHING;       /* the latest report of each member in its attempt */
byte hash_grant[2] = CAP, hash_bound[2] = CAP;
bool heard[2] = true;          /* the node was heard in this term */

/* ---- the wire ---- */
mtype order[2] = NOTHING;      /* the phase that each member was last told */
bit order_epoch[2];            /* ... in which attempt: odd or even, for no two of them overlap */
mtype report[2] = NOTHING;     /* a report under way; NOTHING: none */
bit report_epoch[2];

/* ---- the machines ---- */
mtype member[2] = NOTHING;
bit member_epoch[2];
byte hash_draw[2] = CAP;

/* ---- what the assertions remember ---- */
byte promised[4];              /* collected for a plan that has not ended */
bool was_prepared[2];          /* in this attempt */

byte take, left;
bool ready;
bool due;                      /* a batch was decided and its round was not: one step with it */

#define DRAW_0(b) (member[b] == RUNNING -> NEED(0, b) : 0)
#define DRAW_1(b) (phase[1] == RUN -> NEED(1, b) : 0)
#define HELD(b) (hash_bound[b] + charged[b])

inline CheckDraw(b) { assert(hash_draw[b] + DRAW_0(b) + DRAW_1(b) <= CAP) /* W */ }

inline CheckLedger() {
  assert(HELD(0) + earmarked[0] <= CAP && HELD(1) + earmarked[1] <= CAP);                         /* Y */
  assert(HELD(0) + got[0] + got[2] <= CAP && HELD(1) + got[1] + got[3] <= CAP);                   /* Y: no watt twice */
  assert(earmarked[0] == got[0] + got[2] && earmarked[1] == got[1] + got[3])                      /* P */
}

/* Headroom of a budget, as plan p sees it.
 * code: scheduler/power/ledger.h Headroom, Earmark */
#ifdef WITHOUT_EARMARK
#define HEADROOM(p, b) (HELD(b) < CAP -> CAP - HELD(b) : 0)
#else
#ifdef WITHOUT_ONE_PLAN_PER_WATT
#define HEADROOM(p, b) (HELD(b) + got[AT(p, b)] < CAP -> CAP - HELD(b) - got[AT(p, b)] : 0)
#else
#define HEADROOM(p, b) (HELD(b) + earmarked[b] < CAP -> CAP - HELD(b) - earmarked[b] : 0)
#endif
#endif

inline Collect(p, b) {
  take = MIN(NEED(p, b) - got[AT(p, b)], HEADROOM(p, b));
  got[AT(p, b)] = got[AT(p, b)] + take;
  earmarked[b] = earmarked[b] + take;
  promised[AT(p, b)] = got[AT(p, b)];
  take = 0
}

/* Everything that a plan has goes back to the ledger.
 * code: scheduler/core/plans.cc ClosePlan */
inline Close(p) {
  earmarked[0] = earmarked[0] - got[AT(p, 0)]; earmarked[1] = earmarked[1] - got[AT(p, 1)];
  got[AT(p, 0)] = 0; got[AT(p, 1)] = 0;
  promised[AT(p, 0)] = 0; promised[AT(p, 1)] = 0
}

/* Gang 0 prepares, under an epoch of its own: what is said of an earlier one is refused from now on. Gang 1, which is
 * there to compete for watts, draws from now on.
 * code: scheduler/core/attempts.cc StartTasks */
inline Start(p) {
  if
  :: p == 0 ->
    phase[0] = PREPARE; epoch = 1 - epoch;
    said[0] = NOTHING; said[1] = NOTHING;
    was_prepared[0] = false; was_prepared[1] = false
  :: else ->
    phase[1] = RUN;
    CheckDraw(0); CheckDraw(1)
  fi
}

/* A plan is topped up; one that is full in every budget becomes the members of an attempt, in the same batch.
 * code: scheduler/core/advance_plans.cc AdvancePlans, Obstacle; scheduler/core/plans.cc ClosePlan;
 * scheduler/core/attempts.cc StartTasks */
inline Advance(p) {
  if
  :: phase[p] == PLANNED ->
    Collect(p, 0);
    Collect(p, 1);
#ifdef WITHOUT_FULL_IN_EVERY_BUDGET
    ready = got[AT(p, 0)] == NEED(p, 0);
#else
    ready = got[AT(p, 0)] == NEED(p, 0) && got[AT(p, 1)] == NEED(p, 1);
#endif
    if
    :: ready && heard[0] && heard[1] ->
      Close(p);
      charged[0] = charged[0] + NEED(p, 0); charged[1] = charged[1] + NEED(p, 1);
      printf("scheduler: the plan of gang %d is full\n", p);
      Start(p)
    :: else
    fi;
    ready = false
  :: else
  fi
}

/* What hashing beneath a budget is granted: what is left after members, earmarks and all that plans still lack.
 * code: scheduler/core/hashing.cc FillHashing; scheduler/core/plans.cc OpenNeeds */
#define LACKS(p, b) (phase[p] == PLANNED -> NEED(p, b) - got[AT(p, b)] : 0)
#ifdef WITHOUT_FILL_EXCLUSION
#define TAKEN(b) (charged[b] + earmarked[b])
#else
#define TAKEN(b) (charged[b] + earmarked[b] + LACKS(0, b) + LACKS(1, b))
#endif
inline Fill(b) {
  left = (TAKEN(b) < CAP -> CAP - TAKEN(b) : 0);
  if
  :: left < hash_grant[b] ->
    hash_grant[b] = left;
    printf("scheduler: orders hashing under budget %d down to %d\n", b, left)
  :: left > hash_grant[b] && hash_bound[b] == hash_grant[b] && heard[b] ->
    left = MIN(left, hash_bound[b] + HEADROOM(0, b));
    if
    :: left > hash_grant[b] ->
      hash_grant[b] = left; hash_bound[b] = left;
      printf("scheduler: orders hashing under budget %d up to %d\n", b, left);
      assert(HELD(b) + promised[AT(0, b)] + promised[AT(1, b)] <= CAP)  /* Y */
    :: else
    fi
  :: else
  fi;
  left = 0;
  assert(hash_grant[b] == 0 || hash_grant[b] + charged[b] + (phase[0] == PLANNED -> NEED(0, b) : 0) +
                                   (phase[1] == PLANNED -> NEED(1, b) : 0) <= CAP)  /* R */
}

/* One round, of one batch: open plans first, oldest first, then the fill, then plans again.
 * code: scheduler/core/round.cc RunRound */
inline Round() {
  if
  :: oldest == 0 -> Advance(0); Advance(1)
  :: else -> Advance(1); Advance(0)
  fi;
  Fill(0);
  Fill(1);
  if
  :: oldest == 0 -> Advance(0); Advance(1)
  :: else -> Advance(1); Advance(0)
  fi;
  CheckLedger()
}

#define ATTEMPT (phase[0] == PREPARE || phase[0] == RUN || phase[0] == STOP)

inline Believe(b) {
  heard[b] = true;
  if
#ifdef WITHOUT_EPOCH
  :: said[b] != ENDED ->
#else
  :: said[b] != ENDED && report_epoch[b] == epoch ->
#endif
    said[b] = report[b];
    if
    :: said[b] == ENDED ->
      charged[b] = charged[b] - NEED(0, b);
      phase[0] = STOP;
      printf("scheduler: member 0/%d has ended\n", b);
      due = true
    :: else -> printf("scheduler: member 0/%d reports\n", b)
    fi
  :: else
  fi;
  report[b] = NOTHING; report_epoch[b] = 0
}

/* What the set of a member's node says of it now. */
#define ORDERED (phase[0] == PENDING || phase[0] == PLANNED -> NOTHING : phase[0])

/* The scheduler's dealings with the plan of gang p. */
inline Plan(p) {
  do
  /* Opening a plan is one batch: it reserves in every budget, and orders down what it lacks. */
  /* code: scheduler/core/plans.cc OpenPlan; scheduler/core/round.cc ServeQueue */
  :: d_step {
       !due && phase[p] == PENDING ->
       phase[p] = PLANNED;
       oldest = (phase[1 - p] == PLANNED -> 1 - p : p);
       printf("scheduler: opens a plan for gang %d\n", p);
       due = true
     }
  /* A plan that times out returns all that it has. */
  /* code: scheduler/core/plans.cc PlanTimer, ClosePlan */
  :: d_step {
       !due && phase[p] == PLANNED ->
       phase[p] = PENDING;
       oldest = 1 - p;
       printf("scheduler: the plan of gang %d times out\n", p);
#ifdef WITHOUT_RETURN_ON_TIMEOUT
       got[AT(p, 0)] = 0; got[AT(p, 1)] = 0;
       promised[AT(p, 0)] = 0; promised[AT(p, 1)] = 0;
#else
       Close(p);
#endif
       due = true
     }
  od
}

active proctype Plan0() { Plan(0) }
active proctype Plan1() { Plan(1) }

/* The scheduler's dealings with the members of gang 0, and the end of gang 1. */
active proctype Attempts() {
  do
  /* Reports come in; one of an ended member gives its watts back, and ends the attempt unless it had run. */
  /* code: scheduler/core/sessions.cc Report;
   * scheduler/core/task_reports.cc TakeTaskReport, EndAllocation, GangMemberEnded */
  :: d_step { !due && report[0] != NOTHING && ATTEMPT -> Believe(0) }
  :: d_step { !due && report[1] != NOTHING && ATTEMPT -> Believe(1) }
  /* The release: durable before it is sent, when the latest report of every member says prepared. */
  /* code: scheduler/core/task_reports.cc CheckGangs */
#ifdef WITHOUT_ALL_PREPARED
  :: d_step { !due && phase[0] == PREPARE && (said[0] == PREPARED || said[1] == PREPARED) && heard[0] && heard[1] ->
#else
  :: d_step { !due && phase[0] == PREPARE && said[0] == PREPARED && said[1] == PREPARED && heard[0] && heard[1] ->
#endif
       phase[0] = RUN; printf("scheduler: releases gang 0\n")
     }
  /* Not prepared in time, cancelled, or preempted. */
  /* code: scheduler/core/attempts.cc StopAttempt, StopAllocation; scheduler/core/task_reports.cc JobTimer */
  :: d_step { !due && (phase[0] == PREPARE || phase[0] == RUN) -> phase[0] = STOP; printf("scheduler: stops gang 0\n") }
  /* All members have ended. */
  /* code: scheduler/core/task_reports.cc FinishAttempt, RemoveAllocation */
  :: d_step {
       !due && phase[0] == STOP && said[0] == ENDED && said[1] == ENDED ->
       phase[0] = PENDING;
       said[0] = NOTHING; said[1] = NOTHING;
       was_prepared[0] = false; was_prepared[1] = false;
       printf("scheduler: the attempt of gang 0 is over\n")
     }
  /* Orders leave after their batch, or never: a crash between commit and send is an order that was not sent. */
  /* code: scheduler/engine/engine.cc MakeDurable, Release; scheduler/rpc/agent_sessions.cc NextSet;
   * scheduler/core/finish.cc FinishOrders */
  :: d_step {
       !due && order[0] != ORDERED ->
       order[0] = ORDERED; order_epoch[0] = (ORDERED == NOTHING -> 0 : epoch);
       printf("scheduler: tells member 0/0\n")
     }
  :: d_step {
       !due && order[1] != ORDERED ->
       order[1] = ORDERED; order_epoch[1] = (ORDERED == NOTHING -> 0 : epoch);
       printf("scheduler: tells member 0/1\n")
     }
  /* code: scheduler/core/task_reports.cc EndAllocation, RemoveAllocation */
  :: d_step {
       !due && phase[1] == RUN ->
       phase[1] = PENDING;
       charged[0] = charged[0] - NEED(1, 0); charged[1] = charged[1] - NEED(1, 1);
       due = true;
       printf("scheduler: gang 1 has ended\n")
     }
  od
}

active proctype Scheduler() {
  do
  /* The round of a batch: no other batch is decided before it. */
  /* code: scheduler/core/round.cc RunRound, FindBlockedBudgets */
  :: d_step { due -> due = false; Round() }
  /* Hashing is confirmed at its grant: the bound falls, and a round follows in the same batch. */
  /* code: scheduler/core/evidence.cc ConfirmBound; scheduler/core/charges.cc ChargeAllocation */
  :: d_step {
       !due && hash_bound[0] > hash_grant[0] && hash_draw[0] <= hash_grant[0] ->
       hash_bound[0] = hash_grant[0]; heard[0] = true;
       printf("scheduler: hashing under budget 0 is confirmed\n"); due = true
     }
  :: d_step {
       !due && hash_bound[1] > hash_grant[1] && hash_draw[1] <= hash_grant[1] ->
       hash_bound[1] = hash_grant[1]; heard[1] = true;
       printf("scheduler: hashing under budget 1 is confirmed\n"); due = true
     }
  /* A node is heard again after a restart. */
  /* code: scheduler/core/sessions.cc BecomeHeard */
  :: d_step { !due && !heard[0] -> heard[0] = true; printf("scheduler: hears node 0\n"); due = true }
  :: d_step { !due && !heard[1] -> heard[1] = true; printf("scheduler: hears node 1\n"); due = true }
  /* A crash and a new term: rows are what is left, plans resume, and the ledger is added up from them. */
  /* code: scheduler/core/restore.cc Restore; scheduler/core/sessions.cc StartTerm; scheduler/core/round.cc RunRound */
  :: d_step {
       !due && (heard[0] || heard[1]) ->
       heard[0] = false; heard[1] = false;
       report[0] = NOTHING; report[1] = NOTHING; report_epoch[0] = 0; report_epoch[1] = 0;  /* of streams that broke */
#ifdef WITHOUT_PLAN_ROWS
       if
       :: phase[0] == PLANNED -> phase[0] = PENDING
       :: else
       fi;
       if
       :: phase[1] == PLANNED -> phase[1] = PENDING
       :: else
       fi;
       got[0] = 0; got[1] = 0; got[2] = 0; got[3] = 0;
#endif
       earmarked[0] = got[0] + got[2]; earmarked[1] = got[1] + got[3];
       printf("scheduler: restarts from its rows\n");
       due = true
     }
  od
}

/* The member of gang 0 on node b. */
inline Member(b) {
  do
  /* code: agent/reconcile/reconcile.cc Raise, DevicesFree; agent/supervisor/supervisor.cc Run */
  :: d_step {
       order[b] == PREPARE && member[b] == NOTHING ->
       member[b] = PREPARED; member_epoch[b] = order_epoch[b]; was_prepared[b] = true;
       printf("member 0/%d: is prepared\n", b)
     }
  /* code: agent/reconcile/reconcile.cc RaiseOne */
  :: d_step {
       order[b] == RUN && member[b] == PREPARED ->
       member[b] = RUNNING;
       printf("member 0/%d: runs\n", b);
       assert(was_prepared[0] && was_prepared[1]);  /* G */
       CheckDraw(b)
     }
  /* It is stopped, ends by itself, or its supervisor dies and it with it. */
  /* code: agent/reconcile/reconcile.cc LowerOne; agent/supervisor/supervisor.cc Run */
  :: d_step { member[b] == PREPARED || member[b] == RUNNING -> member[b] = ENDED; printf("member 0/%d: ends\n", b) }
  /* What ended is forgotten once nobody asks for it, or a later attempt does: within its attempt it stays ended. */
  /* code: agent/reconcile/reconcile.cc Forget */
  :: d_step {
       member[b] == ENDED && (order[b] == NOTHING || order_epoch[b] != member_epoch[b]) ->
       member[b] = NOTHING; member_epoch[b] = 0
     }
  /* A report of the machine; a member that shall run or stop and is not there has ended. */
  /* code: agent/reconcile/report.cc ReportTask, ReportAbsent; agent/session/node_session.cc SayReport */
  :: d_step {
       order[b] != NOTHING && (member[b] != NOTHING || order[b] != PREPARE) ->
       report_epoch[b] = (member[b] == NOTHING -> order_epoch[b] : member_epoch[b]);
       report[b] = (member[b] == NOTHING -> ENDED : member[b]);
       printf("member 0/%d: reports\n", b)
     }
  od
}

active proctype Member0() { Member(0) }
active proctype Member1() { Member(1) }

/* Hashing follows its grant; lowering takes its time. */
active proctype Hashing() {
  do
  /* code: agent/reconcile/reconcile.cc Lower, Raise */
  :: d_step { hash_draw[0] > hash_grant[0] -> hash_draw[0]--; printf("hashing 0: draws %d\n", hash_draw[0]) }
  :: d_step { hash_draw[1] > hash_grant[1] -> hash_draw[1]--; printf("hashing 1: draws %d\n", hash_draw[1]) }
  :: d_step {
       hash_draw[0] < hash_grant[0] ->
       hash_draw[0]++; printf("hashing 0: draws %d\n", hash_draw[0]); CheckDraw(0)
     }
  :: d_step {
       hash_draw[1] < hash_grant[1] ->
       hash_draw[1]++; printf("hashing 1: draws %d\n", hash_draw[1]); CheckDraw(1)
     }
  od
}
