//! The texts of the help pages that are longer than a line: what each command is for, examples,
//! exit status. Constants, for the command line's description and nothing else.

/// What `oxmq --help` begins with.
pub(super) const TOP: &str = "\
ZeroMQ devices and shell tools.

Programs that use ZeroMQ send whole messages to each other, without a broker. Each opens sockets
of a type (PUB, SUB, REQ, ...) that says what it does with messages. These commands open one
socket each, so that a shell can talk to any such program, whatever library it uses; and `serve`
runs the devices through which many programs find each other at fixed addresses.";

/// What `oxmq --help` ends with.
pub(super) const TOP_AFTER: &str = "\
Endpoints:
  An endpoint binds, unless it is written connect:ENDPOINT. bind:ENDPOINT may be written too.
  Either side may bind, any number of times, and may be started first.
    tcp://127.0.0.1:5555   tcp://*:5555   tcp://*:*   tcp://[::1]:5555   ipc:///tmp/x   ipc://@x

Try it, in two terminals:
  oxmq pull tcp://127.0.0.1:5555
  oxmq push connect:tcp://127.0.0.1:5555 -m hello

Exit status:
  0  done, or ended by SIGINT or SIGTERM after what was received was passed on
  1  error; standard error says what to do
  2  the command line is wrong
  3  a time limit passed (--timeout, --linger)
A second SIGINT or SIGTERM ends a command at once, with status 130 or 143.";

/// What `oxmq serve --help` begins with.
pub(super) const SERVE: &str = "\
Run devices: queues, forwarders and streamers between other programs.

A device has a front and a back. Programs on both sides connect to it and need to know nothing
of each other, how many there are or where they are.

  queue      requests from clients (REQ, DEALER) at the front go to services (REP, DEALER) at
             the back, each in turn; every reply goes back to its asker
  forwarder  what publishers (PUB) at the front publish goes to the subscribers (SUB) at the
             back, each of which gets what it subscribed to
  streamer   tasks from pushers (PUSH) at the front go to pullers (PULL) at the back, in turn

Without arguments, one of each runs on the loopback interface:

  queue      front tcp://127.0.0.1:5559   back tcp://127.0.0.1:5560
  forwarder  front tcp://127.0.0.1:5561   back tcp://127.0.0.1:5562
  streamer   front tcp://127.0.0.1:5557   back tcp://127.0.0.1:5558";

/// What `oxmq serve --help` ends with.
pub(super) const SERVE_AFTER: &str = "\
Endpoints:
  An endpoint binds, unless it is written connect:ENDPOINT. A side may have several, with commas
  between: --queue tcp://*:5559,ipc:///run/front connect:tcp://other:5559
  Each option may be given many times; every one is a device of its own.

Try it, in three terminals:
  oxmq serve
  oxmq rep connect:tcp://127.0.0.1:5560 --echo
  oxmq req connect:tcp://127.0.0.1:5559 -m hello

Examples:
  oxmq serve --queue tcp://*:5559 tcp://*:5560
  oxmq serve --streamer ipc:///tmp/in connect:tcp://sink:5558 --forwarder tcp://*:1 tcp://*:2
  oxmq serve --queue tcp://*:6000 connect:tcp://127.0.0.1:5559     a device in front of another

Durability:
  With --durable NAME --store DIR every message is on disk before a device passes it on, and stays
  there until the other side has it; a device that is killed goes on where it was. The sockets are
  called NAME/queue/front and so on, and NAME/queue-2/front for a second queue.

The end:
  On SIGINT or SIGTERM the devices accept no more connections, pass on what they have received,
  wait until it is written (--linger), and the exit status is 0. A second signal ends at once.

Exit status: 0 ended by a signal, 1 error, 2 wrong command line, 3 --linger passed with messages
left over.";

/// What `oxmq proxy --help` begins with.
pub(super) const PROXY: &str = "\
Run one device between sockets of any two types, with a copy to a third.

Whatever comes in at one side goes out at the other. `oxmq serve` has the three usual ones.";

/// What `oxmq proxy --help` ends with.
pub(super) const PROXY_AFTER: &str = "\
Types that fit: router and dealer; xsub and xpub; pull and push; pair and any of dealer, pair.
A sub in front of a pub hands on nothing, as nobody tells the sub what to subscribe to: use xsub
and xpub.

Examples:
  oxmq proxy --frontend router:tcp://*:5559 --backend dealer:tcp://*:5560
  oxmq proxy --frontend pull:tcp://*:5557 --backend push:connect:tcp://sink:5558 \\
             --capture pub:ipc:///tmp/espresso
  oxmq sub connect:ipc:///tmp/espresso        shows what passes

Exit status: 0 ended by a signal, 1 error, 2 wrong command line, 3 --linger passed with messages
left over.";

/// What `oxmq pub --help` ends with.
pub(super) const PUB_AFTER: &str = "\
Nobody gets what was published before it subscribed; --subscribers waits for that.

Examples:
  oxmq pub tcp://*:5556 -m 'weather 20' --count 10 --interval 1s
  tail -f log | oxmq pub tcp://*:5556
  oxmq pub connect:tcp://127.0.0.1:5561 --subscribers 1 -m weather -m 20     two parts";

/// What `oxmq sub --help` ends with.
pub(super) const SUB_AFTER: &str = "\
Examples:
  oxmq sub connect:tcp://127.0.0.1:5556 --subscribe weather --subscribe sport
  oxmq sub connect:tcp://a:5556 connect:tcp://b:5556 --json | jq .parts
  oxmq sub connect:tcp://127.0.0.1:5556 --count 1 --timeout 5s || echo nothing came";

/// What `oxmq push --help` ends with.
pub(super) const PUSH_AFTER: &str = "\
Examples:
  oxmq push connect:tcp://127.0.0.1:5557 --durable jobs --store /tmp/jobs -m kept
  seq 100 | oxmq push tcp://*:5557 --peers 2        shared out between two pullers
  oxmq push connect:tcp://127.0.0.1:5557 --file photo.jpg
  printf 'a,b\\nc,d\\n' | oxmq push tcp://*:5557 --delimiter ,      two messages of two parts";

/// What `oxmq pull --help` ends with.
pub(super) const PULL_AFTER: &str = "\
Examples:
  oxmq pull tcp://*:5557
  oxmq pull tcp://*:5557 --count 1 --raw --output photo.jpg
  oxmq pull tcp://*:5557 --json | oxmq push tcp://*:5558 --json";

/// What `oxmq req --help` ends with.
pub(super) const REQ_AFTER: &str = "\
Examples:
  oxmq req connect:tcp://127.0.0.1:5555 -m hello --timeout 2s
  seq 3 | oxmq req connect:tcp://127.0.0.1:5555";

/// What `oxmq rep --help` ends with.
pub(super) const REP_AFTER: &str = "\
Without -m, --echo or --exec, each reply is the next line of standard input.

Examples:
  oxmq rep tcp://*:5555 -m world
  oxmq rep tcp://*:5555 --exec 'tr a-z A-Z'
  oxmq rep connect:tcp://127.0.0.1:5560 --echo     a service behind `oxmq serve`";

/// What `oxmq dealer --help` ends with.
pub(super) const DEALER_AFTER: &str = "\
Examples:
  oxmq dealer connect:tcp://127.0.0.1:5555 -m hello --count 1
  oxmq dealer connect:tcp://127.0.0.1:5555 -m '' -m hello --count 1    (to a REP)";

/// What `oxmq router --help` ends with.
pub(super) const ROUTER_AFTER: &str = "\
In text, the parts of a line have a tab between, or what --delimiter says. A routing id that is
not printable is written 0x and its hexadecimal digits, and may be given so.

Examples:
  oxmq router tcp://*:5555 --echo
  oxmq router tcp://*:5555 -m worker-1 -m task --peers 1 --count 0
  oxmq router tcp://*:5555 --delimiter '|'        prints ID|.. and takes ID|..";

/// What `oxmq pair --help` ends with.
pub(super) const PAIR_AFTER: &str = "\
Examples:
  oxmq pair ipc://@chat                 in one terminal
  oxmq pair connect:ipc://@chat         in another: what is typed in one is seen in the other";

/// What `oxmq xpub --help` ends with.
pub(super) const XPUB_AFTER: &str = "\
A subscription is a message of an octet 1 and the topic, its end an octet 0 and the topic.

Examples:
  oxmq xpub tcp://*:5556 --hex
  oxmq xpub tcp://*:5556 --json -m news --subscribers 1 --count 1";

/// What `oxmq xsub --help` ends with.
pub(super) const XSUB_AFTER: &str = "\
Examples:
  oxmq xsub connect:tcp://127.0.0.1:5556 --subscribe weather
  oxmq xsub connect:tcp://127.0.0.1:5556 -m 'to the publisher'";

/// What `oxmq stream --help` ends with.
pub(super) const STREAM_AFTER: &str = "\
Each message has two parts: the connection's routing id, and what was read. An empty second part
tells that a connection was made or ended; sending one ends it.

Examples:
  oxmq stream tcp://*:8080 --json
  oxmq stream tcp://*:8080 --echo";

/// What `oxmq bench --help` begins with.
pub(super) const BENCH: &str = "\
Measure throughput and latency between threads, processes or machines.

Throughput is messages of one part that go one way over a PAIR connection, as fast as one thread
sends and another receives them; the receiver's clock counts, from the first message to the last.
Latency is one message that goes there and back before the next one does. Every message is checked.
Processor time is that of both ends, for each message or round trip.";

/// What `oxmq bench --help` ends with.
pub(super) const BENCH_AFTER: &str = "\
The other end:
  Without ENDPOINT it is a process that is started here, or with --threads a thread. With ENDPOINT
  it is an `oxmq bench --answer`, on this machine or another, with which one bench at a time can
  speak. Either end may bind. --hwm counts at each end for what that end sends and receives.

Try it, on two machines:
  oxmq bench --answer tcp://*:5555
  oxmq bench connect:tcp://other:5555

Examples:
  oxmq bench
  oxmq bench --transport ipc --size 16,1024,65536 --throughput
  oxmq bench --threads --transport inproc --latency --count 100000
  oxmq bench --json | jq .round_trip_ns

JSON: one object a line with test, endpoint, ends, size, messages, seconds, messages_per_second,
bytes_per_second and cpu_us; for latency also round_trip_ns (min, mean, p50 to p99.99, max) and
histogram_ns (from, to, count).

Exit status: 0 done or ended by a signal, 1 error or a message that was wrong, 2 wrong command line,
3 the other end did not answer within --timeout.";

/// What `oxmq journal --help` ends with.
pub(super) const JOURNAL_AFTER: &str = "\
A store is the directory that --store names. Each durable socket has a log in it with its name; one
that sends and receives has a second one, NAME/in, for what it received. ls, show, verify and dump
read a store that is in use, and change nothing.

Try it:
  oxmq push connect:tcp://127.0.0.1:5557 --durable jobs --store /tmp/jobs --linger 0 -m hello
  oxmq journal ls /tmp/jobs
  oxmq journal dump /tmp/jobs jobs

Examples:
  oxmq journal show /var/lib/app/store --json | jq .consumers
  oxmq journal verify /var/lib/app/store || echo damaged
  oxmq journal drop /var/lib/app/store old-name

Exit status: 0 done, 1 error or damage found, 2 wrong command line.";

/// What `oxmq keygen --help` ends with.
pub(super) const KEYGEN_AFTER: &str = "\
NAME.key has the public key, which peers need; NAME.key_secret has both keys, and only its owner
may read it. The public key is printed, too. Files that exist are not overwritten. Other libraries
read them as certificates.

Try it, in two terminals:
  oxmq keygen server; oxmq keygen ada; echo key $(oxmq keygen bob 2>/dev/null) bob >allowed
  oxmq pull tcp://*:5555 --curve-server --curve-secret server.key_secret --allow allowed
  oxmq push connect:tcp://127.0.0.1:5555 --curve-server-key server.key \\
            --curve-secret bob.key_secret -m hello

A client that is not on the list is refused and ends with status 1.";

/// What `oxmq completions --help` ends with.
pub(super) const COMPLETIONS_AFTER: &str = "\
Examples:
  oxmq completions bash > ~/.local/share/bash-completion/completions/oxmq
  oxmq completions zsh > ~/.zfunc/_oxmq
  oxmq completions fish > ~/.config/fish/completions/oxmq.fish";
