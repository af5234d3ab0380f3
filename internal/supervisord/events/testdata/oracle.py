# Does what lines of JSON say with Supervisor's own pools of listeners, and prints as JSON what it
# has logged and written meanwhile.
import errno
import json
import sys

from supervisor import events, process
from supervisor.dispatchers import PEventListenerDispatcher, POutputDispatcher, default_handler
from supervisor.states import ProcessStates
from supervisor.supervisord import Supervisor

transcript = []


class Logger:
    def __getattr__(self, level):
        return lambda text, **keys: transcript.append([level, text % keys if keys else text])


class Options:
    logger = Logger()
    identifier = "name"
    strip_ansi = False
    loglevel = 100

    def readfd(self, fd):
        return self.data


options = Options()


class Config:
    def __init__(self, **keys):
        self.__dict__.update(keys)


class Listener(process.Subprocess):
    broken = False

    def transition(self):
        pass

    def write(self, text):
        if self.broken:
            raise OSError(errno.EPIPE, "nobody reads")
        transcript.append(["write", self.config.name, text.decode("latin-1")])


class Program(Config):
    def make_process(self, group):
        made = Listener(self)
        made.group = group
        return made


class Shown:
    """A process that events are about."""

    def __init__(self, group, name, pid, tries):
        self.config = Config(name=name)
        self.group = Config(config=Config(name=group))
        self.pid, self.backoff = pid, tries


pools = []
number = 0


def add(name, kinds, most, names):
    global number
    programs = []
    for listener in names:
        number += 1  # Supervisor takes processes of one priority for the same
        programs.append(Program(name=listener, priority=number, options=options, stdout_logfile=None))
    pool = process.EventListenerPool(Config(name=name, process_configs=programs, buffer_size=most, options=options,
                                            pool_events=[getattr(events.EventTypes, kind) for kind in kinds],
                                            result_handler=default_handler))
    pools.append(pool)
    for listener in pool.processes.values():
        started(listener)


def started(listener):
    listener.dispatcher = PEventListenerDispatcher(listener, "stdout", 0)


def of(pool, listener):
    return list(pools[pool].processes.values())[listener]


def state(group, name, pid, tries, before, after, expected):
    about = Shown(group, name, pid, tries)
    code = lambda word: getattr(ProcessStates, word)
    kind = process.Subprocess.event_map[code(after)]
    events.notify(kind(about, code(before), expected))


def printed(pool, listener, text):
    options.data = text.encode("latin-1")
    of(pool, listener).dispatcher.handle_read_event()


def ended(pool, listener):
    it = of(pool, listener)
    if it.event is not None:
        events.notify(events.EventRejectedEvent(it, it.event))
        it.event = None


def running(pool, listener, is_so):
    of(pool, listener).state = ProcessStates.RUNNING if is_so else ProcessStates.STOPPED


def broken(pool, listener, is_so):
    of(pool, listener).broken = is_so


def dispatch():
    for pool in pools:
        pool.transition()


def tick(now):
    clock.tick(now)


clock = Supervisor(options)
about = Shown("g", "p", 7, 0)
do = {
    "add": add, "state": state, "printed": printed, "ended": ended, "running": running, "broken": broken,
    "dispatch": dispatch, "tick": tick,
    "started": lambda pool, listener: started(of(pool, listener)),
    "group": lambda name, added: events.notify((events.ProcessGroupAddedEvent if added else events.ProcessGroupRemovedEvent)(name)),
    "server": lambda runs: events.notify(events.SupervisorRunningEvent() if runs else events.SupervisorStoppingEvent()),
    "log": lambda stream, text: events.notify(
        (events.ProcessLogStdoutEvent if stream == "stdout" else events.ProcessLogStderrEvent)(about, about.pid, text.encode("latin-1"))),
    "talk": lambda stream, text: events.notify(
        (events.ProcessCommunicationStdoutEvent if stream == "stdout" else events.ProcessCommunicationStderrEvent)(
            about, about.pid, text.encode("latin-1"))),
    "remote": lambda kind, data: events.notify(events.RemoteCommunicationEvent(kind, data)),
}


def capture(most, pieces):
    """What a stream with marks becomes, in which a process prints these pieces."""
    events.clear()
    texts = []
    events.subscribe(events.ProcessCommunicationEvent, lambda event: texts.append(event.data.decode("latin-1")))
    config = Config(name="p", stdout_logfile=None, stdout_logfile_maxbytes=0, stdout_logfile_backups=0, stdout_syslog=False,
                    stdout_capture_maxbytes=most, stdout_events_enabled=True, stderr_events_enabled=False, options=options)
    options.getLogger = __import__("supervisor.loggers").loggers.getLogger
    shown = Config(config=config, pid=7, group=None)
    out = POutputDispatcher(shown, events.ProcessCommunicationStdoutEvent, 0)
    for piece in pieces:
        options.data = piece.encode("latin-1")
        out.handle_read_event()
    return texts


for line in sys.stdin:
    words = json.loads(line)
    if words[0] == "capture":
        print(json.dumps(capture(*words[1:])), flush=True)
    elif words[0] == "over":
        print(json.dumps(transcript), flush=True)
        transcript.clear()
        pools.clear()
        events.clear()
        process.GlobalSerial.serial = -1
        clock.ticks.clear()
    else:
        do[words[0]](*words[1:])
