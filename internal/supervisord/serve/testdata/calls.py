# Makes calls of a server, whose socket is the argument, and prints what comes of each.
import datetime, re, socket, sys, time, xmlrpc.client
from http.client import HTTPConnection

class Transport(xmlrpc.client.Transport):
    def make_connection(self, host):
        c = HTTPConnection('localhost')
        c.sock = socket.socket(socket.AF_UNIX)
        c.sock.connect(sys.argv[1])
        return c

def call(method, *params):
    server = xmlrpc.client.ServerProxy('http://localhost', transport=Transport())
    try:
        got = getattr(server, method)(*params)
    except xmlrpc.client.Fault as f:
        got = f
    except xmlrpc.client.ProtocolError as e:
        got = e.errcode
    text = repr(got)
    text = re.sub(r"'(now|start|stop)': [1-9]\d*", r"'\1': T", text)
    text = re.sub(r"'pid': [1-9]\d*", "'pid': N", text)
    text = re.sub(r"pid \d+, uptime \d:\d\d:\d\d", "pid N", text)
    text = re.sub(r"[A-Z][a-z][a-z] \d\d \d\d:\d\d [AP]M", "DATE", text)
    text = re.sub(r"/[^' ]*/(\w+)-(stdout|stderr)-[^' ]*", r"/\1-\2", text)
    print(method, params, text, flush=True)

for line in sys.stdin:
    if line == 'a moment\n':
        time.sleep(1)
    else:
        call(*eval(line))
