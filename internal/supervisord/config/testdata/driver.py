# Answers a line of JSON, a configuration file and an environment, by a line of JSON: what
# Debian's Supervisor makes of it, in the form that the Go code has.
import json
import os
import socket
import sys

from supervisor import datatypes, events, options

from supervisor.loggers import LevelsByDescription

levels = {number: name for name, number in vars(LevelsByDescription).items() if not name.startswith("_")}
restarts = {datatypes.RestartUnconditionally: "true", datatypes.RestartWhenExitUnexpected: "unexpected", False: "false"}


def pairs(environment):
    return [{"Key": key, "Value": value} for key, value in environment.items()]


def log(process, stream):
    file = getattr(process, stream + "_logfile")
    return {
        "logfile": "none" if file is None else "auto" if file is datatypes.Automatic else file,
        "logfile_maxbytes": getattr(process, stream + "_logfile_maxbytes"),
        "logfile_backups": getattr(process, stream + "_logfile_backups"),
        "capture_maxbytes": getattr(process, stream + "_capture_maxbytes"),
        "events_enabled": getattr(process, stream + "_events_enabled"),
        "syslog": getattr(process, stream + "_syslog"),
    }


def program(process):
    names = """name command umask uid priority autostart startsecs startretries stopsignal
        stopwaitsecs stopasgroup killasgroup exitcodes redirect_stderr""".split()
    is_like = {name: getattr(process, name) for name in names}
    is_like["directory"] = process.directory or ""
    is_like["autorestart"] = restarts[process.autorestart]
    is_like["stdout"], is_like["stderr"] = log(process, "stdout"), log(process, "stderr")
    is_like["environment"] = pairs(process.environment)
    is_like["serverurl"] = process.serverurl or ""
    return is_like


def group(config):
    kinds = {options.EventListenerPoolConfig: "eventlistener", options.FastCGIGroupConfig: "fcgi-program"}
    is_like = {"kind": kinds.get(type(config), "program"), "name": config.name, "priority": config.priority}
    # Of two processes of one name the later one is started.
    last = {process.name: process for process in config.process_configs}
    is_like["process_configs"] = [program(p) for p in config.process_configs if last[p.name] is p]
    if is_like["kind"] == "eventlistener":
        is_like["buffer_size"] = config.buffer_size
        is_like["pool_events"] = sorted(events.getEventNameByType(event) for event in config.pool_events)
    if is_like["kind"] == "fcgi-program":
        s = config.socket_config
        is_like["socket_config"] = of = {"url": s.url}
        if s.backlog is not None:
            of["backlog"] = s.backlog
        if getattr(s, "mode", None) is not None:
            of["mode"] = s.mode
        if getattr(s, "owner", None) is not None:
            of["owner"] = {"uid": s.owner[0], "gid": s.owner[1]}
    return is_like


def server(config):
    is_like = {"section": config["section"], "username": config["username"], "password": config["password"]}
    if config["family"] == socket.AF_UNIX:
        is_like.update(family="unix", file=config["file"], chmod=config["chmod"])
        if config["chown"] != (-1, -1):
            is_like["chown"] = {"uid": config["chown"][0], "gid": config["chown"][1]}
    else:
        is_like.update(family="inet", port=config["port"], chmod=0)
        if config["host"]:
            is_like["host"] = config["host"]
    return is_like


def read(file, environment):
    os.environ.clear()
    os.environ.update(environment)
    o.environ_expansions = {"ENV_" + key: value for key, value in environment.items()}
    o.configfile = file
    o.process_config_file(do_usage=False)
    section = o.configroot.supervisord
    if section.user is not None:
        datatypes.name_to_uid(section.user)
    names = """logfile logfile_maxbytes logfile_backups pidfile identifier childlogdir umask minfds minprocs
        nodaemon silent nocleanup strip_ansi""".split()
    is_like = {name: getattr(section, name) for name in names}
    is_like["directory"], is_like["user"] = section.directory or "", section.user or ""
    is_like["loglevel"] = levels[section.loglevel]
    is_like["environment"] = pairs(section.environment)
    first = {}
    for config in section.process_group_configs:
        first.setdefault(config.name, config)  # and no other is added
    return {
        "file": file,
        "supervisord": is_like,
        "server_configs": [server(config) for config in section.server_configs],
        "process_group_configs": [group(config) for config in first.values()],
        "rpcinterface": bool(section.rpcinterface_factories),
        "warnings": list(dict.fromkeys(o.parse_warnings)),
        "notes": o.parse_infos,
    }


o = options.ServerOptions()
for line in sys.stdin:
    try:
        answer = {"is": read(*json.loads(line))}
    except Exception as error:
        answer = {"error": str(error), "kind": type(error).__name__}
    print(json.dumps(answer), flush=True)
