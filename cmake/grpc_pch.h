// Precompiled once for the targets that include gRPC: without it each of their files costs about a second of parsing.
#include <grpcpp/grpcpp.h>
