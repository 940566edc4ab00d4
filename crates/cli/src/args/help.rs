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

/// What `oxmq completions --help` ends with.
pub(super) const COMPLETIONS_AFTER: &str = "\
Examples:
  oxmq completions bash > ~/.local/share/bash-completion/completions/oxmq
  oxmq completions zsh > ~/.zfunc/_oxmq
  oxmq completions fish > ~/.config/fish/completions/oxmq.fish";
