// The part of the runtime's g structure that compiled Go code looks at: the
// bounds of the stack it runs on, which every function prologue compares with
// the stack pointer. The offsets are the toolchain's, not ours; a test reads
// them from the DWARF of a built binary.
#define g_stack_lo    0
#define g_stack_hi    8
#define g_stackguard0 16
#define g_stackguard1 24
#define g_size        512

// How much of the kernel's stack compiled code may use. The runtime's own start
// takes the same.
#define stack_room (64*1024)
