/* Revision and bound: may a scheduler that knows only what it ordered and what it was told give watts away?
 *
 * Two allocations share one node and one budget of CAP watts. The scheduler orders grants, one revision of the node's
 * set for each change; sets and reports are lost, repeated, reordered and late; the agent lowers, raises, complies step
 * by step and restarts; the scheduler crashes and goes on from its rows. Its ledger is the sum of the bounds
 *
 *     bound = max(grant in force at r, w, every grant ordered after r),
 *
 * r the last confirmed revision and w the watts confirmed for it.
 *
 * Proven, for every execution of 5 revisions with grants of 0 or 2 and of 0 or 1 watts, and with -DALL_GRANTS of 3
 * revisions with grants of 0, 1 or 2 and of 0 or 1 watts, beneath a cap of 2 watts:
 *   W  an allocation never draws more than its bound, and all together never more than the cap;
 *   Y  a grant rises only into headroom: the bounds never add up to more than the cap;
 *   N  on its way from one set to the next a node's limits never exceed the greater of what was set and what shall be.
 *
 * Left to the other models: leases (lease.pml; here the agent always may raise), terms and identities (session.pml),
 * earmarks (plan.pml). Not modelled: disobedient devices, one of W's exceptions; the merge of more than 16 orders,
 * which tests/scheduler/power holds to "only raises".
 *
 * Removed by -DWITHOUT_<RULE>: CONFIRMATION_WAIT, REVISION_MATCH, MAX_OVER_LATER_GRANTS, GRANT_IN_FORCE,
 * VALUED_CONFIRMATION, REPORT_SEQUENCE, LOWERING_FIRST, FRESH_STREAM.
 */

#define CAP 2
#ifdef ALL_GRANTS
#define LAST 3  /* revisions */
#else
#define LAST 5
#endif

/* ---- the scheduler: what it committed ---- */
byte rev = 1;               /* revision of the node's set; the first one grants nothing */
byte grant[2 * LAST + 2];             /* [2 * revision + allocation] of every revision that was committed */
byte confirmed[2] = 1;      /* r of each allocation */
byte watts[2];              /* w of each allocation */
byte row_confirmed[2] = 1;  /* what a restart finds on the disk of both */
byte row_watts[2];
byte bound[2];              /* what the ledger counts */

/* ---- the wire: sets of one stream by revision, and reports, each until another takes its place ---- */
bool sent[LAST + 1];
byte report_rev[4];  /* of the newest report, then of one that is late: [2 * late + allocation]; 0: none */
byte report_watts[4];
byte taken;  /* by the reports' own numbers: 0 neither was taken, 1 the late one is as old as one taken, 2 both are */

/* ---- the agent and its machine ---- */
byte held = 0;           /* revision of the set that it holds; 0: a new process holds none */
byte followed[2];        /* the last revision carried out for each allocation */
byte limit[2];           /* what the devices are set to: outlives the agent */
byte draw[2];            /* what they draw: at most the limit, once they have complied */
byte most;               /* N: what the limits may add up to until the next set */

byte x, y, i, value, before;  /* of one step only: 0 between steps */

#define GRANT(r, a) grant[2 * (r) + (a)]
#define MAX(p, q) ((p) > (q) -> (p) : (q))

/* W, on the machine itself. */
inline CheckDraw() {
  assert(draw[0] <= bound[0] && draw[1] <= bound[1]);
  assert(draw[0] + draw[1] <= CAP)
}

/* The most that allocation a may draw.
 * code: scheduler/power/bound.cc value */
inline Value(a) {
#ifdef WITHOUT_CONFIRMATION_WAIT
  value = GRANT(rev, a);
#else
  value = watts[a];
#ifdef WITHOUT_GRANT_IN_FORCE
  i = confirmed[a] + 1;
#else
  i = confirmed[a];
#endif
#ifdef WITHOUT_MAX_OVER_LATER_GRANTS
  if
  :: rev > confirmed[a] -> i = rev
  :: else
  fi;
#endif
  do
  :: i <= rev -> value = MAX(value, GRANT(i, a)); i++
  :: else -> break
  od;
  i = 0
#endif
}

/* A claim of allocation a that came in a report: at revision r at most w from now on.
 * code: scheduler/core/evidence.cc TakeClaim, ConfirmBound; scheduler/power/bound.cc Confirm */
inline Take(a, r, w) {
  if
#ifdef WITHOUT_REVISION_MATCH
  :: r > 0 ->
    confirmed[a] = rev;
#else
  :: r > 0 && r >= confirmed[a] ->
    confirmed[a] = r;
#endif
#ifdef WITHOUT_VALUED_CONFIRMATION
    watts[a] = GRANT(confirmed[a], a);
#else
    watts[a] = w;
#endif
    before = bound[a];
    Value(a);
    bound[a] = value;
    value = 0;
    /* A confirmation that changes no bound makes no row, but for one that leaves nothing open. */
    if
    :: bound[a] != before || confirmed[a] == rev -> row_confirmed[a] = confirmed[a]; row_watts[a] = watts[a]
    :: else
    fi;
    before = 0
  :: else
  fi
}


/* Reports are numbered: one that is overtaken by a later one, or comes twice, is dropped. Otherwise of two claims for
 * one revision the older, higher one could raise a bound again after its watts were given away.
 * code: scheduler/core/sessions.cc Report */
#ifdef WITHOUT_REPORT_SEQUENCE
#define NEW(report) true
#else
#define NEW(report) (taken < (report))
#endif

active proctype Scheduler() {
  do
  /* The fill or a plan wants other grants: lowerings as it likes, raises into headroom only; committed at once. */
  /* code: scheduler/core/charges.cc OrderGrant; scheduler/core/hashing.cc FillHashing;
   * scheduler/power/bound.cc Order */
  :: atomic {
       rev < LAST ->
       if
       :: x = 0
#ifdef ALL_GRANTS
       :: x = 1
#endif
       :: x = 2
       fi;
       if
       :: y = 0
       :: y = 1
       fi;
       if
       :: (x != GRANT(rev, 0) || y != GRANT(rev, 1)) &&
          ((x <= GRANT(rev, 0) && y <= GRANT(rev, 1)) || MAX(bound[0], x) + MAX(bound[1], y) <= CAP) ->
         rev++;
         GRANT(rev, 0) = x;
         GRANT(rev, 1) = y;
         Value(0); bound[0] = value;
         Value(1); bound[1] = value;
         value = 0;
         /* An order is a row with all that its allocation knows. */
         row_confirmed[0] = confirmed[0]; row_watts[0] = watts[0];
         row_confirmed[1] = confirmed[1]; row_watts[1] = watts[1];
         printf("scheduler: commits revision %d: A %d, B %d; counts A %d, B %d\n", rev, x, y, bound[0], bound[1]);
         assert(bound[0] + bound[1] <= CAP)  /* Y */
       :: else
       fi;
       x = 0; y = 0
     }
  /* The newest set goes onto the stream; what is lost or never sent is sent again. */
  /* code: scheduler/rpc/agent_sessions.cc NextSet; scheduler/core/finish.cc FinishOrders */
  :: d_step { !sent[rev] -> sent[rev] = true; printf("scheduler: sends set %d\n", rev) }
  /* A report comes in, the newer or the older of two. */
  /* code: scheduler/core/sessions.cc Report; scheduler/core/evidence.cc TakeClaim, TryClaim, ConfirmBound */
  :: d_step {
       report_rev[0] + report_rev[1] > 0 && NEW(2) ->
       taken = 2;
       Take(0, report_rev[0], report_watts[0]);
       Take(1, report_rev[1], report_watts[1]);
       printf("scheduler: takes report A %d at %d, B %d at %d; counts A %d, B %d\n", report_watts[0], report_rev[0],
              report_watts[1], report_rev[1], bound[0], bound[1]);
       CheckDraw()
     }
  :: d_step {
       report_rev[2] + report_rev[3] > 0 && NEW(1) ->
       taken = MAX(taken, 1);
       Take(0, report_rev[2], report_watts[2]);
       Take(1, report_rev[3], report_watts[3]);
       printf("scheduler: takes report A %d at %d, B %d at %d; counts A %d, B %d\n", report_watts[2], report_rev[2],
              report_watts[3], report_rev[3], bound[0], bound[1]);
       CheckDraw()
     }
  /* A crash between commit and send, or anywhere else: the rows are what is left. */
  /* code: scheduler/core/restore.cc Restore; scheduler/core/rows.cc FromRow */
  :: d_step {
       confirmed[0] != row_confirmed[0] || confirmed[1] != row_confirmed[1] || watts[0] != row_watts[0] ||
       watts[1] != row_watts[1] ->
       confirmed[0] = row_confirmed[0]; watts[0] = row_watts[0];
       confirmed[1] = row_confirmed[1]; watts[1] = row_watts[1];
       Value(0); bound[0] = value;
       Value(1); bound[1] = value;
       value = 0;
       printf("scheduler: restarts from its rows; counts A %d, B %d\n", bound[0], bound[1]);
       CheckDraw()
     }
  od
}

/* Set r comes in: never, once, again, or after later ones.
 * code: agent/session/node_session.cc Receive; agent/reconcile/held_set.cc Receive */
inline Hold(r) {
  held = r;
  most = MAX(limit[0] + limit[1], GRANT(r, 0) + GRANT(r, 1));
#ifndef WITHOUT_FRESH_STREAM
  i = 1;  /* what is older is refused from now on: as good as lost */
  do
  :: i < r -> sent[i] = false; i++
  :: else -> break
  od;
  i = 0;
#endif
  printf("agent: holds set %d\n", r)
}

/* What a report would say of allocation a now: the revision carried out, and the most that it draws from now on.
 * code: agent/reconcile/reconcile.cc NoteFollowed, CarriedOut; agent/reconcile/report.cc ReportTask */
inline Say(a) {
  if
  :: limit[a] <= GRANT(held, a) -> followed[a] = held
  :: else
  fi;
  report_rev[a] = followed[a];
  report_watts[a] = (followed[a] > 0 -> MAX(limit[a], draw[a]) : 0)
}

#define CARRIED_OUT (limit[0] <= GRANT(held, 0) && limit[1] <= GRANT(held, 1))
#ifdef WITHOUT_LOWERING_FIRST
#define MAY_RAISE (held > 0)
#else
#define MAY_RAISE (held > 0 && CARRIED_OUT)
#endif

active proctype Agent() {
  do
  /* code: agent/reconcile/held_set.cc Receive */
  :: d_step { sent[1] && held < 1 -> Hold(1) }
  :: d_step { sent[2] && held < 2 -> Hold(2) }
  :: d_step { sent[3] && held < 3 -> Hold(3) }
#if LAST > 3
  :: d_step { sent[4] && held < 4 -> Hold(4) }
  :: d_step { sent[5] && held < 5 -> Hold(5) }
#endif
  /* Lowerings of a set come first. */
  /* code: agent/reconcile/reconcile.cc Lower, LowerOne */
  :: d_step { held > 0 && limit[0] > GRANT(held, 0) -> limit[0] = GRANT(held, 0); printf("agent: lowers A\n") }
  :: d_step { held > 0 && limit[1] > GRANT(held, 1) -> limit[1] = GRANT(held, 1); printf("agent: lowers B\n") }
  /* Raises wait until every lowering of the revision is carried out. */
  /* code: agent/reconcile/reconcile.cc Raise, RaiseOne, Decide */
  :: d_step {
       MAY_RAISE && limit[0] < GRANT(held, 0) ->
       limit[0] = GRANT(held, 0);
       printf("agent: raises A to %d\n", limit[0]);
       assert(limit[0] + limit[1] <= most)  /* N */
     }
  :: d_step {
       MAY_RAISE && limit[1] < GRANT(held, 1) ->
       limit[1] = GRANT(held, 1);
       printf("agent: raises B to %d\n", limit[1]);
       assert(limit[0] + limit[1] <= most)  /* N */
     }
  /* A report goes out. The one before it was lost, or is under way still and may be overtaken. */
  /* code: agent/session/node_session.cc SayReport; agent/reconcile/report.cc Report */
  :: d_step { held > 0 -> taken = (taken == 0 -> 0 : 1); Say(0); Say(1); printf("agent: reports\n") }
  :: d_step {
       held > 0 && report_rev[0] + report_rev[1] > 0 ->
       report_rev[2] = report_rev[0]; report_watts[2] = report_watts[0];
       report_rev[3] = report_rev[1]; report_watts[3] = report_watts[1];
       taken = (taken == 2 -> 1 : 0);
       Say(0); Say(1);
       printf("agent: reports, the report before it is late\n")
     }
  /* A new process: it holds no set and its stream is a new one, but the machine is as it was. What the old stream still
   * carried towards it never arrives; what it carried towards the scheduler may. */
  /* code: agent/reconcile/reconcile.cc SessionStarted; agent/session/session.cc Connect */
  :: d_step {
       held > 0 ->
       held = 0; followed[0] = 0; followed[1] = 0; most = 0;
#ifndef WITHOUT_FRESH_STREAM
       i = 1;
       do
       :: i <= LAST -> sent[i] = false; i++
       :: else -> break
       od;
       i = 0;
#endif
       printf("agent: restarts\n")
     }
  od
}

/* The devices comply within their ramps, a watt at a time, and draw what they like below their limits. */
active proctype Devices() {
  do
  /* code: agent/runtime/runtime.h Observe */
  :: d_step { draw[0] > limit[0] -> draw[0]--; printf("device: A draws %d\n", draw[0]) }
  :: d_step { draw[1] > limit[1] -> draw[1]--; printf("device: B draws %d\n", draw[1]) }
  :: d_step { draw[0] < limit[0] -> draw[0] = limit[0]; printf("device: A draws %d\n", draw[0]); CheckDraw() }
  :: d_step { draw[1] < limit[1] -> draw[1] = limit[1]; printf("device: B draws %d\n", draw[1]); CheckDraw() }
  od
}
