// The settings of AddressSanitizer and UndefinedBehaviorSanitizer, in the programs themselves, so that they hold
// however a test starts one: a daemon, a supervisor, a child with an environment of its own. Linked into every program
// of the preset `asan`.

extern "C" const char* __asan_default_options() { return "strict_string_checks=1:detect_stack_use_after_return=1"; }
extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1"; }
