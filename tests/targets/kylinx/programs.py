"""What is given to real programs to do, as a process and in a pVM; see test_programs.py."""
# ruff: noqa: E501

COREUTILS = [
    ("true",),
    ("false",),
    ("echo", "a", "b"),
    ("printf", r"%05.2f|%s|\n", "3.14159", "x"),
    ("cat", "/etc/passwd"),
    ("ls", "-la", "/etc/passwd", "/usr/bin/true"),
    ("ls", "/no/such/file"),
    ("wc", "/etc/passwd", "/etc/services"),
    ("sort", "-t:", "-k3", "-n", "/etc/passwd"),
    ("head", "-n", "3", "/etc/services"),
    ("tail", "-c", "100", "/etc/services"),
    ("cut", "-d:", "-f1,7", "/etc/passwd"),
    ("tr", "a-z", "A-Z"),
    ("sha256sum", "/usr/bin/true"),
    ("md5sum", "/etc/services"),
    ("base64", "/etc/passwd"),
    ("od", "-c", "/etc/hosts"),
    ("seq", "1", "7", "100"),
    ("factor", "1234567890123"),
    ("expr", "6", "*", "7"),
    ("basename", "/a/b.c", ".c"),
    ("dirname", "/a/b.c"),
    ("readlink", "-f", "/bin/sh"),
    ("realpath", "/lib64/ld-linux-x86-64.so.2"),
    ("stat", "-c", "%s %a %F %h %u %g %Y", "/usr/bin/true", "/bin"),
    ("date", "-u", "-d", "2001-02-03 04:05:06", "+%c %s"),
    ("env",),
    ("pwd",),
    ("id",),
    ("whoami",),
    ("uniq", "-c"),
    ("nl", "/etc/hosts"),
    ("tac", "/etc/hosts"),
    ("paste", "-d,", "/etc/hosts", "/etc/hosts"),
    ("comm", "/etc/hosts", "/etc/passwd"),
    ("cksum", "/etc/services"),
    ("timeout", "60", "true"),
    ("sleep", "0.01"),
    ("test", "-f", "/etc/passwd"),
    ("nproc",),
    ("uname", "-s", "-m"),
    ("grep", "-c", "tcp", "/etc/services"),
    ("sed", "-n", "s/root/ROOT/gp", "/etc/passwd"),
    ("find", "/etc/passwd", "-printf", "%p %s\n"),
    ("mawk", "-F:", "{ n += $3 } END { print n, NR }", "/etc/passwd"),
    ("diff", "/etc/hosts", "/etc/passwd"),
    ("dd", "if=/etc/services", "bs=100", "count=7", "status=none"),
]


FILES = """
set -e
cd "$(mktemp -d)"; trap "rm -rf '$PWD'" EXIT
mkdir -p a/b; echo one > a/x; cp a/x a/y; mv a/y a/b/z; ln -s ../x a/b/link; ln a/x a/hard
cat a/b/link a/b/z; stat -c '%h %s %F' a/x a/b/link
find . | sort; chmod 600 a/x; stat -c %a a/x; touch -d @1000000000 a/x; stat -c %Y a/x
truncate -s 100000 a/sparse; stat -c %s a/sparse; rm -r a/b; ls a; du -s --apparent-size a | cut -f2
head -c 300000 /dev/zero | tee big | sha256sum; cmp big <(head -c 300000 /dev/zero) && echo equal
split -b 100000 big part; ls part*; cat part* | cksum; rm -f part* big
(umask 077; touch private; stat -c %a private); mkfifo p; (echo through > p &) ; cat p
[ -d /proc/self ] && echo proc; tty || true; realpath .  | sed 's/tmp\\..*/tmp.X/'
"""


BASH = {
    "pipeline": "seq 1 1000 | grep 7 | sort -rn | head -3 | tr '\\n' ' '; echo ${PIPESTATUS[@]}",
    "substitution": 'x=$(echo a; echo b); echo "$x" | wc -l; echo $(( 7 * 6 ))',
    # none ends before the jobs are listed
    "background": "d=$(mktemp -d); mkfifo $d/f; exec 3<>$d/f; rm -r $d; for i in 1 2 3; do (read -u 3; sleep 0.0$i; exit $i) & done;"
    " j=$(jobs -p); printf '\\n\\n\\n' >&3; for p in $j; do wait $p; echo $?; done",
    "wait": "sleep 0.05 & p=$!; wait $p; echo $?; kill -0 $p 2>/dev/null || echo gone",
    "trap": "trap 'echo usr1' USR1; trap 'echo bye' EXIT; kill -USR1 $$; echo after",
    "here": "cat <<X\nhere $((1+1))\nX\nread a b <<< 'one two three'; echo $b",
    "status": "(exit 3); echo $?; false || echo f; true && echo t; ! true; echo $?",
    "redirect": "{ echo out; echo err >&2; } 2>&1 | sort; exec 5</etc/hosts; read l <&5; echo $l",
    "nested": "f() { [ $1 -eq 0 ] && echo bottom || (f $(($1-1))); }; f 20",
    "xargs": "seq 1 50 | xargs -n 7 echo | tail -2; seq 1 8 | xargs -P 3 -n 1 echo | sort",
    "arrays": "declare -A m; m[a]=1; m[b]=2; for k in a b; do echo $k=${m[$k]}; done; echo ${BASH_VERSION%%.*}",
    "killed": "sleep 100 & kill -9 $!; wait $!; echo $?",
    "coproc": "coproc cat; echo hi >&${COPROC[1]}; read r <&${COPROC[0]}; echo $r",
    "timeout": "timeout 0.1 sleep 10; echo $?; timeout -s KILL 0.1 sleep 10; echo $?",
    "exec": "exec sh -c 'echo replaced; exit 9'",
    "large": "head -c 3000000 /dev/zero | tr '\\0' x | wc -c; yes | head -n 100000 | md5sum",
    "sigpipe": "yes | head -1; echo ${PIPESTATUS[0]}",
    "glob": "cd /usr/bin; echo [b]as[h]; shopt -s extglob; echo +(true)",
    "missing": "no-such-command; echo $?; /etc/passwd; echo $?",
}


PYTHON = {
    "start": "import sys; print(sys.version); print(sys.argv, sys.path)",
    "subprocess": """
import subprocess, os
print(subprocess.run(["echo", "x"], capture_output=True))
print(subprocess.run("exit 5", shell=True).returncode)
p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(p.communicate(b"y" * 200000)[0].count(b"y"), p.returncode)

try:
    subprocess.run(["sleep", "10"], timeout=0.1)
except subprocess.TimeoutExpired as e:
    print(type(e).__name__)
try:
    subprocess.run(["/no/such"])
except OSError as e:
    print(e)
print(os.system("exit 2") >> 8, os.popen("echo popen").read())
""",
    "fork": """
import os, sys
r, w = os.pipe()
pid = os.fork()
if pid == 0:
    os.write(w, b"from child"); os._exit(42)
os.close(w)
print(os.read(r, 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
try:
    os.waitpid(-1, 0)
except ChildProcessError as e:
    print(e)
""",
    "multiprocessing": """
import multiprocessing as m
def f(x):
    return x * x
def put(q, lock, value):
    with lock:
        value.value += 1
    q.put("hi")
if __name__ == "__main__":
    c = m.get_context("fork")
    with c.Pool(3) as pool:
        print(pool.map(f, range(20)))
    q, lock, v = c.Queue(), c.Lock(), c.Value("i", 0)
    ps = [c.Process(target=put, args=(q, lock, v)) for _ in range(4)]
    [p.start() for p in ps]
    print(sorted(q.get() for _ in ps)); [p.join() for p in ps]
    print(v.value, [p.exitcode for p in ps])
    a, b = c.Pipe()
    p = c.Process(target=lambda e: e.send(e.recv() + 1), args=(b,)); p.start(); a.send(1); print(a.recv()); p.join()
""",
    "spawn": """
import multiprocessing as m, sys
print(m.get_context("spawn").Pool(2).map(abs, [-1, 2, -3]))
""",
    "threads": """
import threading, queue, time, concurrent.futures as f
q, out, lock = queue.Queue(), [], threading.Lock()
def work():
    while (x := q.get()) is not None:
        with lock:
            out.append(x * 2)
ts = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in ts]; [q.put(i) for i in range(100)]; [q.put(None) for _ in ts]; [t.join() for t in ts]
print(sum(out), len(out))
with f.ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(lambda x: x + 1, range(200))))
e = threading.Event(); print(e.wait(0.02)); c = threading.Condition()
n = [0]
def spin():
    for _ in range(200000):
        n[0] += 0
ts = [threading.Thread(target=spin) for _ in range(3)]; [t.start() for t in ts]; [t.join() for t in ts]; print("spun")
""",
    "sqlite": """
import sqlite3
d = sqlite3.connect(":memory:")
d.execute("create table t (a integer primary key, b text)")
d.executemany("insert into t (b) values (?)", [(str(i),) for i in range(1000)])
print(d.execute("select count(*), sum(a), max(b) from t").fetchall())
import os, tempfile; d = tempfile.mkdtemp(); n = d + "/kx-test.db"
f = sqlite3.connect(n); f.execute("create table x(y)"); f.execute("insert into x values (7)"); f.commit()
f.close(); print(sqlite3.connect(n).execute("select y from x").fetchall())
os.unlink(n); os.rmdir(d)
""",
    "signals": """
import os, signal, time
got = []
signal.signal(signal.SIGUSR1, lambda n, f: got.append(n))
signal.signal(signal.SIGALRM, lambda n, f: got.append(n))
os.kill(os.getpid(), signal.SIGUSR1); signal.setitimer(signal.ITIMER_REAL, 0.02)
while len(got) < 2: time.sleep(0.005)
print(got); signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]); os.kill(os.getpid(), signal.SIGUSR2)
print(signal.sigpending(), signal.sigwait([signal.SIGUSR2]))
n = 0
signal.setitimer(signal.ITIMER_REAL, 0.01)
while len(got) < 3: n += 1
print("interrupted a computation")
""",
    "sockets": """
import socket, os, array, threading, select, tempfile
a, b = socket.socketpair(); a.send(b"x"); print(b.recv(10))
r, w = os.pipe(); socket.send_fds(a, [b"fd"], [w]); m, fds, _, _ = socket.recv_fds(b, 10, 1)
os.write(fds[0], b"through"); print(m, os.read(r, 10))
k = tempfile.mkdtemp(); p = k + "/kx-sock"
s = socket.socket(socket.AF_UNIX); s.bind(p); s.listen()
c = socket.socket(socket.AF_UNIX); c.connect(p); d, _ = s.accept(); c.sendall(b"z" * 100000)
n = 0
while n < 100000: n += len(d.recv(65536))
print(n); os.unlink(p); os.rmdir(k)
t = socket.create_server(("127.0.0.1", 0)); p = t.getsockname()[1]
u = socket.create_connection(("127.0.0.1", p)); v, _ = t.accept(); u.send(b"loop"); print(v.recv(9))
e = select.epoll(); e.register(v, select.EPOLLIN); u.send(b"q"); print([ev for _, ev in e.poll(60)])
""",
    "asyncio": """
import asyncio, sys
async def main():
    p = await asyncio.create_subprocess_exec("echo", "sub", stdout=asyncio.subprocess.PIPE)
    print((await p.communicate())[0], p.returncode)
    s = await asyncio.start_server(lambda r, w: (w.write(b"hi"), w.close()), "127.0.0.1", 0)
    r, w = await asyncio.open_connection(*s.sockets[0].getsockname()); print(await r.read()); w.close(); s.close()
    print(await asyncio.gather(*(asyncio.sleep(0.01, i) for i in range(5))))
asyncio.run(main())
""",
    "mmap": """
import mmap, os, tempfile
m = mmap.mmap(-1, 8192)
if os.fork() == 0:
    m[:5] = b"child"; os._exit(0)
os.wait(); print(m[:5])
f = tempfile.TemporaryFile(); f.write(b"a" * 10000); f.flush()
n = mmap.mmap(f.fileno(), 10000); n[9999:10000] = b"z"; n.flush(); f.seek(9999); print(f.read())
from multiprocessing import shared_memory
name = f"kxshm{os.getpid()}"; s = shared_memory.SharedMemory(create=True, size=4096, name=name)
t = shared_memory.SharedMemory(name=name)
s.buf[0] = 9; print(t.buf[0]); t.close(); s.close(); s.unlink()
""",
    "files": """
import os, shutil, tempfile, pathlib, fcntl, glob
d = pathlib.Path(tempfile.mkdtemp()); (d / "a" / "b").mkdir(parents=True); (d / "a" / "f").write_text("x" * 99999)
shutil.copytree(d / "a", d / "c"); print(sorted(str(p.relative_to(d)) for p in d.rglob("*")))
os.rename(d / "c", d / "e"); os.symlink("e", d / "l"); print((d / "l" / "f").stat().st_size, os.readlink(d / "l"))
with open(d / "k", "w") as k: fcntl.flock(k, fcntl.LOCK_EX); fcntl.lockf(k, fcntl.LOCK_EX); print("locked")
os.truncate(d / "a" / "f", 10); print(os.path.getsize(d / "a" / "f")); os.utime(d / "k", (1, 2)); print(os.stat(d / "k").st_mtime)
print([e.name for e in sorted(os.scandir(d), key=lambda e: e.name)]); shutil.rmtree(d); print(d.exists())
""",
    "modules": """
import json, re, hashlib, zlib, bz2, lzma, decimal, datetime, random, math, struct, ctypes, ssl, uuid, xml.etree.ElementTree
import curses, readline, unicodedata, locale, platform, getpass, socket, select, time, resource, pwd, grp, email, csv
print(hashlib.sha256(b"x").hexdigest(), zlib.crc32(b"abc"), len(lzma.compress(b"a" * 10000)), math.sin(1))
print(decimal.Decimal(1) / 7, random.Random(1).random(), pwd.getpwuid(0).pw_dir, ssl.OPENSSL_VERSION, ctypes.CDLL(None).abs(-3))
print(locale.setlocale(locale.LC_ALL, ""), time.strftime("%Z"), platform.machine(), unicodedata.name("é"))
""",
    "exit": "import sys, atexit; atexit.register(print, 'bye'); sys.exit(6)",
    "abort": "import os; print('before', flush=True); os.abort()",
    "traceback": "def f(): return 1 / 0\nf()",
    "memory": "b = bytearray(200 << 20); b[::4096] = b'x' * (len(b) // 4096); print(b.count(b'x')); print(len([0] * 10**7))",
}


PERL = {
    "start": 'print "$]\n"; print join(",", map { $_ ** 2 } 1 .. 5), "\n";',
    "fork": 'if (!($p = fork)) { exit 7 } waitpid $p, 0; print $? >> 8, "\n"; print `echo sub`; system "exit 3"; print $? >> 8;',
    "pipe": 'open F, "-|", "seq 1 5"; print scalar(@x = <F>); open G, "|-", "cat"; print G "out\n"; close G;',
    "modules": "use POSIX; use Data::Dumper; use List::Util 'sum'; use Time::HiRes; print floor(3.7), sum(1..4), Dumper([1]);",
    "signal": '$SIG{ALRM} = sub { print "alarm\n"; exit 2 }; alarm 1; 1 while 1;',
    "file": '$n = "/tmp/kxp$$"; open F, ">", $n; print F "x" x 9999; close F; print -s $n; unlink $n; die "end\n";',
}


REDIS = r"""
cd "$(mktemp -d)"; trap "rm -rf '$PWD'" EXIT
redis-server --port 0 --unixsocket "$PWD/s" --save "" --appendonly no --daemonize no --logfile log --dir "$PWD" &
server=$!
for i in $(seq 1000); do redis-cli -s s ping 2>/dev/null | grep -q PONG && break; sleep 0.05; done
cli() { redis-cli -s s "$@"; }
cli set a 1; cli incr a; cli rpush l x y z; cli lrange l 0 -1; cli hset h f v; cli hgetall h
cli debug populate 2000 key 100; cli dbsize
cli eval 'return redis.call("get", KEYS[1])' 1 a
cli bgsave; for i in $(seq 1000); do cli info persistence | grep -q 'rdb_bgsave_in_progress:0' && break; sleep 0.05; done
cli info persistence | grep -a 'rdb_last_bgsave_status\|rdb_bgsave_in_progress' | tr -d '\r'
cli config set appendonly yes
for i in $(seq 1000); do cli info persistence | grep -q 'aof_rewrite_in_progress:0' && break; sleep 0.05; done
cli bgrewriteaof
for i in $(seq 1000); do cli info persistence | grep -q 'aof_rewrite_in_progress:0' && break; sleep 0.05; done
cli info persistence | grep -a 'aof_last_bgrewrite_status\|aof_enabled' | tr -d '\r'
ls; ls appendonlydir | sed 's/[0-9]\+/N/' | sort -u
cli shutdown nosave; wait $server; echo status $?
redis-check-rdb dump.rdb | tail -1 | sed 's/.*\] //'
"""

REDIS_TCP = r"""
cd "$(mktemp -d)"; trap "rm -rf '$PWD'" EXIT
redis-server --port 7777 --bind 127.0.0.1 --save "" --logfile log &
for i in $(seq 1000); do redis-cli -p 7777 ping 2>/dev/null | grep -q PONG && break; sleep 0.05; done
redis-cli -p 7777 set x "$(head -c 100000 /dev/zero | tr '\0' q)"; redis-cli -p 7777 strlen x
seq 1 200 | sed 's/.*/INCR n/' | redis-cli -p 7777 | tail -1
redis-cli -p 7777 shutdown nosave; wait; echo ended
"""


FORKED = """
import os, sys
depth = 0
while depth < 8:
    pid = os.fork()
    if pid:
        break
    depth += 1
if depth == 8:
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
os._exit(depth + 1)
"""
