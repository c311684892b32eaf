/* Session and term: whose words does an agent follow, and whose reports does a scheduler believe?
 *
 * One node with one hashing allocation, whose watt (and device) is wanted elsewhere. Leaders follow each other: a new
 * term of the same store, then a backup that was restored beside it; the leader before keeps on speaking. The agent
 * restarts with its state directory or is wiped of it; a clone, another machine with the node's name, says hello; the
 * stream breaks at any time. A leader is known by its store incarnation and its term, here one number that rises with
 * both: 1 is (1, 1), 2 is (1, 2), 3 is (2, 2), for a backup of the first term begins its own second one.
 *
 * Proven, for every execution of these three leaders and LAST revisions:
 *   W  the node and the other allocation never draw the one watt together;
 *   D  nor is the node's device given to another before the task on it has ended: it is the same assertion;
 *   T  an agent that was not wiped never acts on the word of a leader after it acted on a later one's.
 *
 * Assumed here, because lease.pml proves it: expiry comes after the enforced end of the lease, and answers given before
 * extend nothing after it. The enforcer is one that counts. The backup is of any age: the node is granted nothing in it,
 * or what was taken back since; the other may draw and the backup not know of it.
 *
 * Removed by -DWITHOUT_<RULE>: TERM_CHECK, DURABLE_TERM, INCARNATION, SCAN_FIRST, LEASE_FOR_RAISE, HARDWARE_CHECK,
 * SESSION_CHECK, WELCOME_FIRST, HEARD_FIRST, STOCK_FIRST.
 */

#define LAST 4

#ifdef WITHOUT_INCARNATION
#define ORDER(leader) ((leader) > 2 -> 2 : (leader))  /* the term alone */
#else
#define ORDER(leader) (leader)
#endif

/* ---- the leader ---- */
byte leader = 1;
byte rev = 1;
bit grant[LAST + 2];          /* by revision */
byte confirmed = 1;
bit watts = 0;
bit bound = 0;
byte session = 1;             /* who speaks for the node: 0 nobody, 1 its machine, 2 the clone */
bool heard = true;            /* it reported completely in this session */
bool unknown = false;         /* a restored store that has no claim of the node for a revision of its own yet */
bool stocked = false;         /* ... but a first report of this session: its set raises nothing, and is sent */
bool other_unknown = false;   /* a restored store that has not heard of the other's node yet */
bool expired = false;
bool other = false, other_draws = false;

/* ---- the leader before, which goes on saying what it last committed, or last sent ---- */
byte stale = 0;
byte stale_rev = 0;
bit stale_grant = 0;

/* ---- the stream ---- */
byte set_of = 0;              /* the leader whose set is under way; 0: none */
byte set_rev = 0;
bit set_grant = 0;
byte renewal_of = 0;          /* the leader whose answer to a heartbeat is under way */
bool behind = false;          /* ... behind that set */
bool report = false;          /* a report is under way, complete: what it does not name does not exist */
bool report_names = false;    /* it names the allocation */
byte report_rev = 0;
bit report_watts = 0;

/* ---- the agent and its machine ---- */
byte follows = 1;             /* the leader that it follows: memory */
byte kept = 1;                /* ... and state directory; 0 once wiped */
byte acted = 1;               /* T: the latest on whose word this state directory's agent acted */
byte held = 0;
bit held_grant = 0;
byte followed = 0;            /* the last revision carried out */
bool scanned = true;          /* this process has looked at its machine */
bool lease = true;            /* runs, as told to the enforcer */
bool known = true;            /* ... and this process was told */
bool welcomed = true;         /* ... and was welcomed on the stream that it has */
bool fresh = false;           /* the held set was learned under the stretch of lease that runs */
bool draws = false;

byte i;

inline CheckDraw() { assert(!(draws && other_draws)) /* W, D */ }

/* code: scheduler/power/bound.cc value */
inline Count() {
  bound = watts;
  i = confirmed;
  do
  :: i <= rev -> bound = bound | grant[i]; i++
  :: else -> break
  od;
  i = 0
}

inline NoReport() { report = false; report_names = false; report_rev = 0; report_watts = 0 }
inline NoSet() { set_of = 0; set_rev = 0; set_grant = 0; behind = false }

/* What the leader gave up at once, by a row: nothing of the node draws any more. */
inline Release() {
  rev++; grant[rev] = 0;
  confirmed = rev; watts = 0; bound = 0
}

/* The leader before goes on speaking: what it last committed, or what it last sent. */
inline Succeed(next) {
  stale = leader;
  stale_rev = rev;
  stale_grant = grant[rev];
  leader = next;
  session = 0; heard = false;
  NoSet()
}

active proctype Scheduler() {
  do
  /* A raise needs a node that is heard and renewed, and headroom. */
  /* code: scheduler/core/hashing.cc MayRise, FillHashing; scheduler/core/charges.cc OrderGrant;
   * scheduler/core/sessions.cc Available */
  :: d_step {
       rev < LAST && grant[rev] == 0 && session > 0 && heard && !expired && !other && !unknown && !other_unknown ->
       rev++; grant[rev] = 1; Count();
       printf("leader %d: orders the node up, revision %d\n", leader, rev)
     }
  /* code: scheduler/core/hashing.cc FillHashing; scheduler/core/charges.cc OrderGrant */
  :: d_step {
       rev < LAST && grant[rev] == 1 ->
       rev++; grant[rev] = 0; Count();
       printf("leader %d: orders the node down, revision %d\n", leader, rev)
     }
  /* What a restored store cannot know nothing is built upon: not before the node has said what it
   * draws under a revision of this store. */
  /* code: scheduler/core/attempts.cc StartTasks; scheduler/core/sessions.cc Silent;
   * scheduler/core/round.cc FindBlockedBudgets; scheduler/core/restored.cc BecomeClaimed */
#ifdef WITHOUT_HEARD_FIRST
  :: d_step { bound == 0 && !other && !other_unknown ->
#else
  :: d_step { bound == 0 && !other && !unknown && !other_unknown ->
#endif
       other = true; other_draws = true;
       printf("leader %d: gives the watt and the device to another\n", leader);
       CheckDraw()
     }
  /* code: scheduler/core/task_reports.cc RemoveAllocation */
  :: d_step {
       other || other_unknown ->
       other = false; other_draws = false; other_unknown = false;
       printf("leader %d: the other has ended\n", leader)
     }
  /* What runs on the other's node and is in no row is counted with its first report: an orphan. */
  /* code: scheduler/core/nodes.cc TakeOrphan; scheduler/core/restored.cc BecomeClaimed */
  :: d_step {
       other_unknown ->
       other_unknown = false; other = other_draws;
       printf("leader %d: hears that the other draws %d\n", leader, other)
     }
  /* Sets go to the session that may take them: of a restored store not before the node's machine has spoken. */
  /* code: scheduler/rpc/agent_sessions.cc NextSet, Stamp, AllowSets; scheduler/core/sessions.cc Hello */
  :: d_step {
#ifdef WITHOUT_STOCK_FIRST
       session == 1 && set_rev != rev ->
#else
       session == 1 && set_rev != rev && (stocked || !unknown) ->
#endif
       set_of = leader; set_rev = rev; set_grant = grant[rev]; behind = false;
       printf("leader %d: sends set %d\n", leader, rev)
     }
  /* code: scheduler/core/sessions.cc Heartbeat */
  :: d_step {
       session == 1 && (expired || renewal_of != leader) ->
       expired = false; renewal_of = leader; behind = set_of > 0;
       printf("leader %d: answers a heartbeat\n", leader)
     }
  /* The lease is over, as the scheduler counts it. */
  /* code: scheduler/core/sessions.cc ExpireLease, LeaseExpiry */
  :: d_step {
       !lease && !expired && !unknown ->
       expired = true; renewal_of = 0;
       if
       :: bound == 1 && rev <= LAST -> Release(); printf("leader %d: the lease is over, the watt is free\n", leader)
       :: else
       fi
     }
  /* The machine says hello; a leader that the agent has outgrown refuses it, or is told so by it. */
  /* code: scheduler/core/sessions.cc Hello, Objection; agent/session/node_session.cc SayHello */
  :: d_step {
       ORDER(follows) <= ORDER(leader) ->
       session = 1; heard = false; welcomed = false; stocked = false;
       NoSet();
#ifndef WITHOUT_SESSION_CHECK
       NoReport();
#endif
       printf("leader %d: the node's machine says hello\n", leader)
     }
  /* Another machine says hello with the node's name. It runs nothing, and says so. */
  /* code: scheduler/core/sessions.cc Hello, Objection */
#ifdef WITHOUT_HARDWARE_CHECK
  :: d_step { session = 2; heard = false; NoSet(); NoReport(); printf("leader %d: a clone says hello\n", leader) }
  :: d_step { session == 2 -> report = true; report_names = false; printf("clone: reports that nothing runs\n") }
#else
  :: d_step { session == 0 -> printf("leader %d: a clone says hello and is refused\n", leader) }
#endif
  /* The first report of a session to a restored store: what the node draws counts, at whatever revision, and what it is
   * granted becomes what it draws. */
  /* code: scheduler/core/sessions.cc Report, Speaker; scheduler/core/restored.cc TakeStock, CountClaim, LowerToReport */
  :: d_step {
       session > 0 && report && unknown && !stocked ->
       stocked = true;
#ifndef WITHOUT_STOCK_FIRST
       watts = watts | report_watts;
       if
       :: grant[rev] == 1 && report_watts == 0 && rev <= LAST -> rev++; grant[rev] = 0
       :: else
       fi;
       Count();
#endif
       heard = true;
       printf("leader %d: takes stock, counts %d\n", leader, bound);
       NoReport()
     }
  /* A report of the session that speaks for the node. */
  /* code: scheduler/core/sessions.cc Report, Speaker; scheduler/core/evidence.cc TakeClaim, ConfirmBound;
   * scheduler/core/task_reports.cc EndMissing; scheduler/core/restored.cc TakeStock */
  :: d_step {
       session > 0 && report && (stocked || !unknown) ->
       if
       :: report_names && report_rev >= confirmed ->
         confirmed = report_rev; watts = report_watts;
         if
         :: confirmed > rev -> confirmed = rev
         :: else
         fi;
         Count()
       :: !report_names && rev <= LAST -> Release()
       :: else
       fi;
       if
       :: report_rev > 0 -> unknown = false
       :: else
       fi;
       heard = true;
       printf("leader %d: takes a report, counts %d\n", leader, bound);
       NoReport()
     }
  /* code: scheduler/core/sessions.cc EndSession */
  :: d_step { session > 0 -> session = 0; heard = false; NoSet(); printf("leader %d: the stream broke\n", leader) }
  /* A new term of the same store, which is durable before it listens: the rows go on. */
  /* code: scheduler/store/rocks_store.cc StartTerm; scheduler/core/sessions.cc StartTerm */
  :: atomic {
       leader == 1 ->
       Succeed(2);
       printf("leader 2: begins the next term\n")
     }
  /* A backup is restored beside the running store: revisions begin again below those that were used since. It knows
   * nothing of what happened after it was made: neither that a grant was taken back, nor that the other has begun. */
  /* code: scheduler/store/rocks_store.cc StartTerm; scheduler/core/restore.cc Restore;
   * scheduler/core/restored.cc BeginIncarnation */
  :: atomic {
       leader < 3 ->
       Succeed(3);
       rev = 1; confirmed = 1; watts = 0; unknown = true; stocked = false; expired = false;
       other = false; other_unknown = true;
       grant[2] = 0; grant[3] = 0; grant[4] = 0; grant[5] = 0;
       if
       :: grant[1] = 0
       :: grant[1] = 1
       fi;
       bound = grant[1];
       printf("leader 3: begins with a backup in which the node is granted %d\n", bound)
     }
  od
}

/* Whether the agent follows a message of `from`; makes a new leader durable before anything is done on its word.
 * code: agent/session/node_session.cc Follow; agent/reconcile/reconcile.cc AcceptSender;
 * agent/session/state_directory.cc SetSender */
#ifdef WITHOUT_TERM_CHECK
#define ACCEPTS(from) true
#else
#define ACCEPTS(from) (ORDER(from) >= ORDER(follows))
#endif
inline Follow(from) {
#ifndef WATTS_ALONE
  assert(from >= acted);  /* T */
#endif
  acted = from;
#ifndef WITHOUT_INCARNATION
  if
  :: from == 3 && follows != 3 -> held = 0; held_grant = 0; fresh = false; followed = 0  /* another store's */
  :: else
  fi;
#endif
  follows = from;
#ifdef WITHOUT_DURABLE_TERM
  kept = 0
#else
  kept = from
#endif
}

/* code: agent/reconcile/held_set.cc Receive */
inline Hold(r, g) {
  if
  :: r >= held -> held = r; held_grant = g; fresh = lease && known; printf("agent: holds set %d: %d\n", r, g)
  :: else
  fi
}

inline Restart() {
  follows = kept;
  held = 0; held_grant = 0; followed = 0; fresh = false;
  known = false; scanned = false;
  renewal_of = 0; NoSet()  /* they were for the process that is gone */
}

#ifdef WITHOUT_WELCOME_FIRST
#define SPEAKS true
#else
#define SPEAKS welcomed
#endif
#ifdef WITHOUT_LEASE_FOR_RAISE
#define MAY_RAISE true
#else
#define MAY_RAISE (fresh && lease && known)
#endif

active proctype Agent() {
  do
  /* The welcome of a session: from now on the agent speaks to this leader, and of this leader's revisions. */
  /* code: agent/session/node_session.cc TakeWelcome, Follow; agent/reconcile/reconcile.cc SessionStarted */
  :: d_step {
       session == 1 && !welcomed && ACCEPTS(leader) ->
       Follow(leader); welcomed = true; printf("agent: is welcomed by leader %d\n", leader)
     }
  /* code: agent/session/node_session.cc Receive; agent/reconcile/reconcile.cc ReceiveSet */
  :: d_step { set_of > 0 && ACCEPTS(set_of) -> Follow(set_of); Hold(set_rev, set_grant); NoSet() }
  /* The leader before goes on: its set comes again and again. */
  /* code: agent/session/node_session.cc Follow; agent/reconcile/reconcile.cc AcceptSender */
  :: d_step {
       stale > 0 && ACCEPTS(stale) && (held < stale_rev || (held == stale_rev && held_grant != stale_grant)) ->
       printf("leader %d, outlived: sends set %d\n", stale, stale_rev);
       Follow(stale); Hold(stale_rev, stale_grant)
     }
  /* An answer comes in, and what stood before it on the stream never will. */
  /* code: agent/reconcile/reconcile.cc ReceiveRenewal; agent/reconcile/lease.cc Renew */
  :: d_step {
       renewal_of > 0 && ACCEPTS(renewal_of) ->
       Follow(renewal_of);
       if
       :: behind -> NoSet()
       :: else
       fi;
       if
       :: !lease || !known -> fresh = false
       :: else
       fi;
       lease = true; known = true;
       renewal_of = 0; behind = false;
       printf("agent: is renewed\n")
     }
  /* code: agent/reconcile/reconcile.cc MayRaise, Raise */
  :: d_step {
       MAY_RAISE && held > 0 && held_grant == 1 && !draws ->
       draws = true; printf("agent: raises\n"); CheckDraw()
     }
  /* code: agent/reconcile/reconcile.cc Lower */
  :: d_step { held > 0 && held_grant == 0 && draws -> draws = false; printf("agent: lowers\n") }
  /* The lease ends, and its enforcer sees to it. */
  /* code: agent/reconcile/lease.cc FallbackDue; agent/reconcile/reconcile.cc Fence */
  :: d_step { lease -> lease = false; known = false; fresh = false; draws = false; printf("machine: the lease ends\n") }
  /* A new process looks at its machine first. */
  /* code: agent/reconcile/reconcile.cc Decide, IndexTruth; agent/runtime/runtime.h Observe */
  :: d_step { !scanned -> scanned = true; printf("agent: has scanned its machine\n") }
  /* Reports: complete, and of the machine. Until the scan is over nothing is said of allocations. */
  /* code: agent/reconcile/report.cc Report, ReportTask; agent/reconcile/reconcile.cc NoteFollowed;
   * agent/session/node_session.cc SayReport */
#ifdef WITHOUT_SCAN_FIRST
  :: d_step {
       session == 1 && SPEAKS ->
#else
  :: d_step {
       session == 1 && SPEAKS && scanned ->
#endif
       if
       :: held > 0 && (held_grant == 1 || !draws) -> followed = held
       :: else
       fi;
       report = true; report_names = scanned; report_rev = followed; report_watts = (scanned -> draws : 0);
       printf("agent: reports %d at revision %d\n", draws, followed)
     }
  /* A new process: a new stream, the state directory, the machine as it was. */
  /* code: agent/session/state_directory.cc Open; agent/reconcile/reconcile.cc RestoreSender */
  :: d_step { session = (session == 1 -> 0 : session); Restart(); printf("agent: restarts, follows %d\n", follows) }
  /* The state directory is lost: it follows whoever speaks first, and may not raise before the one who renews it. */
  /* code: agent/session/state_directory.cc Open; scheduler/core/sessions.cc Hello */
  :: d_step {
       kept > 0 ->
       kept = 0; acted = 0; session = (session == 1 -> 0 : session);
       Restart();
       printf("agent: restarts, wiped\n")
     }
  od
}
