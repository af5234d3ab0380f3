package compile

// The service of the server itself. A colon cannot be in the name of a program.
const (
	OwnService = ":supervisord"
	Serve      = "serve" // with this word and the run directory, supervisord is the server

	// FinishChain is the chain that svscan becomes when everything has stopped, in Scan.
	FinishChain = "finish.chain"
)

// ownService makes the service directory of the server. It has no part in what becomes of
// programs, and if it is killed svscan starts another.
func ownService(around Surroundings) (Service, error) {
	text, err := ChainText([][]string{{"redirfd", "-r", "0", "/dev/null"}, {around.Supervisord, Serve, around.Run}})
	return Service{OwnService, []File{
		{Name: chain, Text: text, Mode: 0o644},
		{Name: run, Kind: Link, Text: around.Catena},
	}}, err
}
