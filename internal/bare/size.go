package bare

// SizeUnit is the number of bytes that the suffix of a size stands for: 2^10, 2^20 and 2^30
// for K, M and G, and 1 if there is no suffix. Any other suffix gives 0.
func SizeUnit(suffix string) uint64 {
	switch suffix {
	case "":
		return 1
	case "K":
		return 1 << 10
	case "M":
		return 1 << 20
	case "G":
		return 1 << 30
	}
	return 0
}
