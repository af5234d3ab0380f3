// The part of the runtime's g structure that compiled Go code looks at: the
// bounds of the stack, which every function prologue compares with the stack
// pointer. The toolchain chooses the offsets. A test reads them from the DWARF of
// a built binary and compares them with these.
#define g_stack_lo    0
#define g_stack_hi    8
#define g_stackguard0 16
#define g_stackguard1 24
#define g_size        512

// How many bytes of the kernel's stack compiled code may use. The runtime's own
// start-up takes as many.
#define stack_room (64*1024)
