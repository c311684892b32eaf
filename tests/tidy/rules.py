"""What the tree may not contain, as data. tidy.py reads the tree against it; tidy_test.py proves each rule.

A rule that stands in the way of good code is changed here, with its reason, not worked around.
"""

# Folders whose C++ files are judged. tests/ and bench/ may see everything; they are only held to MAX_LINES.
CODE_ROOTS = ("agent", "client", "common", "scheduler", "simulation", "tools", "examples")
ALL_ROOTS = CODE_ROOTS + ("tests", "bench", "proto")

# A file of more lines holds a second idea.
MAX_LINES = 600

# Rooms that are pure: what they do follows from their arguments alone, so that it can be replayed, simulated and proven.
PURE = (
    "common", "common/topology", "common/validation",
    "scheduler/core", "scheduler/economics", "scheduler/orders", "scheduler/placement", "scheduler/power", "scheduler/queueing",
    "agent/reconcile",
    "simulation/checkers", "simulation/physics", "simulation/script", "simulation/world",
)

# folder: the folders whose headers it may include, beside its own. `proto` and the libraries are judged by HOMES.
# Dependencies point one way (ARCHITECTURE.md). An entry that ends in ".h" allows that one header and no call behind it.
ARROWS = {
    "common": (),
    "common/platform": ("common",),
    "common/validation": ("common",),
    # Pure rooms see of it the hook alone, which is `false` in what ships.
    "common/faults": ("common",),
    "common/topology": ("common", "common/validation"),
    "common/configuration": ("common", "common/platform", "common/topology", "common/validation"),
    "scheduler/queueing": ("common",),
    "scheduler/placement": ("common",),
    "scheduler/power": ("common", "common/topology", "common/faults/mutation.h"),
    "scheduler/economics": ("common",),
    "scheduler/core": ("common", "common/faults/mutation.h", "common/topology", "common/validation",
                       "scheduler/economics", "scheduler/placement", "scheduler/power", "scheduler/queueing"),
    # The engine and the store know the core by its contract and by what a row is; the gate never touches it.
    "scheduler/engine": ("common", "common/faults", "common/platform", "scheduler/core"),
    "scheduler/store": ("common", "common/faults", "common/platform", "scheduler/core/row.h"),
    "scheduler/rpc": ("common", "common/platform", "common/validation", "common/topology", "scheduler/core/core.h",
                      "scheduler/core/row.h", "scheduler/engine", "scheduler/orders", "scheduler/rpc/bounds"),
    "scheduler/rpc/bounds": ("common", "common/validation"),
    "scheduler/orders": ("common", "common/faults/mutation.h", "scheduler/core/core.h"),
    # The daemon wires the others together: the one place where clock, files and sockets are made.
    "scheduler/daemon": ("common", "common/configuration", "common/platform", "common/topology", "common/validation",
                         "scheduler/core", "scheduler/engine", "scheduler/rpc", "scheduler/store"),
    "scheduler": ("common", "common/faults", "common/platform", "scheduler/daemon"),
    "agent/mining": ("common",),
    "agent/reconcile": ("common", "common/faults/mutation.h"),
    "agent/supervisor": (),
    "agent/telemetry": ("common", "common/configuration", "common/platform"),
    "agent/runtime": ("common", "agent/reconcile"),
    "agent/runtime/process": ("common", "common/configuration", "common/platform", "agent/reconcile", "agent/runtime",
                              "agent/supervisor", "agent/telemetry"),
    "agent/runtime/simulated": ("common", "common/faults/mutation.h", "common/configuration", "common/platform",
                                "common/topology", "agent/reconcile",
                                "agent/runtime"),
    "agent/session": ("common", "common/configuration", "common/platform", "agent/reconcile", "agent/runtime"),
    "agent": ("common", "common/configuration", "common/platform", "agent/reconcile", "agent/runtime",
              "agent/runtime/process", "agent/runtime/simulated", "agent/session", "agent/telemetry"),
    "client": ("common",),
    "client/cli": ("common", "common/configuration", "common/platform", "client"),
    "tools/pool": ("common", "agent/mining"),
    # The referee judges the scheduler, so it shares no line with it.
    "tools/referee": (),
    "examples/cpp-client": ("client",),
    # Nobody sees the simulation; it sees the hearts of both sides and decides nothing that they decide.
    "simulation/script": ("common", "common/topology", "common/validation"),
    "simulation/physics": ("common", "common/faults", "common/topology", "agent/reconcile", "simulation/script"),
    "simulation/world": ("common", "common/faults", "common/topology", "scheduler/core", "scheduler/engine",
                         "scheduler/orders", "scheduler/placement", "scheduler/power", "agent/reconcile", "simulation/physics",
                         "simulation/script"),
    "simulation/checkers": ("common", "common/topology", "scheduler/core", "scheduler/engine", "scheduler/placement",
                            "scheduler/power", "agent/reconcile", "simulation/physics", "simulation/script",
                            "simulation/world"),
    "simulation/runner": ("common", "common/faults", "common/platform", "scheduler/core", "simulation/checkers",
                          "simulation/physics", "simulation/script", "simulation/world"),
    "simulation": ("common", "common/faults", "common/platform", "scheduler/core", "simulation/checkers",
                   "simulation/physics", "simulation/runner", "simulation/script", "simulation/world"),
}

# (pattern of an include, folders that may have it, cure). Whoever is not named goes through the one who is.
HOMES = (
    (r"^(grpc|grpcpp|grpc\+\+)/|_service\.(grpc\.)?pb\.h$|\.grpc\.pb\.h$",
     ("scheduler/rpc", "agent/session", "agent", "client"),
     "only the gate, the agent's session and the client speak gRPC; take a message or a status instead"),
    (r"^switchyard/store/",
     ("scheduler/core", "scheduler/engine", "scheduler/rpc", "scheduler/store", "scheduler/daemon", "simulation/world", "simulation/checkers"),
     "rows are the scheduler's own; whoever is outside uses the messages of switchyard/v1"),
    (r"^rocksdb/", ("scheduler/store",), "nothing above `Store` knows which implementation it has; use scheduler/store/store.h"),
    (r"^prometheus/", ("scheduler/rpc",), "metrics leave through scheduler/rpc/metrics.h"),
)

_TIME = "take the time as an argument: the engine stamps every command with MonoTime and UtcTime"
_THREAD = "a pure room is called from one thread and starts none; let the engine or the session own threads and locks"
_RANDOM = "break ties by id; where spread is wanted, derive it from ids with common/stable_hash.h"
_IO = "return the value and let the caller at the edge (engine, store, session, main) read or write it"
_ORDER = "use std::map, absl::btree_map or a sorted vector: the order of iteration can reach an effect"
_GRPC = "return absl::Status and messages; the gate converts"

# (pattern of an include, what it is, cure), in pure rooms.
PURE_INCLUDES = (
    (r"^(chrono|ctime|time\.h|sys/time\.h)$", "a clock", _TIME),
    (r"^absl/time/", "a clock", _TIME),
    (r"^(thread|mutex|shared_mutex|condition_variable|atomic|future|semaphore|latch|barrier|stop_token|pthread\.h)$",
     "a thread or lock", _THREAD),
    (r"^absl/synchronization/", "a thread or lock", _THREAD),
    (r"^(random|sys/random\.h)$", "a random source", _RANDOM),
    (r"^absl/random/", "a random source", _RANDOM),
    (r"^(fstream|iostream|cstdio|stdio\.h|filesystem|fcntl\.h|unistd\.h|dirent\.h|syncstream|poll\.h|signal\.h|csignal)$",
     "I/O", _IO),
    (r"^(sys|netinet|arpa|linux)/", "I/O", _IO),
    (r"^(spdlog|yaml-cpp|openssl|nlohmann|rocksdb|prometheus)/", "I/O", _IO),
    (r"^(unordered_map|unordered_set)$", "an unordered container", _ORDER),
    (r"^absl/container/(flat|node)_hash_", "an unordered container", _ORDER),
    (r"^absl/hash/", "a hash with a salt of its own in each process", "use common/stable_hash.h"),
    (r"^(grpc|grpcpp)/", "gRPC", _GRPC),
)

# (pattern of a name in code, outside comments and strings, what it is, cure), in pure rooms.
PURE_NAMES = (
    (r"\b(std::chrono|system_clock|steady_clock|high_resolution_clock|absl::Now|gettimeofday|clock_gettime|timespec_get)\b",
     "a clock", _TIME),
    (r"\b(std::|::)?time\s*\(\s*(nullptr|NULL|0|&)", "a clock", _TIME),
    (r"\b(std::(jthread|thread|this_thread|mutex|shared_mutex|recursive_mutex|atomic\w*|async|condition_variable|call_once)"
     r"|absl::Mutex|pthread_\w+|thread_local)\b", "a thread or lock", _THREAD),
    (r"\b(random_device|mt19937(_64)?|BitGen|default_random_engine|getrandom|arc4random\w*)\b", "a random source", _RANDOM),
    (r"\b(std::)?s?rand\s*\(", "a random source", _RANDOM),
    (r"\b(std::)?(cout|cerr|clog|ifstream|ofstream|fstream|fopen|fprintf|printf|puts|fputs|fwrite|fread|fflush)\b", "I/O", _IO),
    (r"\b(std::)?(secure_)?getenv\b", "I/O: the environment", _IO),
    (r"\bstd::filesystem\b", "I/O", _IO),
    (r"\b(unordered_(map|set|multimap|multiset)|(flat|node)_hash_(map|set))\b", "an unordered container", _ORDER),
    (r"\b(absl::Hash|absl::HashOf|std::hash)\b", "a hash that is not the same everywhere", "use common/stable_hash.h"),
    (r"\bgrpc::", "gRPC", _GRPC),
    (r"\breinterpret_cast\s*<\s*(std::)?u?intptr_t", "an address as a number",
     "order and key by id: addresses differ from run to run"),
)

# (file, what it may have in spite of the rules, why).
EXCEPTIONS = (
    ("common/check.cc", "I/O", "a failed CHECK prints its values and ends the process: nothing runs after it"),
    ("common/quantity_text.cc", "a clock", "<ctime> for calendar arithmetic on a time that was given; it reads no clock"),
    ("common/ids.h", "a hash that", "lets rooms that are not pure keep ids in hash maps"),
)

# Where the names of constraints stand. Names of several words are unmistakable and may stand nowhere else; names of one
# word (cpu, site) are also field names, so of those only look-ups by a literal are judged.
CONSTRAINT_TABLE = "scheduler/placement/constraint.cc"
CONSTRAINT_ROW = r'\{Constraint::k\w+,\s*"([^"]+)"'
