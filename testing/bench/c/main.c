/*  The programs of oxmq-bench, done with zmq.h: see bench.h. Built by `oxmq-bench pair`, or by
 *  cc -O2 -o zbench *.c -lzmq -lpthread                                                          */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/*  Time after which a run counts as hung, in seconds.                                            */
#define RUN_LIMIT 60

struct flags flags;

void fail (const char *file, int line, const char *what)
{
    fprintf (stderr, "%s:%d: not so: %s (%s)\n", file, line, what, zmq_strerror (errno));
    _exit (1);
}

int is (const char *a, const char *b)
{
    return strcmp (a, b) == 0;
}

static void parse (int argc, char **argv)
{
    flags = (struct flags){argc, argv, "tcp", "", "zmq", "bulk", "none", NULL, 64,
                           10000, 1000, 1, 1, 100, 1000, 1};
    for (int i = 0; i < argc; i++) {
        const char *flag = argv[i];
        if (is (flag, "--async") || is (flag, "--libzmq-defaults"))
            continue; /* those of the other program */
        must (i + 1 < argc);
        const char *value = argv[++i];
        if (is (flag, "--peer"))
            flags.peer = value;
        else
            switch (flag[0] == '-' ? flag[1] : 0) {
                case 'e': flags.transport = value; break;
                case 's': flags.size = strtoull (value, NULL, 10); break;
                case 'n': flags.count = strtoull (value, NULL, 10); break;
                case 'w': flags.warmup = strtoull (value, NULL, 10); break;
                case 't': flags.pattern = value; break;
                case 'p': flags.senders = strtoull (value, NULL, 10); break;
                case 'S': flags.subs = atoi (value); break;
                case 'k': flags.kind = value; break;
                case 'N': flags.conns = atoi (value); break;
                case 'M': flags.mode = value; break;
                case 'H': flags.hwm = atoi (value); break;
                case 'i': flags.io_threads = atoi (value); break;
                case 'P': flags.pin = value; break;
                default: must (!"a flag that is known");
            }
    }
}

int main (int argc, char **argv)
{
    static const struct
    {
        const char *name;
        int (*run) (void);
    } programs[] = {{"thr", thr},         {"peer-thr", peer_thr},   {"lat", lat},
                    {"peer-lat", peer_lat}, {"pub", fanout},        {"peer-pub", peer_fanout},
                    {"conn", conn},       {"peer-conn", peer_conn}, {"peer-startup", peer_startup},
                    {"peers", peers},     {"subs", subs},
                    {"mixed", mixed},     {"peer-mixed", peer_mixed}};
    must (argc > 1);
    parse (argc - 2, argv + 2);
    alarm (RUN_LIMIT);
    setvbuf (stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (is (argv[1], programs[i].name))
            return programs[i].run ();
    must (!"a program that is known");
}

/*  ---- contexts and sockets ----                                                                */

int inproc (void)
{
    return is (flags.transport, "inproc");
}

const char *wildcard (void)
{
    if (is (flags.transport, "tcp"))
        return "tcp://127.0.0.1:*";
    return inproc () ? "inproc://bench" : "ipc://*";
}

void place (enum end end)
{
    if (is (flags.pin, "none"))
        return;
    cpu_set_t set;
    CPU_ZERO (&set);
    CPU_SET (is (flags.pin, "split") && end == FAR_END ? 1 : 0, &set);
    must (sched_setaffinity (0, sizeof set, &set) == 0);
}

void *new_context (int sockets_max)
{
    void *context = zmq_ctx_new ();
    must (context);
    must (zmq_ctx_set (context, ZMQ_IO_THREADS, flags.io_threads) == 0);
    must (zmq_ctx_set (context, ZMQ_MAX_SOCKETS, sockets_max) == 0);
    return context;
}

void set_int (void *socket, int option, int value)
{
    must (zmq_setsockopt (socket, option, &value, sizeof value) == 0);
}

void *new_socket (void *context, int type)
{
    void *socket = zmq_socket (context, type);
    must (socket);
    set_int (socket, ZMQ_SNDHWM, flags.hwm);
    set_int (socket, ZMQ_RCVHWM, flags.hwm);
    set_int (socket, ZMQ_LINGER, -1);
    return socket;
}

void bind_to (void *socket, const char *endpoint, char *bound, size_t room)
{
    must (zmq_bind (socket, endpoint) == 0);
    must (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, bound, &room) == 0);
}

void types (const char *pattern, int *far, int *near)
{
    const char *chosen = *flags.pattern ? flags.pattern : pattern;
    if (is (chosen, "PUSHPULL"))
        *far = ZMQ_PUSH, *near = ZMQ_PULL;
    else if (is (chosen, "REQREP"))
        *far = ZMQ_REQ, *near = ZMQ_REP;
    else if (is (chosen, "PAIR"))
        *far = *near = ZMQ_PAIR;
    else {
        must (is (chosen, "DEALERROUTER"));
        *far = ZMQ_DEALER, *near = ZMQ_ROUTER;
    }
}

void print_head (const char *name)
{
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    printf ("zbench name=%s lib=libzmq-%d.%d.%d transport=%s size=%zu count=%llu pin=%s ", name,
            major, minor, patch, flags.transport, flags.size, (unsigned long long) flags.count,
            flags.pin);
}

/*  ---- the other end ----                                                                       */

struct peer start_peer (const char *program)
{
    int to[2], from[2];
    must (pipe2 (to, O_CLOEXEC) == 0 && pipe2 (from, O_CLOEXEC) == 0);
    struct peer peer = {fork (), NULL, NULL};
    must (peer.pid >= 0);
    if (peer.pid == 0) {
        char **argv = calloc ((size_t) flags.argc + 3, sizeof *argv);
        must (argv && dup2 (to[0], 0) == 0 && dup2 (from[1], 1) == 1);
        const char *path = flags.peer ? flags.peer : "/proc/self/exe";
        argv[0] = (char *) path;
        argv[1] = (char *) program;
        for (int i = 0; i < flags.argc; i++)
            argv[i + 2] = flags.argv[i];
        execv (path, argv);
        must (!"started");
    }
    close (to[0]);
    close (from[1]);
    peer.in = fdopen (to[1], "w");
    peer.out = fdopen (from[0], "r");
    must (peer.in && peer.out);
    return peer;
}

void tell (struct peer *peer, const char *line)
{
    must (fprintf (peer->in, "%s\n", line) > 0 && fflush (peer->in) == 0);
}

void told (char *line, size_t room)
{
    must (fgets (line, (int) room, stdin));
    line[strcspn (line, "\n")] = 0;
}

void hear (FILE *from, char *line, size_t room)
{
    must (fgets (line, (int) room, from));
    line[strcspn (line, "\n")] = 0;
    must (strncmp (line, "ok ", 3) == 0);
    memmove (line, line + 3, strlen (line) - 2);
}

/*  ---- what the system says ----                                                                */

uint64_t now_ns (void)
{
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

double cpu_seconds (void)
{
    struct timespec t;
    clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

long rss_kib (void)
{
    FILE *status = fopen ("/proc/self/status", "r");
    must (status);
    char line[256];
    long kib = -1;
    while (kib < 0 && fgets (line, sizeof line, status))
        (void) sscanf (line, "VmRSS: %ld", &kib);
    fclose (status);
    return kib;
}

void raise_descriptors (void)
{
    struct rlimit limit;
    must (getrlimit (RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    must (setrlimit (RLIMIT_NOFILE, &limit) == 0);
}

void rest_ms (unsigned ms)
{
    usleep (ms * 1000);
}

/*  ---- contents: as content.rs makes them ----                                                  */

unsigned char *new_template (size_t size)
{
    unsigned char *bytes = malloc (size + 1);
    must (bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char) (i * 131 + (i >> 8) * 17 + 7);
    return bytes;
}

uint64_t number_of (uint64_t sender, uint64_t sequence)
{
    return sender << 48 | sequence;
}

static uint64_t mix (uint64_t number)
{
    uint64_t spread = (number ^ 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    return spread ^ spread >> 29;
}

void send_message (void *socket, const unsigned char *tmpl, size_t size, uint64_t number)
{
    zmq_msg_t message;
    must (zmq_msg_init_size (&message, size) == 0);
    unsigned char *p = zmq_msg_data (&message);
    if (size >= 16) {
        uint64_t end = mix (number);
        memcpy (p, tmpl, size);
        memcpy (p, &number, 8);
        memcpy (p + size - 8, &end, 8);
    } else if (size >= 8) {
        memcpy (p, tmpl, size);
        memcpy (p, &number, 8);
    } else
        memset (p, (int) (number & 255), size);
    must (zmq_msg_send (&message, socket, 0) == (int) size);
}

void check (const unsigned char *p, size_t got, const unsigned char *tmpl, uint64_t number)
{
    size_t size = flags.size;
    uint64_t end = mix (number);
    must (got == size);
    if (size >= 16) {
        must (memcmp (p, &number, 8) == 0 && memcmp (p + size - 8, &end, 8) == 0);
        if (size <= 1024 || number % 32 == 0)
            must (memcmp (p + 8, tmpl + 8, size - 16) == 0);
    } else if (size >= 8)
        must (memcmp (p, &number, 8) == 0);
    else
        for (size_t i = 0; i < size; i++)
            must (p[i] == (unsigned char) number);
}
