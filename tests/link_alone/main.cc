// The program that links one room alone: the room is all that it holds.
int main() { return 0; }
