package explain

import "strconv"

// capabilityNames has the names of <linux/capability.h>, by number.
var capabilityNames = []string{
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid",
	"setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw",
	"ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct",
	"sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod",
	"lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog",
	"wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
}

// capabilitiesOf names those of a hexadecimal number.
func capabilitiesOf(hexadecimal string) []string {
	list := []string{}
	for _, n := range bits(hexadecimal) {
		if n < len(capabilityNames) {
			list = append(list, capabilityNames[n])
		} else {
			list = append(list, strconv.Itoa(n))
		}
	}
	return list
}
