/*  `mixed`: round trips while something else goes on, where a library that polls, spins or lets one
 *  connection starve another shows it. The far process asks and measures, the near one answers:
 *    -M stream  a stream of messages on the same contexts, from far to near
 *    -M poll    sixteen sockets at each end, those of the near one in one zmq_poll
 *    -M peers   a ROUTER with 10 peers that ask in turn and 100 that are idle
 *    -M four    the same work by another pair of processes, which is not measured
 *  Each thread owns its socket.                                                                  */
#include "bench.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKETS 16
#define BUSY 10
#define IDLE 100

static atomic_int over;

static int by_value (const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return x < y ? -1 : x > y;
}

/*  Sends back what comes, with its envelope; returns how many messages that were.                */
static int echo (void *socket, int wait)
{
    zmq_msg_t part;
    must (zmq_msg_init (&part) == 0);
    if (zmq_msg_recv (&part, socket, wait) < 0)
        return 0;
    int more;
    do {
        more = zmq_msg_more (&part);
        must (zmq_msg_send (&part, socket, more ? ZMQ_SNDMORE : 0) >= 0);
        if (more)
            must (zmq_msg_recv (&part, socket, 0) >= 0);
    } while (more);
    must (zmq_msg_close (&part) == 0);
    return 1;
}

static uint64_t rounds (void)
{
    return flags.count + flags.warmup;
}

static void *echo_thread (void *socket)
{
    for (uint64_t i = 0; i < rounds (); i++)
        must (echo (socket, 0));
    return NULL;
}

/*  Streams until the round trips are over, and says so by an empty message.                      */
static void *stream_thread (void *socket)
{
    char body[64] = {0};
    while (!atomic_load (&over))
        must (zmq_send (socket, body, sizeof body, 0) == sizeof body);
    must (zmq_send (socket, "", 0, 0) == 0);
    return NULL;
}

static void *dial (void *context, int type, const char *endpoint)
{
    void *socket = new_socket (context, type);
    must (zmq_connect (socket, endpoint) == 0);
    return socket;
}

/*  Asks on one socket after the other; says the percentiles.                                     */
static void ask (void **sockets, int count)
{
    uint64_t *times = calloc (flags.count, sizeof *times);
    unsigned char *tmpl = new_template (flags.size);
    zmq_msg_t message;
    must (times && zmq_msg_init (&message) == 0);
    for (uint64_t i = 0; i < rounds (); i++) {
        void *socket = sockets[i % (uint64_t) count];
        uint64_t start = now_ns ();
        send_message (socket, tmpl, flags.size, i);
        must (zmq_msg_recv (&message, socket, 0) >= 0 && !zmq_msg_more (&message));
        if (i >= flags.warmup)
            times[i - flags.warmup] = now_ns () - start;
        check (zmq_msg_data (&message), zmq_msg_size (&message), tmpl, i);
    }
    atomic_store (&over, 1);
    qsort (times, flags.count, sizeof *times, by_value);
    printf ("ok %f %f\n", (double) times[flags.count / 2] * 1e-3,
            (double) times[flags.count * 99 / 100] * 1e-3);
}

int peer_mixed (void)
{
    char endpoint[SOCKETS][400], line[64];
    void *sockets[SOCKETS], *context = new_context (1023);
    int several = is (flags.mode, "poll") ? SOCKETS : is (flags.mode, "stream") ? 2 : 1;
    for (int i = 0; i < several; i++)
        told (endpoint[i], sizeof endpoint[i]);
    if (is (flags.mode, "peers")) {
        char hello[8];
        for (int i = 0; i < IDLE + BUSY; i++) {
            void *socket = dial (context, ZMQ_DEALER, endpoint[0]);
            must (zmq_send (socket, "hello", 5, 0) == 5);
            must (zmq_recv (socket, hello, sizeof hello, 0) == 5);
            if (i < BUSY)
                sockets[i] = socket;
        }
        ask (sockets, BUSY);
    } else if (is (flags.mode, "poll")) {
        for (int i = 0; i < SOCKETS; i++)
            sockets[i] = dial (context, ZMQ_REQ, endpoint[i]);
        ask (sockets, SOCKETS);
    } else {
        pthread_t streaming;
        int streams = is (flags.mode, "stream");
        sockets[0] = dial (context, ZMQ_REQ, endpoint[0]);
        void *push = streams ? dial (context, ZMQ_PUSH, endpoint[1]) : NULL;
        if (streams)
            must (pthread_create (&streaming, NULL, stream_thread, push) == 0);
        ask (sockets, 1);
        if (streams)
            must (pthread_join (streaming, NULL) == 0);
    }
    /* Sockets stay until the other end has all. */
    must (!fgets (line, sizeof line, stdin));
    _exit (0);
}

static void *bound (struct peer *peer, void *context, int type)
{
    char endpoint[400];
    void *socket = new_socket (context, type);
    bind_to (socket, wildcard (), endpoint, sizeof endpoint);
    tell (peer, endpoint);
    return socket;
}

static void serve_stream (struct peer *peer, void *context)
{
    pthread_t echoing;
    char body[64];
    must (pthread_create (&echoing, NULL, echo_thread, bound (peer, context, ZMQ_REP)) == 0);
    void *pull = bound (peer, context, ZMQ_PULL);
    while (zmq_recv (pull, body, sizeof body, 0) > 0)
        ;
    must (pthread_join (echoing, NULL) == 0);
}

static void serve_poll (struct peer *peer, void *context)
{
    zmq_pollitem_t items[SOCKETS];
    for (int i = 0; i < SOCKETS; i++)
        items[i] = (zmq_pollitem_t){bound (peer, context, ZMQ_REP), 0, ZMQ_POLLIN, 0};
    for (uint64_t done = 0; done < rounds ();) {
        must (zmq_poll (items, SOCKETS, -1) > 0);
        for (int i = 0; i < SOCKETS; i++)
            if (items[i].revents & ZMQ_POLLIN)
                done += (uint64_t) echo (items[i].socket, ZMQ_DONTWAIT);
    }
}

int mixed (void)
{
    char line[512];
    pid_t other = 0;
    if (is (flags.mode, "four")) {
        other = fork ();
        must (other >= 0);
        if (other == 0) {
            /* Until it is killed. */
            must (freopen ("/dev/null", "w", stdout));
            flags.count *= 1000;
            setpgid (0, 0);
        }
    }
    struct peer peer = start_peer ("peer-mixed");
    void *context = new_context (1023);
    if (is (flags.mode, "stream"))
        serve_stream (&peer, context);
    else if (is (flags.mode, "poll"))
        serve_poll (&peer, context);
    else {
        int peers = is (flags.mode, "peers");
        void *socket = bound (&peer, context, peers ? ZMQ_ROUTER : ZMQ_REP);
        for (uint64_t i = 0; i < rounds () + (peers ? IDLE + BUSY : 0); i++)
            must (echo (socket, 0));
    }
    hear (peer.out, line, sizeof line);
    if (other > 0)
        kill (-other, SIGKILL);
    double p50, p99;
    must (sscanf (line, "%lf %lf", &p50, &p99) == 2);
    print_head ("mixed");
    printf ("mode=%s p50_us=%.3f p99_us=%.3f ok=1\n", flags.mode, p50, p99);
    fflush (stdout);
    _exit (0);
}
